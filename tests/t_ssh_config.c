/* ssh_config(5): what OpenSSH itself makes of the same file is the measure, wherever it is installed. */
#include <netinet/in.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dice.h"
#include "oracle.h"
#include "sandbox.h"
#include "ssh/config.h"
#include "unit.h"

enum { LINES = 256, RANDOM_FILES = 150 };

/* ---- one who asks, whoever runs the tests ---- */

static const char *no_env(const char *name)
{
	return strcmp(name, "PLACE") == 0           ? "/place"
	       : strcmp(name, "SSH_AUTH_SOCK") == 0 ? "/run/agent"
						    : NULL;
}

static const struct ssh_self ann = { "ann", "/home/ann", 1001, "desk.example.com", no_env };

static struct err *parse(const char *text, struct ssh_config **ret)
{
	const struct ssh_document doc = { "config", text, strlen(text), false };

	return ssh_config_parse(&doc, 1, NULL, &ann, ret);
}

static struct err *look_up(const char *text, const char *alias, const struct ssh_option *over,
			   size_t n, struct ssh_host **ret)
{
	struct ssh_config *c = NULL;
	struct err *e = parse(text, &c);

	if (!e)
		e = ssh_config_host(c, alias, over, n, ret);
	ssh_config_free(c);
	return e;
}

static struct ssh_host *host_of(const char *text, const char *alias)
{
	struct ssh_host *h = NULL;

	unit_ok(look_up(text, alias, NULL, 0, &h));
	return h;
}

static char *joined(char *const *list)
{
	AUTO_BUF b = BUF_INIT;

	for (; *list; list++)
		buf_addf(&b, "%s%s", b.len ? " " : "", *list);
	return buf_take(&b);
}

#define lists(list, text)                       \
	do {                                    \
		AUTO_STR got_ = joined(list);   \
		ck_assert_str_eq(got_, (text)); \
	} while (0)

START_TEST(nothing_said)
{
	struct ssh_host *h = host_of("", "Web1");

	ck_assert_str_eq(h->alias, "Web1");
	ck_assert_str_eq(h->host_name, "web1");
	ck_assert_str_eq(h->user, "ann");
	ck_assert_int_eq(h->port, 22);
	ck_assert_int_eq(h->family, AF_UNSPEC);
	ck_assert_int_eq(h->strict, SSH_STRICT);
	ck_assert_int_eq(h->connect_timeout_s, -1);
	ck_assert_int_eq(h->alive_interval_s, 0);
	ck_assert_int_eq(h->alive_count, 3);
	ck_assert_str_eq(h->agent, "/run/agent");
	ck_assert_ptr_null(h->host_key_alias);
	ck_assert_ptr_null(h->host_key_algorithms);
	ck_assert(!h->identities_given && !h->identities_only && !h->hash_known_hosts);
	ck_assert_uint_eq(h->njumps, 0);
	ck_assert_str_eq(h->ignored, "");
	lists(h->identities,
	      "/home/ann/.ssh/id_rsa /home/ann/.ssh/id_ecdsa /home/ann/.ssh/id_ed25519");
	lists(h->certificates, "");
	lists(h->user_known_hosts, "/home/ann/.ssh/known_hosts /home/ann/.ssh/known_hosts2");
	lists(h->global_known_hosts, "/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2");
	ssh_host_free(h);
}
END_TEST

START_TEST(tokens)
{
	struct ssh_host *h =
		host_of("Hostname %h.example.com\n"
			"User bob\nPort 2200\nHostKeyAlias alias\n"
			"IdentityFile ~/%h-%n-%p-%r-%u-%i-%L-%l-%k-%%\n"
			"IdentityFile %d/x\nIdentityFile ${PLACE}/y\nIdentityFile none\n"
			"IdentityFile \"/a b/c\"\nCertificateFile ~/c\n"
			"UserKnownHostsFile ~/k1 \"/k 2\" /%k\nGlobalKnownHostsFile none\n"
			"IdentityAgent $PLACE\n",
			"web");

	lists(h->identities,
	      "/home/ann/web.example.com-web-2200-bob-ann-1001-desk-desk.example.com-alias-% "
	      "/home/ann/x /place/y /a b/c");
	lists(h->certificates, "/home/ann/c");
	lists(h->user_known_hosts, "/home/ann/k1 /k 2 /alias");
	lists(h->global_known_hosts, "");
	ck_assert_str_eq(h->agent, "/place");
	ssh_host_free(h);
}
END_TEST

static const struct {
	const char *option, *agent;
} agents[] = {
	{ "", "/run/agent" },
	{ "IdentityAgent none", NULL },
	{ "IdentityAgent SSH_AUTH_SOCK", "/run/agent" },
	{ "IdentityAgent $NOTHING", NULL },
	{ "IdentityAgent ~/a-%r", "/home/ann/a-ann" },
	{ "IdentityAgent ${PLACE}/a", "/place/a" },
};

START_TEST(agent)
{
	struct ssh_host *h = host_of(agents[_i].option, "web");

	ck_assert_pstr_eq(h->agent, agents[_i].agent);
	ssh_host_free(h);
}
END_TEST

