#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "sandbox.h"
#include "ssh/hosts.h"
#include "ssh/key.h"
#include "sshd.h"
#include "unit.h"

static void set_up(void)
{
	sshd_enter();
	if (!sshd_there())
		return;
	const char *const argv[] = { "ssh-keygen",  "-q", "-t",          "ed25519", "-N",
				     "open sesame", "-f", "keys/locked", NULL };
	ck_assert_int_eq(sshd_tool(argv), 0);
	sandbox_write("passphrase", "open sesame\n");
	sandbox_write("password", "hunter2-hunter2\n");
}

/* A set of hosts, or its error. What this machine's user has in ~/.ssh is no test's. */
static struct err *try(const char *list, const char *defaults, struct ssh_hosts **ret)
{
	AUTO_JSON l = unit_json(list);
	AUTO_JSON d = unit_json(defaults ? defaults : "{}");

	if (!json_has(d, "ssh_config"))
		json_sets(d, "ssh_config", "none");
	return ssh_hosts_open(l, "hosts", d, NULL, ret);
}

static struct ssh_hosts *hosts(const char *list, const char *defaults)
{
	struct ssh_hosts *h = NULL;

	unit_ok(try(list, defaults, &h));
	return h;
}

#define refused(list, defaults, words)                                  \
	do {                                                            \
		struct ssh_hosts *h_ = NULL;                            \
		unit_fails(try(list, defaults, &h_), ERR_USAGE, words); \
	} while (0)

/* The error at its option. */
static void check_at(const char *host, const char *option)
{
	AUTO_STR list = xasprintf("[%s]", host);
	struct ssh_hosts *h = NULL;
	AUTO_ERR e = try(list, NULL, &h);

	ck_assert_msg(e, "%s is taken", host);
	ck_assert_msg(e->at && strcmp(e->at, option) == 0, "%s: at %s", e->text,
		      e->at ? e->at : "nothing");
}

/* ---- what people write ---- */

START_TEST(names_and_addresses)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "web1", "{'address':'web1'}" },
		{ "ops@web1", "{'address':'web1','user':'ops'}" },
		{ "ops@web1:2222", "{'address':'web1','user':'ops','port':2222}" },
		{ "a@b@web1", "{'address':'web1','user':'a@b'}" },
		{ "[fd00::1]:22", "{'address':'fd00::1','port':22}" },
		{ "fd00::1", "{'address':'fd00::1'}" },
		{ "10.0.0.1", "{'address':'10.0.0.1'}" },
		{ "ssh://ops@web1:2022", "{'address':'web1','user':'ops','port':2022}" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO_JSON got = NULL;

		unit_ok(ssh_host_parse(cases[i].text, &got));
		unit_same(got, cases[i].want);
	}
}
END_TEST

START_TEST(what_is_no_host)
{
	static const char *const bad[] = { "",           "@web1", "web1:", "web1:0",
					   "web1:70000", "a b",   "web1/x" };

	for (size_t i = 0; i < COUNT(bad); i++) {
		AUTO_JSON got = NULL;

		unit_fails(ssh_host_parse(bad[i], &got), ERR_USAGE, "is not [user@]host[:port]");
	}
	refused("[3]", NULL, "hosts[0]: a host is a string or a dictionary");
	refused("{}", NULL, "hosts is a list of hosts");
	refused("['a', {'name':'b','prot':22}]", NULL,
		"hosts[1]: host 'b': Unsupported parameters");
	refused("[{'user':'a'}]", NULL, "neither address nor name");
	refused("['a','b','ops@a']", NULL, "hosts[2]: host 'a': it is there twice");
	check_at("{'address':'a','port':0}", "port");
	check_at("{'address':'a','port':'ssh'}", "port");
	check_at("{'address':'a','timeout':-1}", "timeout");
	check_at("{'address':'a','host_key_checking':'maybe'}", "host_key_checking");
	refused("[{'address':'a','known_hosts':'x','known_hosts_file':'y'}]", NULL,
		"mutually exclusive");
	check_at("{'address':'a','known_hosts':'no key at all'}", "known_hosts");
	check_at("{'address':'a','private_key_file':'/no/such/key'}", "private_key_file");
	check_at("{'address':'a','jump':'b c'}", "jump");
	check_at("{'address':'a','ssh_config':'/no/such/config'}", "ssh_config");
}
END_TEST

