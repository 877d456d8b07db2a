/* The options of ssh_config(5): which there are, and what their values look like. */
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "buf.h"
#include "ssh/config_lines.h"
#include "text.h"

enum { FILES_MAX = 32 };

const struct row option_rows[] = {
	{ "AddressFamily", ADDRESS_FAMILY, CHOICE, "any inet inet6" },
	{ "BindAddress", BIND_ADDRESS, TEXT, "none",
	  "the address to go out from cannot be chosen: leave it to the routes" },
	{ "BindInterface", BIND_INTERFACE, TEXT, "none",
	  "the interface to go out by cannot be chosen: leave it to the routes" },
	{ "CanonicalizeHostname", CANONICALIZE, TEXT, "no false none",
	  "names are not looked up: give the whole name as Hostname" },
	{ "CertificateFile", CERTIFICATE_FILE, EACH },
	{ "ConnectTimeout", CONNECT_TIMEOUT, SECONDS },
	{ "GlobalKnownHostsFile", GLOBAL_KNOWN_HOSTS, FILES },
	{ "HashKnownHosts", HASH_KNOWN_HOSTS, FLAG },
	{ "HostKeyAlgorithms", HOST_KEY_ALGORITHMS, TEXT },
	{ "HostKeyAlias", HOST_KEY_ALIAS, TEXT },
	{ "Hostname", HOST_NAME, TEXT },
	{ "IdentitiesOnly", IDENTITIES_ONLY, FLAG },
	{ "IdentityAgent", IDENTITY_AGENT, TEXT },
	{ "IdentityFile", IDENTITY_FILE, EACH },
	{ "IgnoreUnknown", IGNORE_UNKNOWN, TEXT },
	{ "KnownHostsCommand", KNOWN_HOSTS_COMMAND, ANYTHING, "none",
	  "no command is run: write what it prints into a file of UserKnownHostsFile" },
	{ "Port", PORT_NUMBER, PORT },
	{ "PreferredAuthentications", PREFERRED, TEXT },
	{ "ProxyCommand", PROXY, ANYTHING, "none",
	  "no command is run: say ProxyJump, or ProxyCommand none for this host" },
	{ "ProxyJump", PROXY, JUMP },
	{ "RefuseConnection", REFUSE, ANYTHING, "", "the file says so" },
	{ "RevokedHostKeys", REVOKED, TEXT, "none",
	  "it is not read: put the keys into a file of UserKnownHostsFile as '@revoked * KEY'" },
	{ "ServerAliveCountMax", ALIVE_COUNT, COUNT_OF },
	{ "ServerAliveInterval", ALIVE_INTERVAL, SECONDS },
	{ "StrictHostKeyChecking", STRICT, CHOICE, "yes no true false ask off accept-new" },
	{ "Tag", TAG, TEXT },
	{ "User", USER, TEXT },
	{ "UserKnownHostsFile", USER_KNOWN_HOSTS, FILES },
};

const size_t option_count = COUNT(option_rows);

/* They may matter to somebody, and are not followed: ssh_host.ignored. */
static const char told[] =
	"casignaturealgorithms checkhostip ciphers kbdinteractiveauthentication kexalgorithms macs "
	"passwordauthentication pkcs11provider preferredauthentications pubkeyacceptedalgorithms "
	"pubkeyauthentication requiredrsasize securitykeyprovider";

/* They do not concern us, as they are about terminals, forwarding and the like, or OpenSSH itself has given them up. */
static const char silent[] =
	"addkeystoagent batchmode canonicaldomains canonicalizefallbacklocal canonicalizemaxdots "
	"canonicalizepermittedcnames challengeresponseauthentication channeltimeout cipher "
	"clearallforwardings compression compressionlevel connectionattempts controlmaster "
	"controlpath controlpersist dsaauthentication dynamicforward enableescapecommandline "
	"enablesshkeysign escapechar exitonforwardfailure fallbacktorsh fingerprinthash "
	"forkafterauthentication forwardagent forwardx11 forwardx11timeout forwardx11trusted "
	"gatewayports gssapiauthentication gssapiclientidentity gssapidelegatecredentials "
	"gssapikexalgorithms gssapikeyexchange gssapirenewalforcesrekey gssapiserveridentity "
	"gssapitrustdns hostbasedacceptedalgorithms hostbasedauthentication hostbasedkeytypes ipqos "
	"kbdinteractivedevices keepalive localcommand localforward loglevel logverbose "
	"nohostauthenticationforlocalhost numberofpasswordprompts obscurekeystroketiming "
	"permitlocalcommand permitremoteopen protocol proxyusefdpass pubkeyacceptedkeytypes "
	"rekeylimit remotecommand remoteforward requesttty rhostsauthentication "
	"rhostsrsaauthentication rsaauthentication sendenv sessiontype setenv setupenv "
	"skeyauthentication smartcarddevice stdinnull streamlocalbindmask streamlocalbindunlink "
	"syslogfacility tcpkeepalive tisauthentication tunnel tunneldevice updatehostkeys "
	"useprivilegedport useroaming usersh verifyhostkeydns versionaddendum visualhostkey "
	"warnweakcrypto xauthlocation";