START_TEST(given_options_come_first)
{
	const struct ssh_option over[] = {
		{ "Port", "2222" },
		{ "identityfile", "/my key" },
		{ "ProxyJump", "none" },
		{ "Hostname", "10.0.0.9" },
	};
	const struct ssh_option wrong = { "Prot", "2222" };
	const struct ssh_option proxy = { "ProxyCommand", "nc %h %p" };
	const struct ssh_option section = { "Host", "*" };
	struct ssh_host *h = NULL;

	unit_ok(look_up("Port 3\nIdentityFile /b\nProxyJump gate\nHostname other\n"
			"Match host 10.0.0.9\n User matched\n",
			"web", over, COUNT(over), &h));
	ck_assert_int_eq(h->port, 2222);
	ck_assert_str_eq(h->host_name, "10.0.0.9");
	ck_assert_str_eq(h->user, "matched");
	ck_assert_uint_eq(h->njumps, 0);
	lists(h->identities, "/my key /b");
	ssh_host_free(h);
	unit_fails(look_up("", "web", &wrong, 1, &h), ERR_USAGE,
		   "option Prot: there is no such option: is 'port' meant?");
	unit_fails(look_up("", "web", &proxy, 1, &h), ERR_USAGE, "option ProxyCommand: no command");
	unit_fails(look_up("", "web", &section, 1, &h), ERR_USAGE, "option Host: this can only be");
}
END_TEST

static const struct {
	const char *text, *words;
} wrong[] = {
	{ "Port 22\nProt 22\n", "config:2: Prot: there is no such option: is 'port' meant?" },
	{ "Host b\n IdentityFil x\n",
	  "config:2: IdentityFil: there is no such option: is 'identityfile'" },
	{ "Zzzzzzzzzz 1\n", "IgnoreUnknown" },
	{ "Port 0\n", "config:1: Port: '0' is no port" },
	{ "Port 65536\n", "no port" },
	{ "Host b\nPort x\n", "config:2: Port" },
	{ "Port\n", "config:1: Port: it says nothing" },
	{ "Port # 22\n", "it says nothing" },
	{ "Port 22 23\n", "one value is wanted, not 2" },
	{ "User ''\n", "empty" },
	{ "User \"a\n", "config:1: User: a quote is not closed" },
	{ "ConnectTimeout 1x\n", "is no time" },
	{ "ConnectTimeout 99999999999\n", "is no time" },
	{ "IdentitiesOnly maybe\n", "not yes or no" },
	{ "StrictHostKeyChecking maybe\n", "is none of: yes no" },
	{ "ServerAliveCountMax -1\n", "is no number" },
	{ "UserKnownHostsFile none /x\n", "must be alone" },
	{ "ProxyJump a@\n", "is not [user@]host[:port]" },
	{ "ProxyJump a:0\n", "is not [user@]host[:port]" },
	{ "ProxyJump a,,b\n", "is not [user@]host[:port]" },
	{ "ProxyJump a b\n", "one value" },
	{ "ProxyJump a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a\n", "more than 16 jumps" },
	{ "ProxyCommand nc %h %p\n", "config:1: ProxyCommand: no command is run: say ProxyJump" },
	{ "Match exec true\nUser a\n", "config:1: Match: exec: no command is run" },
	{ "Match host web exec true\n", "exec" },
	{ "Match\n", "says nothing" },
	{ "Match host\n", "'host' wants a value" },
	{ "Match hosts web\n", "no criterion" },
	{ "Match localnetwork 10.0.0.0/8\n", "localnetwork: this cannot be told here" },
	{ "Match host web user ann all\n", "config:1: Match: 'all' must be alone" },
	{ "Match all host web\n", "'all' must be alone" },
	{ "Host ''\n", "pattern is empty" },
	{ "Include other\n", "nothing can be included here" },
	{ "KnownHostsCommand /bin/x\n", "config:1: KnownHostsCommand" },
	{ "RevokedHostKeys /x\n", "@revoked" },
	{ "CanonicalizeHostname yes\n", "give the whole name as Hostname" },
	{ "BindAddress 10.0.0.1\n", "BindAddress" },
	{ "RefuseConnection \"not today\"\n", "RefuseConnection" },
	{ "PreferredAuthentications gssapi-with-mic,hostbased\n", "none of these can be done" },
	{ "Hostname %p\n", "config:1: Hostname: %p stands for nothing here" },
	{ "Hostname %\n", "single %" },
	{ "Hostname 'a b'\n", "'a b' is no name of a host" },
	{ "IdentityFile /%C\n", "config:1: IdentityFile: %C stands for nothing" },
	{ "IdentityFile ${NOTHING}/x\n", "the variable NOTHING is not set" },
	{ "IdentityFile ${PLACE\n", "${ without" },
	{ "IdentityFile ~no-such-user/x\n", "there is no user 'no-such-user'" },
};

START_TEST(refused)
{
	struct ssh_host *h = NULL;

	unit_fails(look_up(wrong[_i].text, "web", NULL, 0, &h), ERR_USAGE, wrong[_i].words);
	ck_assert_ptr_null(h);
}
END_TEST

