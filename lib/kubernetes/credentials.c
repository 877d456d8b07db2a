#include "kubernetes/credentials.h"

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "digest.h"
#include "file.h"
#include "http_wire.h"
#include "json.h"
#include "session/cache.h"
#include "session/config.h"
#include "session/fault.h"
#include "text.h"

enum {
	TOKEN_MAX = 1 << 20,
	PEM_MAX = 1 << 20,
	FILE_AGAIN_MS = 60000,
	TURN_MS = 60000,   /* how long to wait for another process's plugin */
	SPARE_S = 30,      /* a credential is not begun with so shortly before it ends */
	REFUSED_MS = 5000, /* how long what failed is not tried again */
};

struct credentials {
	const struct kubeconfig *k;
	struct cache *cache; /* NULL: none */
	pthread_mutex_t lock;
	struct credential *newest;
	struct err *failed;
	int64_t failed_until_ms;
	char ***lists; /* of secrets: every one there was; the last one is the newest */
	size_t nlists;
};

/* ---- secrets ---- */

static void secrets_grow(struct credentials *c, const char *secret)
{
	char **old = c->nlists ? c->lists[c->nlists - 1] : NULL, **list;
	size_t n = 0;

	while (old && old[n])
		if (strcmp(old[n++], secret) == 0)
			return;
	list = xcalloc(n + 2, sizeof(*list));
	for (size_t i = 0; i < n; i++)
		list[i] = old[i];
	list[n] = xstrdup(secret);
	c->lists = xrealloc(c->lists, c->nlists + 1, sizeof(*c->lists));
	c->lists[c->nlists++] = list;
}

static void secrets_free(struct credentials *c)
{
	char **last = c->nlists ? c->lists[c->nlists - 1] : NULL;

	for (size_t i = 0; last && last[i]; i++)
		wipe_free(last[i]);
	while (c->nlists)
		free(c->lists[--c->nlists]);
	free(c->lists);
}

/* Values whose names sound like secrets. */
static void secrets_named(struct credentials *c, struct json_object *o)
{
	if (!json_object_is_type(o, json_type_object))
		return;
	json_object_object_foreach(o, key, v) {
		if (http_secret_name(key, strlen(key)) && json_object_is_type(v, json_type_string))
			secrets_grow(c, json_object_get_string(v));
	}
}

static void secrets_begin(struct credentials *c)
{
	struct json_object *env = json_at(c->k->exec, "env");

	c->lists = xcalloc(1, sizeof(*c->lists));
	c->lists[c->nlists++] = xcalloc(1, sizeof(**c->lists));
	if (c->k->token)
		secrets_grow(c, c->k->token);
	if (c->k->password)
		secrets_grow(c, c->k->password);
	if (json_str(c->k->oidc, "id-token"))
		secrets_grow(c, json_str(c->k->oidc, "id-token"));
	secrets_named(c, c->k->oidc);
	for (size_t i = 0; i < json_len(env); i++) {
		const char *name = json_str(json_nth(env, i), "name");
		const char *value = json_str(json_nth(env, i), "value");

		if (name && value && http_secret_name(name, strlen(name)))
			secrets_grow(c, value);
	}
}

const char *const *credentials_secrets(struct credentials *c)
{
	char **list;

	(void)pthread_mutex_lock(&c->lock);
	list = c->lists[c->nlists - 1];
	(void)pthread_mutex_unlock(&c->lock);
	return (const char *const *)list;
}

/* ---- what is there already ---- */

static struct err *bearer(struct credentials *c, const char *token, char **ret)
{
	for (const char *p = token; *p; p++)
		if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f)
			return err_new(ERR_USAGE, "the token holds what no token can hold");
	secrets_grow(c, token);
	*ret = xasprintf("Authorization: Bearer %s", token);
	return NULL;
}

static struct err *token_file(struct credentials *c, struct credential *made)
{
	AUTO_BUF b = BUF_INIT;
	struct err *e = file_text(c->k->token_file, TOKEN_MAX, &b);

	if (e && c->k->token) { /* as kubectl */
		err_free(e);
		return bearer(c, c->k->token, &made->header);
	}
	if (!e) {
		size_t len = b.len;

		while (len && strchr(" \t\r\n", b.s[len - 1]))
			b.s[--len] = '\0';
		e = len ? bearer(c, b.s, &made->header) : err_new(ERR_USAGE, "it is empty");
		e = err_wrap(e, "%s", c->k->token_file);
	}
	made->dead_ms = clock_ms() + FILE_AGAIN_MS;
	buf_wipe(&b);
	return e;
}

