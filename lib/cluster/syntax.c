#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

#include "cluster/cluster.h"
#include "cluster/syntax.h"
#include "text.h"

enum { LABEL_MOST = 63, DOMAIN_MOST = 253, SHOWN = 100 };

static struct err *wrong(const char *s, const char *what)
{
	return err_new(ERR_USAGE, "'%.*s' %s", (int)text_cut(s, SHOWN), s, what);
}

/* ---- names ---- */

static bool is_lower(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c);
}

/* Begins and ends with `edge`, and has between only that and `more`. */
static bool made_of(const char *s, size_t n, bool (*edge)(char), const char *more)
{
	if (!n || !edge(s[0]) || !edge(s[n - 1]))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!edge(s[i]) && !strchr(more, s[i]))
			return false;
	return true;
}

struct err *label_name_check(const char *s)
{
	const size_t n = strlen(s);

	if (n <= LABEL_MOST && made_of(s, n, is_lower, "-"))
		return NULL;
	return wrong(s, "is no name: at most 63 of a-z, 0-9 and -, with a letter or number at both "
			"ends");
}

static bool is_domain(const char *s, size_t len)
{
	if (!len || len > DOMAIN_MOST)
		return false;
	for (const char *end = s + len;; s++) {
		const size_t n =
			strcspn(s, ".") < (size_t)(end - s) ? strcspn(s, ".") : (size_t)(end - s);

		if (n > LABEL_MOST || !made_of(s, n, is_lower, "-"))
			return false;
		s += n;
		if (s == end)
			return true;
	}
}

struct err *domain_check(const char *s)
{
	return is_domain(s, strlen(s)) ? NULL
				       : wrong(s, "is no name: labels of a-z, 0-9 and -, with dots "
						  "between");
}

static struct err *check_key(const char *key, size_t len)
{
	const char *slash = memchr(key, '/', len);
	const char *name = slash ? slash + 1 : key;
	const size_t n = len - (size_t)(name - key);

	if (slash && !is_domain(key, (size_t)(slash - key)))
		return wrong(key, "has a prefix that is no domain name");
	if (n > LABEL_MOST || !made_of(name, n, is_word, "-_."))
		return wrong(key, "is no key: at most 63 letters, numbers, -, _ and .");
	return NULL;
}

struct err *label_check(const char *key, const char *value)
{
	const size_t n = strlen(value);
	struct err *e = check_key(key, strlen(key));

	if (!e && n && (n > LABEL_MOST || !made_of(value, n, is_word, "-_.")))
		e = err_wrap(wrong(value, "is no value of a label: at most 63 letters, numbers, -, "
					  "_ and ."),
			     "%s", key);
	return e;
}

struct err *taint_check(const char *s)
{
	const char *colon = strrchr(s, ':');

	if (!colon || !words_have("NoSchedule PreferNoSchedule NoExecute", colon + 1))
		return wrong(s, "is no taint: key=value:Effect, with an effect of NoSchedule, "
				"PreferNoSchedule or NoExecute");
	AUTO_STR key = xstrndup(s, (size_t)(colon - s));
	char *equals = strchr(key, '=');

	if (equals)
		*equals = '\0';
	return label_check(key, equals ? equals + 1 : "");
}

struct json_object *taints_parse(struct json_object *list)
{
	struct json_object *all = json_object_new_array();

	for (size_t i = 0; i < json_len(list); i++) {
		struct json_object *t = json_object_new_object();
		const char *s = json_object_get_string(json_nth(list, i));
		const size_t key = strcspn(s, "=:"), rest = strcspn(s, ":");
		AUTO_STR name = xstrndup(s, key);
		AUTO_STR value = s[key] == '=' ? xstrndup(s + key + 1, rest - key - 1) : NULL;

		json_sets(t, "key", name);
		if (value && *value)
			json_sets(t, "value", value);
		json_sets(t, "effect", s + rest + 1);
		json_object_array_add(all, t);
	}
	return all;
}

/* ---- numbers ---- */

/* Digits alone; -1: it is none, or too large. */
static int number(const char *s, size_t n)
{
	int all = 0;

	if (!n || n > 4)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (!isdigit((unsigned char)s[i]))
			return -1;
		all = all * 10 + (s[i] - '0');
	}
	return all;
}

/* ---- addresses ---- */

static int address_parse(const char *s, unsigned char *ret)
{
	if (inet_pton(AF_INET, s, ret) == 1)
		return AF_INET;
	return inet_pton(AF_INET6, s, ret) == 1 ? AF_INET6 : AF_UNSPEC;
}

bool is_address(const char *s)
{
	unsigned char bytes[16];

	return address_parse(s, bytes) != AF_UNSPEC;
}

/* Whether both begin with the same bits. */
static bool same_bits(const unsigned char *a, const unsigned char *b, int bits)
{
	const size_t whole = (size_t)bits / 8;
	const unsigned char mask = (unsigned char)(0xff00 >> (bits % 8));

	return memcmp(a, b, whole) == 0 &&
	       (bits % 8 == 0 || (a[whole] & mask) == (b[whole] & mask));
}

struct err *cidr_parse(const char *s, struct cidr *ret)
{
	const char *slash = strchr(s, '/');
	struct cidr c = { 0 };
	unsigned char net[16] = { 0 };

	if (!slash)
		return wrong(s, "is no network: address/bits, as 10.244.0.0/16");
	AUTO_STR address = xstrndup(s, (size_t)(slash - s));
	c.family = address_parse(address, c.address);
	c.bits = number(slash + 1, strlen(slash + 1));
	if (c.family == AF_UNSPEC || c.bits < 1 || c.bits > (c.family == AF_INET ? 32 : 128))
		return wrong(s, "is no network: address/bits, as 10.244.0.0/16");
	for (int i = 0; i < c.bits; i++)
		net[i / 8] = (unsigned char)(net[i / 8] | (c.address[i / 8] & (0x80 >> (i % 8))));
	if (memcmp(net, c.address, sizeof(net)) != 0)
		return wrong(s, "has an address within the network in place of the network's");
	*ret = c;
	return NULL;
}

bool cidr_overlap(const struct cidr *a, const struct cidr *b)
{
	return a->family == b->family &&
	       same_bits(a->address, b->address, a->bits < b->bits ? a->bits : b->bits);
}

bool cidr_has(const struct cidr *c, const char *address)
{
	unsigned char bytes[16] = { 0 };

	return address_parse(address, bytes) == c->family && same_bits(bytes, c->address, c->bits);
}