/* Not in force for this host, or in force after something else, or of no harm. */
static const char *const harmless[] = {
	"Host other\nProxyCommand nc\nBindAddress 1\nKnownHostsCommand x\nRevokedHostKeys x\n",
	"ProxyCommand none\n",
	"ProxyJump none\nProxyCommand nc\n",
	"Match host other exec false\nUser x\n",
	"Match host other localnetwork 10.0.0.0/8\nUser x\n",
	"Match tagged a\nUser x\nMatch sessiontype shell\nUser y\n",
	"Tag b\nMatch tagged a,b sessiontype exec\nUser ann\nMatch all\nUser x\n",
	"Match final host other exec false\nUser x\n",
	"KnownHostsCommand none\nRevokedHostKeys none\nCanonicalizeHostname no\nBindInterface none\n",
	"CanonicalizeHostname no\nCanonicalizeHostname yes\n",
	"IgnoreUnknown usekey*,Other\nUseKeychain yes\nOther 1 2 3\n",
	"GSSAPIAuthentication yes\nForwardAgent yes\nSendEnv LANG LC_*\nUpdateHostKeys yes\n",
	"PreferredAuthentications gssapi-with-mic,publickey\n",
	"\n\n# all comments\n   # indented\n\t\r\n",
};

START_TEST(taken)
{
	struct ssh_host *h = host_of(harmless[_i], "web");

	ck_assert_str_eq(h->user, "ann");
	ck_assert_uint_eq(h->njumps, 0);
	ssh_host_free(h);
}
END_TEST

START_TEST(ignored_is_told)
{
	struct ssh_host *h = host_of("Ciphers aes128-ctr\nHost other\nMACs x\nHost *\n"
				     "PubkeyAuthentication no\nCiphers x\nForwardX11 no\n",
				     "web");

	ck_assert_str_eq(h->ignored, "Ciphers (config:1), PubkeyAuthentication (config:5)");
	ssh_host_free(h);
}
END_TEST

static const struct {
	const char *s, *user, *host;
	int port;
} jumps[] = {
	{ "gate", NULL, "gate", 0 },
	{ "bob@gate", "bob", "gate", 0 },
	{ "bob@gate:2222", "bob", "gate", 2222 },
	{ "a@b@gate", "a@b", "gate", 0 },
	{ "[fe80::1]:22", NULL, "fe80::1", 22 },
	{ "[::1]", NULL, "::1", 0 },
	{ "fe80::1", NULL, "fe80::1", 0 },
	{ "ssh://gate", NULL, "gate", 0 },
	{ "ssh://bo%62@gate:2222/", "bob", "gate", 2222 },
	{ "SSH://[::1]:5", NULL, "::1", 5 },
	{ "%r@%h-gate:%%", NULL, NULL, 0 },
	{ "%r@%h-gate:7", "ann", "web-gate", 7 },
	{ "[::1", NULL, NULL, 0 },
	{ "gate:22x", NULL, NULL, 0 },
	{ "ssh://gate/path", NULL, NULL, 0 },
	{ "ssh://b%zz@gate", NULL, NULL, 0 },
	{ "ssh://b%00@gate", NULL, NULL, 0 },
};

START_TEST(jump)
{
	AUTO_STR text = xasprintf("ProxyJump %s\n", jumps[_i].s);
	struct ssh_host *h = NULL;
	AUTO_ERR e = look_up(text, "web", NULL, 0, &h);

	ck_assert_int_eq(!e, jumps[_i].host != NULL);
	if (e)
		return;
	ck_assert_uint_eq(h->njumps, 1);
	ck_assert_pstr_eq(h->jumps->user, jumps[_i].user);
	ck_assert_str_eq(h->jumps->host, jumps[_i].host);
	ck_assert_int_eq(h->jumps->port, jumps[_i].port);
	ssh_host_free(h);
}
END_TEST

static char *way_of(const char *text, const char *alias)
{
	struct ssh_config *c = NULL;
	struct ssh_way w = { 0 };
	AUTO_BUF b = BUF_INIT;
	struct err *e = parse(text, &c);

	if (!e)
		e = ssh_config_way(c, alias, NULL, 0, &w);
	for (size_t i = 0; i < w.n; i++)
		buf_addf(&b, "%s%s@%s:%d", i ? " " : "", w.hosts[i]->user, w.hosts[i]->host_name,
			 w.hosts[i]->port);
	if (e)
		buf_adds(&b, e->text);
	err_free(e);
	ssh_way_release(&w);
	ssh_config_free(c);
	return buf_take(&b);
}

static const struct {
	const char *text, *way;
} ways[] = {
	{ "", "ann@web:22" },
	{ "Host web\nProxyJump bob@gate:2222\n", "bob@gate:2222 ann@web:22" },
	{ "Host web\nProxyJump one,x@two\nHost one\nPort 1\nHost two\nPort 2\nUser y\nProxyJump three\n",
	  "ann@one:1 x@two:2 ann@web:22" },
	{ "Host web\nProxyJump one\nHost one\nProxyJump two\nHost two\nHostname 10.0.0.2\n",
	  "ann@10.0.0.2:22 ann@one:22 ann@web:22" },
	{ "Host gate\nProxyJump none\nHost *\nProxyJump gate\n", "ann@gate:22 ann@web:22" },
	{ "ProxyJump gate\n",
	  "ProxyJump of 'web': ProxyJump of 'gate': host 'gate': the way to it leads "
	  "over itself: say ProxyJump none for it, before the line that has the jump" },
	{ "Match host web\nProxyJump %n-gate\n", "ann@web-gate:22 ann@web:22" },
	{ "ProxyJump x%h\n", "more than 16 jumps one after another" },
};

START_TEST(way)
{
	AUTO_STR got = way_of(ways[_i].text, "web");

	ck_assert_msg(strstr(got, ways[_i].way), "'%s' is not '%s'", got, ways[_i].way);
}
END_TEST