static void basic(struct credentials *c, struct credential *made)
{
	AUTO_STR pair = xasprintf("%s:%s", c->k->username, c->k->password ? c->k->password : "");
	AUTO_STR coded = base64_of(pair, strlen(pair));

	secrets_grow(c, coded);
	made->header = xasprintf("Authorization: Basic %s", coded);
	explicit_bzero(pair, strlen(pair));
	explicit_bzero(coded, strlen(coded));
}

/* ---- what plugins and identity providers grant ---- */

/* What is in a file tells more than its path, which may be one of memory. */
static void file_told(struct json_object *o, const char *key, const char *path)
{
	AUTO_BUF b = BUF_INIT;
	AUTO_ERR e = path ? file_text(path, PEM_MAX, &b) : NULL;
	AUTO_STR digest = path && !e ? digest_text("sha256", b.s, b.len) : NULL;

	json_sets(o, key, digest);
	buf_wipe(&b);
}

char *credentials_identity(const struct kubeconfig *k)
{
	AUTO_JSON o = json_object_new_object();

	json_sets(o, "server", k->server);
	json_sets(o, "name", k->server_name);
	file_told(o, "ca", k->ca);
	file_told(o, "cert", k->cert);
	json_sets(o, "user", k->user);
	json_sets(o, "as", k->as_user);
	json_set(o, "groups", json_copy(k->as_groups));
	return xstrdup(json_object_to_json_string(o));
}

static int64_t wall_s(void)
{
	return (int64_t)time(NULL);
}

/* Not begun with so shortly before its end; of a short life, a fifth. */
static int64_t left_ms(const struct granted *g)
{
	const int64_t left = g->until_s - wall_s();

	if (!g->until_s)
		return INT64_MAX;
	return (left - (left / 5 < SPARE_S ? left / 5 : SPARE_S)) * 1000;
}

static bool has_life(const struct granted *g)
{
	return g->until_s && g->until_s - wall_s() > SPARE_S / 2;
}

static struct json_object *granted_json(const struct granted *g)
{
	struct json_object *o = json_object_new_object();

	json_sets(o, "token", g->token);
	json_sets(o, "cert", g->cert);
	json_sets(o, "key", g->key);
	json_sets(o, "refresh", g->refresh);
	json_set(o, "until", json_object_new_int64(g->until_s));
	return o;
}

static void cached_write(const struct credentials *c, const struct granted *g)
{
	AUTO_JSON o = NULL;

	if (!c->cache || !g->until_s)
		return;
	o = granted_json(g);
	cache_write(c->cache, o);
	json_wipe(o);
}

static void cached_read(const struct credentials *c, struct granted *ret)
{
	AUTO_JSON o = c->cache ? cache_read(c->cache) : NULL;

	granted_release(ret);
	if (!o)
		return;
	*ret = (struct granted){ .token = xstrdup(json_str(o, "token")),
				 .cert = xstrdup(json_str(o, "cert")),
				 .key = xstrdup(json_str(o, "key")),
				 .refresh = xstrdup(json_str(o, "refresh")),
				 .until_s = json_int(o, "until", 0) };
	json_wipe(o);
}

static struct err *granted_use(struct credentials *c, const struct granted *g,
			       struct credential *made)
{
	const int64_t left = left_ms(g);
	struct err *e = g->token ? bearer(c, g->token, &made->header) : NULL;

	if (!e && g->cert) {
		free(TAKE(made->cert));
		free(TAKE(made->key));
		e = pem_path(g->cert, &made->cert);
		if (!e)
			e = pem_path(g->key, &made->key);
	}
	made->dead_ms = left == INT64_MAX ? left : clock_ms() + left;
	return e;
}

static bool is_of(const struct credential *n, const struct granted *g)
{
	AUTO_STR header = g->token ? xasprintf("Authorization: Bearer %s", g->token) : NULL;
	bool same =
		n && (header && n->header ? strcmp(header, n->header) == 0 : header == n->header);

	if (header)
		explicit_bzero(header, strlen(header));
	if (same && g->cert && n->cert) {
		AUTO_STR path = NULL;
		AUTO_ERR e = pem_path(g->cert, &path);

		same = !e && strcmp(path, n->cert) == 0;
	}
	return same;
}

/* Where nothing is secret but what is granted, the key is one that is gone with the next start of the machine. */
static struct cache *cache_of(const struct kubeconfig *k)
{
	AUTO_STR dir = env_cache_dir();
	AUTO_STR who = credentials_identity(k);
	AUTO_STR plugin = k->exec ? plugin_identity(k) : NULL;
	AUTO_BUF secret = BUF_INIT;
	AUTO_STR identity = NULL;
	const char *config;
	struct cache *cache;
	size_t len = 0;