START_TEST(options_defaults_and_ssh_config)
{
	const struct ssh_target *t;
	struct ssh_hosts *h;

	sandbox_write("web_config",
		      "Host web*\n  User deploy\n  Port 2200\n  HostName 10.9.%h.example\n"
		      "  ConnectTimeout 7\n  ServerAliveInterval 4\n"
		      "Host *\n  ForwardX11 yes\n  Compression yes\n");
	h = hosts(
		"['web1', {'name':'second','address':'web2','user':'me','timeout':30,'sudo':true}, "
		"{'name':'db','port':5}]",
		"{'port':2201,'booting':true,'ssh_config':'web_config'}");
	ck_assert_uint_eq(ssh_hosts_count(h), 3);
	t = &ssh_hosts_at(h, 0)->target;
	ck_assert_str_eq(t->name, "web1");
	ck_assert_str_eq(t->host, "10.9.web1.example");
	ck_assert_str_eq(t->user, "deploy");
	ck_assert_int_eq(t->port, 2201);
	ck_assert(t->booting);
	ck_assert(!ssh_hosts_at(h, 0)->sudo);
	t = &ssh_hosts_at(h, 1)->target;
	ck_assert_str_eq(ssh_hosts_at(h, 1)->name, "second");
	ck_assert_str_eq(t->host, "10.9.web2.example");
	ck_assert_str_eq(t->user, "me");
	ck_assert_int_eq((int)t->deadline_ms, 30000);
	ck_assert(ssh_hosts_at(h, 1)->sudo);
	t = &ssh_hosts_at(h, 2)->target;
	ck_assert_str_eq(t->host, "db");
	ck_assert_int_eq(t->port, 5);

	struct ssh_options o = { 0 };
	ssh_hosts_pace(h, &o);
	ck_assert_int_eq((int)o.connect_ms, 7000);
	ck_assert_int_eq((int)o.keepalive_ms, 4000);
	ssh_hosts_free(h);

	h = hosts("['web1', {'address':'new','jump':'gate','booting':true}]",
		  "{'ssh_config':'none','jump':'door'}");
	ck_assert_str_eq(ssh_hosts_at(h, 0)->target.host, "web1");
	ck_assert(!ssh_hosts_at(h, 0)->target.jump->booting);
	ck_assert(ssh_hosts_at(h, 1)->target.jump->booting);
	ssh_hosts_free(h);
}
END_TEST

START_TEST(what_is_not_followed_is_told_once)
{
	struct ssh_hosts *h;

	sandbox_write("config", "Ciphers aes256-ctr\nCertificateFile /etc/cert\n");
	h = hosts("['a','b','c']", "{'ssh_config':'config'}");
	AUTO_JSON warnings = ssh_hosts_warnings(h);
	ck_assert_uint_eq(json_len(warnings), 2);
	ck_assert_ptr_nonnull(strstr(json_object_get_string(json_nth(warnings, 0)), "iphers"));
	ck_assert_ptr_nonnull(strstr(json_object_get_string(json_nth(warnings, 1)), "/etc/cert"));
	ssh_hosts_free(h);
}
END_TEST

/* ---- secrets ---- */