static const struct {
	const char *option, *list;
} algorithms[] = {
	{ NULL, "a1,a2,b1" },   { "c1,a2,zz,a2", "c1,a2" },  { "+c1,a1", "a1,a2,b1,c1" },
	{ "-a*", "b1" },        { "^b1,c1", "b1,c1,a1,a2" }, { "^c*", "c1,c2,a1,a2,b1" },
	{ "none-of-them", "" }, { "*", "a1,a2,b1,c1,c2" },
};

START_TEST(algorithm_lists)
{
	AUTO_STR got = ssh_algorithms(algorithms[_i].option, "a1,a2,b1", "a1,a2,b1,c1,c2");

	ck_assert_str_eq(got, algorithms[_i].list);
}
END_TEST

static const struct {
	const char *s, *patterns;
	int is;
} patterns[] = {
	{ "web", "web", 1 },      { "web", "WEB", 1 },
	{ "web", "w?b", 1 },      { "web", "w??b", 0 },
	{ "web", "*", 1 },        { "", "*", 1 },
	{ "", "?", 0 },           { "", "", 0 },
	{ "web", "w*,!web", -1 }, { "web", "!web,*", -1 },
	{ "web", "!db,*", 1 },    { "web", "!db", 0 },
	{ "abcabd", "*abd", 1 },  { "abcabdx", "*abd", 0 },
	{ "a.b.c", "*.b.*", 1 },  { "aa", "*a*a*a", 0 },
};

START_TEST(pattern)
{
	ck_assert_int_eq(ssh_match_list(patterns[_i].s, patterns[_i].patterns, true),
			 patterns[_i].is);
}
END_TEST

/* In time: no pattern takes more than length times length. */
START_TEST(many_stars)
{
	AUTO_BUF s = BUF_INIT;
	AUTO_BUF p = BUF_INIT;

	for (int i = 0; i < 2000; i++)
		buf_adds(&s, "a");
	for (int i = 0; i < 500; i++)
		buf_adds(&p, "*a");
	buf_adds(&p, "b");
	ck_assert(!ssh_match(s.s, p.s));
}
END_TEST

/* ---- files ---- */

static char *in_sandbox(const char *name)
{
	return xasprintf("%s/%s", sandbox_path(), name);
}

static struct ssh_self at_home(void)
{
	struct ssh_self self = ann;

	self.home = sandbox_path();
	self.uid = getuid();
	return self;
}

static struct err *read_user(const char *path, const char *alias, struct ssh_host **ret)
{
	const struct ssh_self self = at_home();
	struct ssh_config *c = NULL;
	struct err *e = ssh_config_read(path, &self, &c);

	if (!e)
		e = ssh_config_host(c, alias, NULL, 0, ret);
	ssh_config_free(c);
	return e;
}

START_TEST(files)
{
	AUTO_STR other = in_sandbox("other");
	AUTO_STR user = in_sandbox(".ssh/config");
	struct ssh_host *h = NULL;

	sandbox_write(".ssh/config",
		      "Host web\nInclude conf.d/* ~/home nothing-there\nHost *\nUser c\n");
	sandbox_write(".ssh/conf.d/a", "Port 1001\nHost db\nPort 1002\n");
	sandbox_write(".ssh/conf.d/b", "Port 1003\nHostname b\n");
	sandbox_write(".ssh/conf.d/folder/x", "Wrong 1\n");
	sandbox_write("home", "HostKeyAlias k\n");
	sandbox_write("other", "Host web\nPort 5\nInclude conf.d/b\n");
	unit_ok(read_user(NULL, "web", &h));
	ck_assert_int_eq(h->port, 1001);
	ck_assert_str_eq(h->host_name, "b");
	ck_assert_str_eq(h->host_key_alias, "k");
	ck_assert_str_eq(h->user, "c");
	ssh_host_free(TAKE(h));
	unit_ok(read_user(NULL, "db", &h));
	ck_assert_int_eq(h->port, 22); /* nothing that the part for web includes is in force */
	ssh_host_free(TAKE(h));
	unit_ok(read_user(other, "web", &h));
	ck_assert_int_eq(h->port, 5);
	ck_assert_str_eq(h->host_name, "b");
	ck_assert_str_eq(h->user, "ann");
	ssh_host_free(TAKE(h));
	unit_ok(read_user("none", "web", &h));
	ck_assert_int_eq(h->port, 22);
	ssh_host_free(TAKE(h));
	unit_fails(read_user("/nothing/there", "web", &h), ERR_USAGE,
		   "/nothing/there: cannot open");
	ck_assert_int_eq(chmod(user, 0666), 0);
	unit_fails(read_user(NULL, "web", &h), ERR_USAGE, "others can write to it");
	unit_ok(read_user(user, "web", &h));
	ssh_host_free(TAKE(h));
	sandbox_write("other", "Include ~/.ssh/config ~/other/none\n");
	unit_fails(read_user(other, "web", &h), ERR_USAGE, "others can write to it");
	ck_assert_int_eq(unlink(user), 0);
	unit_ok(read_user(NULL, "web", &h));
	ck_assert_int_eq(h->port, 22);
	ssh_host_free(h);
}
END_TEST

/* What is asked for by an Include, in place of files. */
static struct err *note_path(void *arg, const char *path, void *to,
			     struct err *(*add)(void *to, const char *name, const char *text,
						size_t len))
{
	buf_addf(arg, "%s ", path);
	return add(to, path, "Port 5\n", 7);
}