	if (!dir)
		return NULL;
	config = json_object_to_json_string_length(k->exec ? k->exec : k->oidc,
						   JSON_C_TO_STRING_PLAIN, &len);
	identity = xasprintf("kubernetes 2 %s %s %s", who, plugin ? plugin : "", config);
	json_text_wipe(config, len);
	err_free(file_text("/proc/sys/kernel/random/boot_id", 64, &secret));
	buf_addf(&secret, " %s", identity);
	cache = cache_open(dir, identity, secret.s);
	buf_wipe(&secret);
	explicit_bzero(identity, strlen(identity));
	return cache;
}

/* `ask` gets what is cached, and replaces it. */
static struct err *grant(struct credentials *c, const struct credential *refused,
			 struct err *(*ask)(struct credentials *c, struct granted *g),
			 struct credential *made)
{
	struct granted g = { 0 };
	struct err *e = NULL;
	int turn;

	if (!c->cache)
		c->cache = cache_of(c->k);
	cached_read(c, &g);
	if (!has_life(&g) || is_of(refused, &g)) {
		turn = c->cache ? cache_lock(c->cache, TURN_MS) : -1;
		cached_read(c, &g);
		if (!has_life(&g) || is_of(refused, &g)) {
			e = ask(c, &g);
			made->asked_ms = clock_ms();
		}
		if (!e && made->asked_ms)
			cached_write(c, &g);
		cache_unlock(turn);
	}
	if (!e && g.until_s && g.until_s <= wall_s())
		e = err_new(ERR_AUTH, "what was granted had expired before it came: are the clocks "
				      "right?");
	if (!e)
		e = granted_use(c, &g, made);
	granted_release(&g);
	return e;
}

static struct err *ask_plugin(struct credentials *c, struct granted *g)
{
	granted_release(g);
	return plugin_run(c->k, g);
}

static char *utc(int64_t s)
{
	const time_t t = (time_t)s;
	struct tm tm = { 0 };
	char text[64] = "";

	if (gmtime_r(&t, &tm))
		(void)strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &tm);
	return xstrdup(text);
}

/* The newest refresh token first: many are good for one time only. */
static struct err *ask_provider(struct credentials *c, struct granted *g)
{
	const char *own = json_str(c->k->oidc, "refresh-token");
	const char *token = json_str(c->k->oidc, "id-token");
	AUTO_STR cached = TAKE(g->refresh);
	struct err *e = NULL;

	granted_release(g);
	if (!cached && (!own || !*own)) {
		AUTO_STR when = utc(token ? jwt_until_s(token) : 0);

		return err_new(ERR_AUTH,
			       "auth-provider: the id-token %s%s, and there is no refresh-token: "
			       "log in again",
			       token ? "expired on " : "is missing", token ? when : "");
	}
	if (cached)
		e = oidc_refresh(c->k, cached, g);
	if (!cached || (e && own && *own && strcmp(own, cached) != 0)) {
		err_free(e);
		e = oidc_refresh(c->k, own, g);
		if (!e && !g->refresh)
			g->refresh = xstrdup(own);
	} else if (!e && !g->refresh) {
		g->refresh = xstrdup(cached);
	}
	if (!e && g->refresh)
		secrets_grow(c, g->refresh);
	return e;
}

static struct err *provider(struct credentials *c, const struct credential *refused,
			    struct credential *made)
{
	const char *token = json_str(c->k->oidc, "id-token");
	struct granted g = { 0 };
	struct err *e = NULL;

	if (token && *token) {
		g.token = xstrdup(token);
		g.until_s = jwt_until_s(token);
	}
	if (has_life(&g) && !is_of(refused, &g))
		e = granted_use(c, &g, made);
	else
		e = grant(c, refused, ask_provider, made);
	granted_release(&g);
	return e;
}

/* ---- making ---- */

static struct err *make(struct credentials *c, const struct credential *refused,
			struct credential *made)
{
	const struct kubeconfig *k = c->k;

	made->dead_ms = INT64_MAX;
	made->cert = xstrdup(k->cert);
	made->key = xstrdup(k->key);
	if (k->token_file)
		return token_file(c, made);
	if (k->token)
		return bearer(c, k->token, &made->header);
	if (k->username)
		basic(c, made);
	else if (k->exec)
		return grant(c, refused, ask_plugin, made);
	else if (k->oidc)
		return provider(c, refused, made);
	return NULL;
}

static void credential_free(struct credential *n)
{
	wipe_free(n->header);
	free(n->cert);
	free(n->key);
}

static bool same(const char *x, const char *y)
{
	return x && y ? strcmp(x, y) == 0 : x == y;
}

/* Takes what is in `made`. What is the same as before goes on, so that its refusal stands. */
static const struct credential *keep(struct credentials *c, struct credential made)
{
	struct credential *n = c->newest;

	if (n && same(n->header, made.header) && same(n->cert, made.cert)) {
		n->dead_ms = made.dead_ms;
		credential_free(&made);
		return n;
	}
	n = xcalloc(1, sizeof(*n));
	*n = made;
	n->older = c->newest;
	c->newest = n;
	return n;
}