START_TEST(plain_secrets_are_refused)
{
	static const struct {
		const char *key, *instead;
	} cases[] = {
		{ "password", "password_file" },
		{ "ansible_password", "password_env" },
		{ "ansible_ssh_pass", "password_file" },
		{ "become_password", "sudo_password_file" },
		{ "ansible_become_pass", "sudo_password_env" },
		{ "passphrase", "passphrase_file" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO_STR host = xasprintf("[{'address':'a','%s':'s3cret-value'}]", cases[i].key);
		AUTO_STR defaults = xasprintf("{'%s':'s3cret-value'}", cases[i].key);
		struct ssh_hosts *h = NULL;
		AUTO_ERR e = try(host, NULL, &h);

		ck_assert(e && e->kind == ERR_USAGE);
		ck_assert_ptr_nonnull(strstr(e->text, cases[i].instead));
		ck_assert_ptr_null(strstr(e->text, "s3cret-value"));
		refused("['a']", defaults, cases[i].instead);
	}
	refused("[{'address':'a','bastions':[{'address':'b','password':'x'}]}]", NULL,
		"bastions[0]: password is not taken");
}
END_TEST

START_TEST(secrets_come_from_files_and_the_environment)
{
	struct ssh_hosts *h;

	NEED_SSHD;
	sandbox_env("SUDO_WORD=from-the-environment");
	sandbox_env("UNSET=");
	h = hosts("['a',{'address':'b','password_env':'SUDO_WORD'}]",
		  "{'password_file':'password','sudo_password_env':'SUDO_WORD'}");
	ck_assert_str_eq(ssh_hosts_at(h, 0)->target.password, "hunter2-hunter2");
	ck_assert_str_eq(ssh_hosts_at(h, 0)->target.sudo_password, "from-the-environment");
	ck_assert_str_eq(ssh_hosts_at(h, 1)->target.password, "from-the-environment");
	ck_assert_str_eq(ssh_hosts_secrets(h)[0], "hunter2-hunter2");
	ck_assert_str_eq(ssh_hosts_secrets(h)[1], "from-the-environment");
	ck_assert_ptr_null(ssh_hosts_secrets(h)[2]);
	ssh_hosts_free(h);

	sandbox_write("two", "one\ntwo\n");
	sandbox_write("empty", "\n");
	refused("[{'address':'a','password_file':'none'}]", NULL,
		"password_file: none: cannot open");
	refused("[{'address':'a','password_file':'two'}]", NULL, "one line");
	refused("[{'address':'a','password_file':'empty'}]", NULL, "it is empty");
	refused("[{'address':'a','password_env':'UNSET'}]", NULL,
		"'UNSET' of the environment is not set");
	refused("[{'address':'a','password_env':'A','password_file':'b'}]", NULL,
		"mutually exclusive");
}
END_TEST

/* ---- keys ---- */

START_TEST(keys_are_read_once)
{
	struct ssh_hosts *h;
	const struct ssh_target *t;

	NEED_SSHD;
	h = hosts("['a','b',{'address':'c','private_key_file':['keys/rsa','keys/ecdsa']}]",
		  "{'private_key_file':'keys/ed25519'}");
	t = &ssh_hosts_at(h, 0)->target;
	ck_assert_uint_eq(t->nkeys, 1);
	ck_assert_ptr_eq(t->keys[0], ssh_hosts_at(h, 1)->target.keys[0]);
	t = &ssh_hosts_at(h, 2)->target;
	ck_assert_uint_eq(t->nkeys, 2);
	ck_assert_str_eq(ssh_key_type(t->keys[0]), "ssh-rsa");
	ssh_hosts_free(h);
}
END_TEST

START_TEST(an_encrypted_key_needs_its_passphrase)
{
	const char *const from = "[{'address':'a','private_key_file':'keys/locked'}]";
	struct ssh_hosts *h;

	NEED_SSHD;
	sandbox_env("WRONG=open barley");
	refused(from, NULL, "looked for in the file that passphrase_file names");
	refused(from, "{'passphrase_env':'WRONG'}", "passphrase is wrong");
	h = hosts(from, "{'passphrase_file':'passphrase'}");
	ck_assert(ssh_key_can_sign(ssh_hosts_at(h, 0)->target.keys[0]));
	ssh_hosts_free(h);
	/* With an agent its public half says which one is meant. */
	h = hosts(from, "{'identity_agent':'/run/agent','identities_only':true}");
	ck_assert_uint_eq(ssh_hosts_at(h, 0)->target.nkeys, 1);
	ck_assert(!ssh_key_can_sign(ssh_hosts_at(h, 0)->target.keys[0]));
	ck_assert_str_eq(ssh_hosts_at(h, 0)->target.agent, "/run/agent");
	ssh_hosts_free(h);
}
END_TEST

/* Of keys that ssh_config names, those that cannot be used are no error, but are told. */
START_TEST(keys_of_ssh_config_are_taken_as_far_as_they_go)
{
	struct ssh_hosts *h;

	NEED_SSHD;
	sandbox_write("config",
		      "IdentityAgent none\nIdentityFile keys/locked\nIdentityFile keys/no\n"
		      "IdentityFile keys/ecdsa\n");
	h = hosts("['a','b']", "{'ssh_config':'config'}");
	ck_assert_uint_eq(ssh_hosts_at(h, 1)->target.nkeys, 1);
	AUTO_JSON warnings = ssh_hosts_warnings(h);
	ck_assert_uint_eq(json_len(warnings), 2);
	ck_assert_ptr_nonnull(
		strstr(json_object_get_string(json_nth(warnings, 0)), "it is encrypted"));
	ck_assert_ptr_nonnull(strstr(json_object_get_string(json_nth(warnings, 1)), "keys/no"));
	ssh_hosts_free(h);
}
END_TEST

START_TEST(secrets_may_be_in_memory)
{
	AUTO_BUF text = BUF_INIT;
	struct ssh_hosts *h = NULL;
	const struct ssh_entry *entry = NULL;

	NEED_SSHD;
	unit_ok(file_text("keys/locked", 10000, &text));
	const struct ssh_secrets s = { .private_key = text.s,
				       .passphrase = "open sesame",
				       .password = "pass-word",
				       .sudo_password = "sudo-word" };
	AUTO_JSON a = json_object_new_string("a");
	AUTO_JSON b = unit_json("{'address':'b','jump':'c'}");
	unit_ok(ssh_hosts_new(NULL, &s, &h));
	unit_ok(ssh_hosts_add(h, a, &entry));
	ck_assert_uint_eq(entry->target.nkeys, 1);
	ck_assert_str_eq(entry->target.password, "pass-word");
	ck_assert_str_eq(entry->target.sudo_password, "sudo-word");
	unit_ok(ssh_hosts_add(h, b, &entry));
	ck_assert_uint_eq(entry->target.jump->nkeys, 1);
	ck_assert_ptr_null(entry->target.jump->password);
	ssh_hosts_free(h);
}
END_TEST

/* ---- bastions ---- */

START_TEST(bastions_by_option)
{
	const struct ssh_target *t;
	struct ssh_hosts *h;

	NEED_SSHD;
	h = hosts("[{'address':'a','jump':'ops@b1:2022,b2','password_file':'password'}]",
		  "{'user':'me','port':7,'private_key_file':'keys/ed25519'}");
	t = &ssh_hosts_at(h, 0)->target;
	ck_assert_str_eq(t->host, "a");
	ck_assert_str_eq(t->user, "me");
	ck_assert_ptr_nonnull(t->password);
	t = t->jump;
	ck_assert_str_eq(t->host, "b2");
	ck_assert_int_eq(t->port, 22);
	ck_assert_str_ne(t->user, "me");
	ck_assert_uint_eq(t->nkeys, 1);
	ck_assert_ptr_null(t->password);
	t = t->jump;
	ck_assert_str_eq(t->host, "b1");
	ck_assert_str_eq(t->user, "ops");
	ck_assert_int_eq(t->port, 2022);
	ck_assert_ptr_null(t->jump);
	ssh_hosts_free(h);

	h = hosts("[{'address':'a','bastions':[{'address':'b','private_key_file':'keys/rsa',"
		  "'password_file':'password'}]}]",
		  "{'private_key_file':'keys/ed25519','jump':'elsewhere'}");
	t = ssh_hosts_at(h, 0)->target.jump;
	ck_assert_str_eq(t->host, "b");
	ck_assert_str_eq(ssh_key_type(t->keys[0]), "ssh-rsa");
	ck_assert_ptr_null(t->jump);
	ssh_hosts_free(h);
}
END_TEST

START_TEST(bastions_of_ssh_config)
{
	struct ssh_hosts *h;

	sandbox_write("config", "Host a\n ProxyJump x@b\nHost b\n Port 99\n");
	h = hosts("['a',{'name':'direct','address':'a','jump':'none'}]", "{'ssh_config':'config'}");
	ck_assert_str_eq(ssh_hosts_at(h, 0)->target.jump->host, "b");
	ck_assert_str_eq(ssh_hosts_at(h, 0)->target.jump->user, "x");
	ck_assert_int_eq(ssh_hosts_at(h, 0)->target.jump->port, 99);
	ck_assert_ptr_null(ssh_hosts_at(h, 1)->target.jump);
	ssh_hosts_free(h);
}
END_TEST

/* ---- for real ---- */

struct asked {
	bool ran;
};

static struct err *ask(struct ssh_session *s, void *arg)
{
	struct ssh_result r = SSH_RESULT_INIT;
	struct err *e = ssh_exec(s, &(struct ssh_exec){ .command = "echo here" }, &r);

	if (!e)
		((struct asked *)arg)->ran = r.status == 0 && strcmp(r.out.s, "here\n") == 0;
	ssh_result_release(&r);
	return e;
}

/* What becomes of the only host of a list. */
static struct err *go(const struct sshd *d, const char *more)
{
	const struct ssh_options o = { .connect_ms = 3000000, .host_ms = 3000000 };
	AUTO_STR list = xasprintf("[{'name':'it','address':'127.0.0.1','port':%d,'user':'%s',"
				  "'private_key_file':'keys/ed25519'%s}]",
				  d->port, sshd_user(), more);
	struct ssh_hosts *h = hosts(list, NULL);
	struct ssh_run *run = ssh_run_new(&o);
	struct asked a = { 0 };
	struct ssh_job *j = ssh_run_add(run, &ssh_hosts_at(h, 0)->target, ask, &a);
	struct err *e = NULL;

	ssh_run_all(run);
	if (ssh_job_err(j))
		e = err_new(ssh_job_err(j)->kind, "%s", ssh_job_err(j)->text);
	ck_assert(a.ran == !e);
	ssh_run_free(run);
	ssh_hosts_free(h);
	return e;
}

static char *public_key(const char *path)
{
	AUTO_BUF b = BUF_INIT;

	unit_ok(file_text(path, 10000, &b));
	b.s[strcspn(b.s, "\n")] = '\0';
	return xstrdup(b.s);
}

START_TEST(host_keys_are_checked)
{
	struct sshd d;

	NEED_SSHD;
	d = sshd_start("");
	AUTO_STR good = public_key("host/ecdsa.pub");
	AUTO_STR bad = public_key("keys/ecdsa.pub");
	AUTO_STR given = xasprintf(",'known_hosts':'%s'", good);
	AUTO_STR wrong = xasprintf(",'known_hosts':'%s'", bad);
	AUTO_STR file = xasprintf("[127.0.0.1]:%d %s\n", d.port, good);
	AUTO_STR changed = xasprintf("[127.0.0.1]:%d %s\n", d.port, bad);
	AUTO_STR revoked = xasprintf("@revoked * %s\n%s", good, file);
	AUTO_BUF added = BUF_INIT;

	unit_ok(go(&d, given));
	unit_fails(go(&d, wrong), ERR_AUTH, "somebody may be in between");
	sandbox_write("known", file);
	unit_ok(go(&d, ",'known_hosts_file':'known'"));
	sandbox_write("known", changed);
	unit_fails(go(&d, ",'known_hosts_file':'known'"), ERR_AUTH, "known:1");
	unit_ok(go(&d, ",'known_hosts_file':'known','host_key_checking':false"));
	sandbox_write("known", revoked);
	unit_fails(go(&d, ",'known_hosts_file':'known'"), ERR_AUTH, "revoked");
	unit_fails(go(&d, ",'known_hosts_file':'new'"), ERR_AUTH, "not known");
	unit_ok(go(&d, ",'known_hosts_file':'new','host_key_checking':'accept-new'"));
	unit_ok(go(&d, ",'known_hosts_file':'new'"));
	unit_ok(file_text("new", 10000, &added));
	ck_assert_ptr_nonnull(strstr(added.s, "127.0.0.1"));
	sshd_stop(&d);
}
END_TEST

START_TEST(through_a_bastion)
{
	struct sshd d, b;

	NEED_SSHD;
	d = sshd_start("");
	b = sshd_start("");
	AUTO_STR key = public_key("host/ed25519.pub");
	AUTO_STR lines =
		xasprintf("[127.0.0.1]:%d %s\n[127.0.0.1]:%d %s\n", d.port, key, b.port, key);
	AUTO_STR more = xasprintf(",'known_hosts_file':'both','jump':'%s@127.0.0.1:%d'",
				  sshd_user(), b.port);
	sandbox_write("both", lines);
	unit_ok(go(&d, more));
	AUTO_STR log = sshd_log(&b);
	AUTO_BUF said = BUF_INIT;
	unit_ok(file_text(log, 1 << 20, &said));
	ck_assert_ptr_nonnull(strstr(said.s, "Accepted publickey"));
	sshd_stop(&d);
	sshd_stop(&b);
}
END_TEST

/* Each host has a bastion of its own in its options; they are the same, but for the one that accepts all. */
START_TEST(hosts_share_a_bastion_that_they_trust_alike)
{
	const struct ssh_options o = { .connect_ms = 3000000, .host_ms = 3000000 };
	struct asked a[4] = { { 0 } };
	struct ssh_job *jobs[COUNT(a)];
	struct sshd d, b;
	int sessions = 0;

	NEED_SSHD;
	d = sshd_start("");
	b = sshd_start("");
	AUTO_STR key = public_key("host/ed25519.pub");
	AUTO_STR lines =
		xasprintf("[127.0.0.1]:%d %s\n[127.0.0.1]:%d %s\n", d.port, key, b.port, key);
	AUTO_STR defaults = xasprintf(
		"{'address':'127.0.0.1','port':%d,'user':'%s','known_hosts_file':'shared',"
		"'private_key_file':'keys/ed25519','jump':'%s@127.0.0.1:%d'}",
		d.port, sshd_user(), sshd_user(), b.port);
	sandbox_write("shared", lines);
	struct ssh_hosts *h = hosts("[{'name':'a'},{'name':'b'},{'name':'c'},"
				    "{'name':'d','host_key_checking':'no'}]",
				    defaults);
	struct ssh_run *run = ssh_run_new(&o);
	for (size_t i = 0; i < COUNT(a); i++)
		jobs[i] = ssh_run_add(run, &ssh_hosts_at(h, i)->target, ask, &a[i]);
	ssh_run_all(run);
	for (size_t i = 0; i < COUNT(a); i++)
		ck_assert_ptr_null(ssh_job_err(jobs[i]));
	ssh_run_free(run);
	ssh_hosts_free(h);
	AUTO_STR log = sshd_log(&b);
	AUTO_BUF said = BUF_INIT;
	unit_ok(file_text(log, 1 << 20, &said));
	for (const char *at = said.s; (at = strstr(at, "Accepted publickey")); at++)
		sessions++;
	ck_assert_int_eq(sessions, 2);
	sshd_stop(&d);
	sshd_stop(&b);
}
END_TEST

START_TEST(many_hosts_are_opened)
{
	AUTO_JSON list = json_object_new_array();
	struct ssh_hosts *h = NULL;

	for (int i = 0; i < 2000; i++) {
		AUTO_STR name = xasprintf("host-%d", i);

		json_object_array_add(list, json_object_new_string(name));
	}
	unit_ok(ssh_hosts_open(list, "hosts", NULL, NULL, &h));
	ck_assert_uint_eq(ssh_hosts_count(h), 2000);
	ck_assert_str_eq(ssh_hosts_at(h, 1999)->name, "host-1999");
	ssh_hosts_free(h);
}
END_TEST

UNIT_MAIN_IN("hosts", set_up, sandbox_leave, names_and_addresses, what_is_no_host,
	     options_defaults_and_ssh_config, what_is_not_followed_is_told_once,
	     plain_secrets_are_refused, secrets_come_from_files_and_the_environment,
	     keys_are_read_once, an_encrypted_key_needs_its_passphrase,
	     keys_of_ssh_config_are_taken_as_far_as_they_go, secrets_may_be_in_memory,
	     bastions_by_option, bastions_of_ssh_config, host_keys_are_checked, through_a_bastion,
	     hosts_share_a_bastion_that_they_trust_alike, many_hosts_are_opened)