START_TEST(system_file)
{
	static const char user[] = "Host web\nInclude u /abs ~/home\n";
	static const char system_text[] = "Include s conf.d/*\nUser late\n";
	AUTO_BUF asked = BUF_INIT;
	const struct ssh_includer includer = { note_path, &asked };
	const struct ssh_document docs[] = {
		{ "user", user, strlen(user), false },
		{ "system", system_text, strlen(system_text), true },
		{ "system", "Include ~/x", 11, true },
	};
	struct ssh_config *c = NULL;
	struct ssh_host *h = NULL;

	unit_ok(ssh_config_parse(docs, 2, &includer, &ann, &c));
	ck_assert_str_eq(asked.s,
			 "/home/ann/.ssh/u /abs /home/ann/home /etc/ssh/s /etc/ssh/conf.d/* ");
	unit_ok(ssh_config_host(c, "db", NULL, 0, &h));
	ck_assert_int_eq(h->port,
			 5); /* nothing of the user's is about it; a new file begins with no Host */
	ck_assert_str_eq(h->user, "late");
	ssh_host_free(h);
	ssh_config_free(c);
	unit_fails(ssh_config_parse(docs, 3, &includer, &ann, &c), ERR_USAGE,
		   "system:1: Include: '~/x': there is no ~ in the system's file");
}
END_TEST

START_TEST(includes_itself)
{
	AUTO_STR path = in_sandbox("self");
	AUTO_STR text = xasprintf("Include %s\n", path);
	struct ssh_host *h = NULL;

	sandbox_write("self", text);
	unit_fails(read_user(path, "web", &h), ERR_USAGE, "does one include itself?");
	sandbox_write("wrong", "\nNo 1\n");
	sandbox_write("self", "Include ~/wrong\n");
	unit_fails(read_user(path, "web", &h), ERR_USAGE, "wrong:2: No: there is no such option");
	sandbox_write("self", "Include %h\n");
	unit_fails(read_user(path, "web", &h), ERR_USAGE, "there are no tokens here");
}
END_TEST

START_TEST(caps)
{
	AUTO_BUF b = BUF_INIT;
	const struct ssh_document nul = { "config", "Port 22\0\n", 9, false };
	struct ssh_config *c = NULL;
	struct ssh_host *h = NULL;

	unit_fails(ssh_config_parse(&nul, 1, NULL, &ann, &c), ERR_USAGE, "this is no text");
	for (int i = 0; i < 101; i++)
		buf_addf(&b, "IdentityFile /k%d\n", i);
	unit_fails(look_up(b.s, "web", NULL, 0, &h), ERR_USAGE,
		   "config:101: IdentityFile: more than 100");
	while (b.len <= 1 << 20)
		buf_adds(&b, "# a comment that is there for its length alone ..................\n");
	unit_fails(parse(b.s, &c), ERR_USAGE, "more than 1024 KiB");
	unit_fails(look_up("", "a b", NULL, 0, &h), ERR_USAGE, "'a b' is no name of a host");
	unit_fails(look_up("", "", NULL, 0, &h), ERR_USAGE, "no name of a host");
}
END_TEST

/* ---- OpenSSH's own answer ---- */