/* The lock is held. */
static bool does_still(const struct credentials *c, const struct credential *refused)
{
	const struct credential *n = c->newest;

	if (!n || n->dead_ms <= clock_ms())
		return false;
	/* What was asked for a moment ago, and was refused: more of the same would not help. */
	return n != refused || (n->asked_ms && clock_ms() - n->asked_ms < REFUSED_MS);
}

/* The lock is held. */
static struct err *need(struct credentials *c, const struct credential *refused,
			const struct credential **ret)
{
	struct credential made = { 0 };
	struct err *e;

	if (does_still(c, refused)) {
		*ret = c->newest;
		return NULL;
	}
	if (c->failed && clock_ms() < c->failed_until_ms)
		return err_new(c->failed->kind, "%s", c->failed->text);
	err_free(TAKE(c->failed));
	e = make(c, refused, &made);
	if (!e) {
		*ret = keep(c, made);
		return NULL;
	}
	credential_free(&made);
	fault_scrub(e, (const char *const *)c->lists[c->nlists - 1]);
	e = err_wrap(e, "%s: %s", c->k->title, c->k->user ? c->k->user : "credentials");
	c->failed = err_new(e->kind, "%s", e->text);
	c->failed_until_ms = clock_ms() + REFUSED_MS;
	return e;
}

struct err *credentials_need(struct credentials *c, const struct credential *refused,
			     const struct credential **ret)
{
	struct err *e;

	(void)pthread_mutex_lock(&c->lock);
	e = need(c, refused, ret);
	(void)pthread_mutex_unlock(&c->lock);
	return e;
}

/* ---- telling ---- */

static char *date_text(const ASN1_TIME *t)
{
	struct tm tm = { 0 };
	char s[64] = "";

	if (ASN1_TIME_to_tm(t, &tm) == 1)
		(void)strftime(s, sizeof(s), "%Y-%m-%d %H:%M:%S UTC", &tm);
	return xstrdup(s);
}

/* "client certificate 'admin', which expired on ..."; NULL: there is none to be read. Owned. */
static char *cert_words(const char *path)
{
	AUTO_BUF b = BUF_INIT;
	AUTO_ERR e = file_text(path, PEM_MAX, &b);
	BIO *bio = e ? NULL : BIO_new_mem_buf(b.s, (int)b.len);
	X509 *x = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	char *ret = NULL;
	char name[256] = "";

	if (x) {
		const ASN1_TIME *from = X509_get0_notBefore(x), *until = X509_get0_notAfter(x);
		AUTO_STR begins = date_text(from);
		AUTO_STR ends = date_text(until);
		const bool late = X509_cmp_current_time(until) < 0;
		const bool early = X509_cmp_current_time(from) > 0;

		(void)X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, name,
						sizeof(name));
		ret = xasprintf("client certificate '%s'%s%s", name,
				late    ? ", which expired on "
				: early ? ", which is not valid before "
					: "",
				late    ? ends
				: early ? begins
					: "");
	}
	X509_free(x);
	(void)BIO_free(bio);
	buf_wipe(&b);
	return ret;
}

/* What there is beside a client certificate. Owned. */
static char *kind_words(const struct kubeconfig *k)
{
	if (k->token_file)
		return xstrdup(k->token_file);
	if (k->exec)
		return xasprintf("exec plugin '%s'", json_str(k->exec, "command"));
	if (k->oidc)
		return xstrdup("OpenID Connect");
	return xstrdup(k->token ? "token" : k->username ? "password" : "no credentials");
}

char *credentials_who(const struct credentials *c, const struct credential *used)
{
	const struct kubeconfig *k = c->k;
	AUTO_STR cert = used && used->cert ? cert_words(used->cert) : NULL;
	AUTO_STR what = cert ? xstrdup(cert) : kind_words(k);

	return k->user ? xasprintf("%s (%s)", k->user, what) : TAKE(what);
}

struct err *credentials_new(const struct kubeconfig *k, struct credentials **ret)
{
	struct credentials *c;

	struct err *e = k->exec ? plugin_check(k) : NULL;

	if (e)
		return e;
	c = xcalloc(1, sizeof(*c));
	c->k = k;
	(void)pthread_mutex_init(&c->lock, NULL);
	secrets_begin(c);
	*ret = c;
	return NULL;
}

void credentials_free(struct credentials *c)
{
	if (!c)
		return;
	while (c->newest) {
		struct credential *older = c->newest->older;

		credential_free(c->newest);
		free(c->newest);
		c->newest = older;
	}
	secrets_free(c);
	cache_free(c->cache);
	err_free(c->failed);
	(void)pthread_mutex_destroy(&c->lock);
	free(c);
}