static const char sections[] = "host include match";

static const struct row *find_row(const char *keyword)
{
	for (size_t i = 0; i < option_count; i++)
		if (strcasecmp(option_rows[i].name, keyword) == 0)
			return &option_rows[i];
	return NULL;
}

char *text_lower(const char *s)
{
	char *ret = xstrdup(s);

	for (char *p = ret; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	return ret;
}

static void nearest_words(struct nearest *n, const char *words)
{
	WORDS_EACH(w, words) {
		AUTO_STR word = xstrndup(w, words_len(w));
		const size_t before = n->best ? n->distance : SIZE_MAX;

		nearest_try(n, word);
		if (n->best && n->distance < before)
			n->best = w; /* the word ends where the table's does */
	}
}

struct err *line_unknown(const struct line *l, const char *keyword)
{
	AUTO_BUF names = BUF_INIT;
	struct nearest n = { keyword };

	for (size_t i = 0; i < option_count; i++) {
		AUTO_STR name = text_lower(option_rows[i].name);

		buf_addf(&names, "%s ", name);
	}
	buf_addf(&names, "%s %s %s", sections, told, silent);
	nearest_words(&n, names.s);
	if (n.best)
		return line_bad(l, "there is no such option: is '%.*s' meant?",
				(int)words_len(n.best), n.best);
	return line_bad(l,
			"there is no such option; if another program's, name it in IgnoreUnknown");
}

/* ---- values ---- */

static bool number(const char **s, long max, long *ret)
{
	long n = 0;

	if (**s < '0' || **s > '9')
		return false;
	for (; **s >= '0' && **s <= '9'; (*s)++) {
		n = n * 10 + (**s - '0');
		if (n > max)
			return false;
	}
	*ret = n;
	return true;
}

bool text_number(const char *s, long max, long *ret)
{
	return number(&s, max, ret) && !*s;
}

/* sshd_config(5), TIME FORMATS. */
bool text_seconds(const char *s, long *ret)
{
	static const char units[] = "smhdwSMHDW";
	static const long each[] = { 1, 60, 3600, 86400, 604800 };
	long sum = 0, n = 0;

	if (!*s)
		return false;
	while (*s) {
		const char *unit;

		if (!number(&s, INT_MAX, &n))
			return false;
		unit = *s ? strchr(units, *s) : NULL;
		if (*s && !unit)
			return false;
		s += *s != '\0';
		n *= unit ? each[(unit - units) % 5] : 1;
		sum += n;
		if (sum > INT_MAX)
			return false;
	}
	*ret = sum;
	return true;
}

bool text_has(const char *words, const char *value)
{
	AUTO_STR low = text_lower(value);

	return words && words_have(words, low);
}

bool text_is_none(const char *s)
{
	return strcasecmp(s, "none") == 0;
}

/* ---- jumps: [user@]host[:port] or ssh://[user@]host[:port] ---- */

void jump_release(struct ssh_jump *j)
{
	free(j->user);
	free(j->host);
	*j = (struct ssh_jump){ 0 };
}

/* Of "%41"; -1: it is none. */
static int hex_byte(const char *s)
{
	static const char hex[] = "0123456789abcdef0123456789ABCDEF";
	const char *high = s[1] ? strchr(hex, s[1]) : NULL;
	const char *low = high && s[2] ? strchr(hex, s[2]) : NULL;

	return low ? (int)((high - hex) % 16 * 16 + (low - hex) % 16) : -1;
}

static bool undo_percent(char *s)
{
	char *to = s;

	for (; *s; s++, to++) {
		const int byte = *s == '%' ? hex_byte(s) : 0;

		*to = *s;
		if (*s != '%')
			continue;
		if (byte <= 0)
			return false;
		*to = (char)byte;
		s += 2;
	}
	*to = '\0';
	return true;
}

/* Splits "host:port", "[host]:port"; *port stays 0 without one. What has several colons is an IPv6 address. */
static bool split_port(char *s, bool uri, struct ssh_jump *ret)
{
	char *end = *s == '[' ? strchr(s, ']') : NULL;
	char *colon = end ? end + 1 : strchr(s, ':');
	long port = 0;

	if (*s == '[' && !end)
		return false;
	if (!end && colon && strchr(colon + 1, ':')) {
		if (uri)
			return false;
		colon = NULL;
	}
	if (colon && *colon) {
		if (*colon != ':' || !text_number(colon + 1, 65535, &port) || !port)
			return false;
		*colon = '\0';
	}
	if (end) {
		*end = '\0';
		s++;
	}
	ret->host = xstrdup(s);
	ret->port = (int)port;
	return *s != '\0';
}

/* Jumps are parsed before tokens are expanded: what these stand for may have colons. */
bool jump_parse(const char *s, struct ssh_jump *ret)
{
	const bool uri = strncasecmp(s, "ssh://", 6) == 0;
	AUTO_STR text = xstrdup(uri ? s + 6 : s);
	char *at = strrchr(text, '@');
	char *host = at ? at + 1 : text;
	const size_t len = strlen(host);

	*ret = (struct ssh_jump){ 0 };
	if (uri && len && host[len - 1] == '/')
		host[len - 1] = '\0';
	if (at) {
		*at = '\0';
		ret->user = xstrdup(text);
	}
	if (!split_port(host, uri, ret) || (at && !*text) || strpbrk(ret->host, "/ \t") ||
	    (uri && ((at && !undo_percent(ret->user)) || !undo_percent(ret->host)))) {
		jump_release(ret);
		return false;
	}
	return true;
}

static struct err *check_jumps(const struct line *l)
{
	AUTO_STR list = xstrdup(l->words[0]);
	char *rest = list;
	size_t n = 0;

	if (text_is_none(list))
		return NULL;
	while (rest) {
		const char *one = strsep(&rest, ",");
		struct ssh_jump j;

		if (!jump_parse(one, &j))
			return line_bad(l, "'%s' is not [user@]host[:port]", one);
		jump_release(&j);
		if (++n > JUMPS_MAX)
			return line_bad(l, "more than %d jumps", JUMPS_MAX);
	}
	return NULL;
}

/* ---- one line ---- */

static struct err *check_files(const struct line *l)
{
	for (size_t i = 0; i < l->nwords; i++) {
		if (!*l->words[i])
			return line_bad(l, "a path is empty");
		if (text_is_none(l->words[i]) && l->nwords > 1)
			return line_bad(l, "'none' must be alone");
	}
	return l->nwords <= FILES_MAX ? NULL : line_bad(l, "more than %d files", FILES_MAX);
}

/* In lines that are not in force, too. */
static struct err *check_value(const struct row *r, const struct line *l)
{
	const char *s = l->words[0];
	long n = 0;

	if (r->shape == ANYTHING)
		return NULL;
	if (r->shape == FILES)
		return check_files(l);
	if (l->nwords > 1)
		return line_bad(l, "one value is wanted, not %zu: put quotes around it", l->nwords);
	if (!*s)
		return line_bad(l, "the value is empty");
	switch (r->shape) {
	case FLAG:
		return text_has("yes no true false", s) ? NULL
							: line_bad(l, "'%s' is not yes or no", s);
	case CHOICE:
		return text_has(r->words, s) ? NULL
					     : line_bad(l, "'%s' is none of: %s", s, r->words);
	case COUNT_OF:
		return text_number(s, INT_MAX, &n) ? NULL : line_bad(l, "'%s' is no number", s);
	case PORT:
		return text_number(s, 65535, &n) && n ? NULL
						      : line_bad(l, "'%s' is no port (1-65535)", s);
	case SECONDS:
		return strcmp(s, "none") == 0 || text_seconds(s, &n)
			       ? NULL
			       : line_bad(l, "'%s' is no time: seconds, or such as 1m30s", s);
	case JUMP: return check_jumps(l);
	case TEXT:
	case EACH:
	case FILES:
	case ANYTHING: break;
	}
	return NULL;
}

struct err *line_understand(struct line *l)
{
	AUTO_STR keyword = text_lower(l->keyword);

	l->row = find_row(keyword);
	l->told = words_have(told, keyword);
	if (l->row)
		return check_value(l->row, l);
	if (strcmp(keyword, "host") == 0)
		l->kind = LINE_HOST;
	else if (strcmp(keyword, "match") == 0)
		l->kind = LINE_MATCH;
	else if (strcmp(keyword, "include") == 0)
		l->kind = LINE_INCLUDE;
	else
		l->kind = l->told || words_have(silent, keyword) ? LINE_IGNORED : LINE_UNKNOWN;
	return NULL;
}