static bool have_ssh(void)
{
	const char *const argv[] = { "ssh", "-V", NULL };
	AUTO_BUF b = BUF_INIT;

	if (oracle_run(argv, &b) == 0)
		return true;
	(void)fputs("LEFT OUT: there is no ssh to compare with; apt-get install openssh-client\n",
		    stdout);
	return false;
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The lines of `ssh -G` that are about what we read, in an order that is always the same. */
static char *known_lines(const char *text)
{
	static const char *const known[] = {
		"user ",
		"hostname ",
		"port ",
		"addressfamily ",
		"identitiesonly ",
		"hashknownhosts ",
		"stricthostkeychecking ",
		"serveralivecountmax ",
		"serveraliveinterval ",
		"connecttimeout ",
		"identityfile ",
		"certificatefile ",
		"userknownhostsfile ",
		"globalknownhostsfile ",
		"hostkeyalias ",
		"identityagent ",
		"proxyjump ",
		"hostkeyalgorithms ",
	};
	AUTO_STR copy = xstrdup(text);
	char *rest = copy, *lines[LINES];
	size_t n = 0, identities = 0;
	AUTO_BUF b = BUF_INIT;

	while (rest && n < LINES) {
		char *line = strsep(&rest, "\n");

		for (size_t i = 0; i < COUNT(known); i++)
			if (strncmp(line, known[i], strlen(known[i])) == 0 &&
			    !strstr(line, "identityfile ~/.ssh/id_") &&
			    strcmp(line, "identityfile none") != 0)
				lines[n++] = line;
	}
	/* Of those that add up the order matters: it stays. */
	for (size_t i = 0; i < n; i++)
		if (strncmp(lines[i], "identityfile", 12) == 0)
			buf_addf(&b, "%s (%zu)\n", lines[i], identities++);
	qsort(lines, n, sizeof(*lines), compare_lines);
	for (size_t i = 0; i < n; i++)
		if (strncmp(lines[i], "identityfile", 12) != 0)
			buf_addf(&b, "%s\n",
				 strcmp(lines[i], "stricthostkeychecking ask") == 0
					 ? "stricthostkeychecking true"
					 : lines[i]);
	return buf_take(&b);
}

static void print_list(struct buf *b, const char *name, char *const *list, bool one_line)
{
	if (one_line)
		buf_addf(b, "%s%s", name, *list ? "" : " none");
	for (; *list; list++)
		buf_addf(b, one_line ? " %s" : "%s%s\n", one_line ? *list : name, *list);
	if (one_line)
		buf_adds(b, "\n");
}

static void print_jumps(struct buf *b, const struct ssh_host *h)
{
	for (size_t i = 0; i < h->njumps; i++) {
		const struct ssh_jump *j = &h->jumps[i];
		const bool number = strspn(j->host, "0123456789.") == strlen(j->host);
		const bool brackets = strchr(j->host, ':') || (number && i + 1 == h->njumps);

		buf_addf(b, "%s%s%s%s%s%s", i ? "," : "proxyjump ", j->user ? j->user : "",
			 j->user ? "@" : "", brackets ? "[" : "", j->host, brackets ? "]" : "");
		if (j->port)
			buf_addf(b, ":%d", j->port);
	}
	if (h->njumps)
		buf_adds(b, "\n");
}

/* The words behind a name in `ssh -G`; owned. */
static char *words_behind(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at ? xstrndup(at + strlen(name), strcspn(at + strlen(name), "\n")) : NULL;
}

/* All algorithms there are, and those that are usual, as OpenSSH has them. */
static char *usual, *all_algorithms;

static void find_algorithms(void)
{
	const char *const argv[] = { "ssh", "-G", "-F", "none", "web", NULL };
	const char *const query[] = { "ssh", "-Q", "HostKeyAlgorithms", NULL };
	AUTO_BUF b = BUF_INIT;
	AUTO_BUF q = BUF_INIT;

	ck_assert_int_eq(oracle_run(argv, &b), 0);
	ck_assert_int_eq(oracle_run(query, &q), 0);
	free(usual);
	free(all_algorithms);
	usual = words_behind(b.s, "\nhostkeyalgorithms ");
	for (char *p = q.s; *p; p++)
		if (*p == '\n')
			*p = p[1] ? ',' : '\0';
	all_algorithms = buf_take(&q);
}

static char *printed(const struct ssh_host *h)
{
	static const char *const stricts[] = { "true", "accept-new", "false" };
	AUTO_STR list = ssh_algorithms(h->host_key_algorithms, usual, all_algorithms);
	AUTO_BUF b = BUF_INIT;

	buf_addf(&b, "user %s\nhostname %s\nport %d\n", h->user, h->host_name, h->port);
	buf_addf(&b, "addressfamily %s\n",
		 h->family == AF_INET    ? "inet"
		 : h->family == AF_INET6 ? "inet6"
					 : "any");
	buf_addf(&b, "identitiesonly %s\nhashknownhosts %s\nstricthostkeychecking %s\n",
		 h->identities_only ? "yes" : "no", h->hash_known_hosts ? "yes" : "no",
		 stricts[h->strict]);
	buf_addf(&b, "serveralivecountmax %d\nserveraliveinterval %d\n", h->alive_count,
		 h->alive_interval_s);
	if (h->connect_timeout_s < 0)
		buf_adds(&b, "connecttimeout none\n");
	else
		buf_addf(&b, "connecttimeout %d\n", h->connect_timeout_s);
	if (h->identities_given)
		print_list(&b, "identityfile ", h->identities, false);
	print_list(&b, "certificatefile ", h->certificates, false);
	print_list(&b, "userknownhostsfile", h->user_known_hosts, true);
	print_list(&b, "globalknownhostsfile", h->global_known_hosts, true);
	if (h->host_key_alias)
		buf_addf(&b, "hostkeyalias %s\n", h->host_key_alias);
	print_jumps(&b, h);
	buf_addf(&b, "hostkeyalgorithms %s\n", list);
	return known_lines(b.s);
}

/* NULL: it is refused; *why: by whom. */
static char *ours(const char *path, const char *alias, struct err **why)
{
	struct ssh_config *c = NULL;
	struct ssh_host *h = NULL;
	char *ret = NULL;

	*why = ssh_config_read(path, NULL, &c);
	if (!*why)
		*why = ssh_config_host(c, alias, NULL, 0, &h);
	if (!*why)
		ret = printed(h);
	ssh_host_free(h);
	ssh_config_free(c);
	return ret;
}

static char *theirs(const char *path, const char *alias)
{
	const char *const argv[] = { "ssh", "-G", "-F", path, "--", alias, NULL };
	AUTO_BUF b = BUF_INIT;

	return oracle_run(argv, &b) == 0 ? known_lines(b.s) : NULL;
}

static void same(const char *text, const char *alias)
{
	AUTO_STR path = in_sandbox("config");
	AUTO_ERR e = NULL;

	sandbox_write("config", text);
	AUTO_STR wanted = theirs(path, alias);
	AUTO_STR got = ours(path, alias, &e);
	ck_assert_msg(!wanted == !got, "%s\nfor '%s': %s", text, alias,
		      e ? e->text : "it was to be refused");
	if (wanted)
		ck_assert_msg(strcmp(wanted, got) == 0, "%s\nfor '%s':\n%s\nand not\n%s", text,
			      alias, got, wanted);
}

static const char *const compared[] = {
	"",
	"Host web\n  Hostname web.example.com\n  Port 2222\n  User bob\nHost *\n  User other\n  Port 3\n",
	"Host !web *\nPort 1\nHost * !web\nPort 2\nHost w?b\nPort 3\n",
	"Host \"web\" db\nPort=1\nUser = \"bob the builder\"\nHostKeyAlias='x y'\n",
	"Match host web\nPort 1\nMatch originalhost web,db user root\nPort 2\nMatch all\nPort 3\n",
	"Hostname %h.example.com\nMatch host *.example.com\nPort 7\n",
	"Match final host web\nPort 7\nMatch all\nHostname other\n",
	"Match final host other\nPort 7\nMatch all\nHostname other\n",
	"Match !final\nPort 5\nMatch canonical\nPort 7\nMatch final all\nUser fin\n",
	"Host other\nPort 9\nHost web\nHostname Other\nMatch final\nIdentityFile /fin\n",
	"Match final\nHostname late\nPort 8\n",
	"Match !host web\nPort 1\nMatch host !web,*\nPort 2\nMatch !user nobody !localuser nobody\nPort 3\n",
	"Match host=web user=*\nPort 4\n",
	"IdentityFile /a\nIdentityFile /b\nIdentityFile /a\nCertificateFile /c\nCertificateFile \"/d e\"\n",
	"IdentitiesOnly yes\nHashKnownHosts TRUE\nAddressFamily INET6\nStrictHostKeyChecking OFF\n",
	"StrictHostKeyChecking accept-new\nConnectTimeout 1m30s\nServerAliveInterval 15\n",
	"ConnectTimeout none\nConnectTimeout 2h\nServerAliveCountMax 0\n",
	"StrictHostKeyChecking ask\nStrictHostKeyChecking no\n",
	"UserKnownHostsFile /k-%h-%n-%p-%r-%u-%i-%l-%L-%k-%% ~/x ${HOME}/y \"/with blank\"\n",
	"Port 24\nUser u\nHostname real\nHostKeyAlias al\nUserKnownHostsFile /k-%h-%n-%p-%r-%k%d\n",
	"GlobalKnownHostsFile /g1 /g2\nUserKnownHostsFile /u1 /u2\nUserKnownHostsFile /u3\n",
	"UserKnownHostsFile ~root/x /a%%b\n",
	"UserKnownHostsFile ~no-such-user/x\n",
	"UserKnownHostsFile /%q\n",
	"UserKnownHostsFile none\nUserKnownHostsFile /x\n",
	"GlobalKnownHostsFile none\n",
	"ProxyJump gate\n",
	"ProxyJump bob@gate:2222\n",
	"ProxyJump a,b@c,[::1]:24\n",
	"ProxyJump ssh://bob@gate:2222\n",
	"ProxyJump none\nProxyJump gate\n",
	"ProxyCommand none\nProxyJump gate\n",
	"ProxyJump gate # and no other\n",
	"HostKeyAlgorithms ssh-ed25519,rsa-sha2-512\n",
	"HostKeyAlgorithms +ssh-rsa,ssh-dss\n",
	"HostKeyAlgorithms -*cert*,sk-*,ecdsa*\n",
	"HostKeyAlgorithms ^rsa-sha2-*,ssh-ed25519\n",
	"Port 22x\n",
	"Port\n",
	"Host other\nPort 99999\n",
	"NoSuchOption 1\n",
	"IgnoreUnknown NoSuch*\nNoSuchOption 1\n",
	"Host other\nIgnoreUnknown NoSuch*\nHost *\nNoSuchOption 1\n",
	"User a b\n",
	"User \"a\n",
	"User a\\\"b\n",
	"User 'a b'\\ c\"d\"\n",
	"User a#b # c\n",
	"\tUser\t=\ta\t\r\n",
	"uSER a\nPORT=23\r\n",
	"User ==a\n",
	"Match\n",
	"Match host\n",
	"Match nothing x\n",
	"Match all host web\n",
	"Match host web all\nPort 4\n",
	"Match host web user root all\nPort 4\n",
	"Host FE80::0:1\nPort 4\nHost *\nHostname fe80::0:1\n",
	"Hostname 10.1\n",
	"Hostname Big.Example.COM\n",
	"Match !all\nPort 4\n",
	"Host\n",
	"ProxyJump a@\n",
	"ProxyJump a:x\n",
	"ConnectTimeout 5x\n",
	"IdentitiesOnly perhaps\n",
	"UserKnownHostsFile /a none\n",
	"PasswordAuthentication no\nCiphers aes128-ctr\nGSSAPIAuthentication yes\nSendEnv A B\n",
};

START_TEST(as_openssh)
{
	if (!have_ssh())
		return;
	find_algorithms();
	same(compared[_i], "web");
	same(compared[_i], "10.0.0.1");
}
END_TEST

/* ---- files made of everything, by chance that is the same each time ---- */

static void random_line(struct dice *d, struct buf *b, const char *includes)
{
	static const char *const names[] = { "web",           "w*",   "*",
					     "!web",          "db",   "?eb",
					     "*.example.com", "10.*", "!10.0.0.1",
					     "WEB",           "other" };
	static const char *const criteria[] = { "host",         "originalhost", "user",
						"localuser",    "!host",        "!user",
						"!originalhost" };
	static const char *const lists[] = { "web",    "*",   "!web,*", "root",
					     "db,web", "bob", "w*,!we?" };
	static const char *const options[] = {
		"User bob",
		"User root",
		"Port 2222",
		"Port 22",
		"Hostname %h.example.com",
		"Hostname other",
		"HostKeyAlias al",
		"IdentityFile /a",
		"IdentityFile /b",
		"IdentityFile /c",
		"CertificateFile /d",
		"IdentitiesOnly yes",
		"IdentitiesOnly no",
		"ProxyJump gate",
		"ProxyJump none",
		"ProxyJump a@b:1,c",
		"ProxyCommand none",
		"UserKnownHostsFile /k1 /k2",
		"UserKnownHostsFile /%h-%p-%r",
		"ConnectTimeout 10",
		"ConnectTimeout none",
		"ServerAliveInterval 1m",
		"ServerAliveCountMax 7",
		"StrictHostKeyChecking no",
		"StrictHostKeyChecking accept-new",
		"StrictHostKeyChecking yes",
		"AddressFamily inet",
		"HashKnownHosts yes",
		"HostKeyAlgorithms -ssh-*",
		"HostKeyAlgorithms ssh-ed25519",
		"IgnoreUnknown Zz*",
		"ForwardAgent no",
		"LogLevel DEBUG",
		"Compression yes",
	};
	static const char *const odd[] = { "ZzOption 1",   "Port 0",  "User a b",
					   "User",         "Match",   "Port 5 # five",
					   "User \"q r\"", "User 'x", "# nothing" };
	const size_t kind = roll(d, 100);
	const char *s;

	if (kind < 15) {
		buf_adds(b, roll(d, 2) ? "Host" : "host");
		for (size_t n = 1 + roll(d, 3); n; n--)
			buf_addf(b, " %s", one_of(d, names));
	} else if (kind < 35) {
		buf_adds(b, roll(d, 4) ? "Match" : roll(d, 2) ? "Match final" : "Match canonical");
		for (size_t n = 1 + roll(d, 2); n; n--)
			buf_addf(b, " %s %s", one_of(d, criteria), one_of(d, lists));
	} else if (kind < 38) {
		buf_adds(b, roll(d, 2) ? "Match all" : "Match final all");
	} else if (kind < 44 && includes) {
		buf_addf(b, "Include %s%s", includes, roll(d, 2) ? "1" : "*");
	} else if (kind < 45) {
		buf_adds(b, one_of(d, odd));
	} else {
		s = one_of(d, options);
		buf_addf(b, "%s%.*s%s%s", roll(d, 3) ? "" : "\t ", (int)strcspn(s, " "), s,
			 roll(d, 5)   ? " "
			 : roll(d, 2) ? "="
				      : " = ",
			 s + strcspn(s, " ") + 1);
	}
	buf_adds(b, roll(d, 12) ? "\n" : " \r\n");
}

static void random_file(struct dice *d, struct buf *b, const char *includes)
{
	for (size_t n = 3 + roll(d, 12); n; n--)
		random_line(d, b, includes);
}

START_TEST(as_openssh_by_chance)
{
	static const char *const aliases[] = { "web", "db", "10.0.0.1", "x.example.com" };
	AUTO_STR includes = in_sandbox("part");
	size_t refused_ones = 0;

	if (!have_ssh())
		return;
	find_algorithms();
	for (size_t i = 0; i < RANDOM_FILES; i++) {
		struct dice d = { i };
		AUTO_BUF main_file = BUF_INIT;
		AUTO_BUF one = BUF_INIT;
		AUTO_BUF two = BUF_INIT;
		AUTO_ERR e = NULL;
		AUTO_STR path = in_sandbox("config");

		random_file(&d, &one, NULL);
		random_file(&d, &two, NULL);
		random_file(&d, &main_file, includes);
		sandbox_write("part1", one.s);
		sandbox_write("part2", two.s);
		same(main_file.s, one_of(&d, aliases));
		AUTO_STR got = ours(path, "web", &e);
		refused_ones += !got;
	}
	/* Or it would be about little else than what is wrong. */
	ck_assert_uint_gt(refused_ones, 0);
	ck_assert_uint_lt(refused_ones, RANDOM_FILES / 2);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ssh_config");
	TCase *t = tcase_create("ssh_config");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_set_timeout(t, 900);
	tcase_add_checked_fixture(t, sandbox_enter, sandbox_leave);
	tcase_add_test(t, nothing_said);
	tcase_add_test(t, tokens);
	tcase_add_loop_test(t, agent, 0, COUNT(agents));
	tcase_add_test(t, given_options_come_first);
	tcase_add_loop_test(t, refused, 0, COUNT(wrong));
	tcase_add_loop_test(t, taken, 0, COUNT(harmless));
	tcase_add_test(t, ignored_is_told);
	tcase_add_loop_test(t, jump, 0, COUNT(jumps));
	tcase_add_loop_test(t, way, 0, COUNT(ways));
	tcase_add_loop_test(t, algorithm_lists, 0, COUNT(algorithms));
	tcase_add_loop_test(t, pattern, 0, COUNT(patterns));
	tcase_add_test(t, many_stars);
	tcase_add_test(t, files);
	tcase_add_test(t, system_file);
	tcase_add_test(t, includes_itself);
	tcase_add_test(t, caps);
	tcase_add_loop_test(t, as_openssh, 0, COUNT(compared));
	tcase_add_test(t, as_openssh_by_chance);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
