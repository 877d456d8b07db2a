#include "cluster/pki.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#include "cluster/encryption.h"
#include "digest.h"
#include "session/config.h"
#include "text.h"
#include "yaml.h"

enum {
	PEM_MAX = 1 << 20,
	DAY_S = 86400,
	CA_DAYS = 3650,
	DAYS_MAX = 36500,
	YEAR_S = 365 * DAY_S,
	SKEW_S = 300,
	KEY_BYTES = 32, /* AES-256, XSalsa20, and what kubeadm wants of --certificate-key */
};

enum part { CERT, KEY, PUBLIC, YAML };
enum when {
	ALWAYS,
	STACKED,  /* etcd is kubeadm's */
	EXTERNAL, /* it is not */
	PERHAPS,
};

/* A certificate stands right before its key, and the key of tokens right before its public half. */
static const struct file {
	const char *path, *mode;
	enum part part;
	enum when when;
	const char *ca; /* common name, of a CA's certificate */
} files[] = {
	{ PKI_FOLDER "/ca.crt", "0644", CERT, ALWAYS, "kubernetes" },
	{ PKI_FOLDER "/ca.key", "0600", KEY, ALWAYS },
	{ PKI_FOLDER "/front-proxy-ca.crt", "0644", CERT, ALWAYS, "front-proxy-ca" },
	{ PKI_FOLDER "/front-proxy-ca.key", "0600", KEY, ALWAYS },
	{ PKI_FOLDER "/etcd/ca.crt", "0644", CERT, ALWAYS, "etcd-ca" },
	{ PKI_FOLDER "/etcd/ca.key", "0600", KEY, STACKED },
	{ PKI_FOLDER "/apiserver-etcd-client.crt", "0644", CERT, EXTERNAL },
	{ PKI_FOLDER "/apiserver-etcd-client.key", "0600", KEY, EXTERNAL },
	{ PKI_FOLDER "/sa.key", "0600", KEY, ALWAYS },
	{ PKI_FOLDER "/sa.pub", "0600", PUBLIC, ALWAYS },
	{ PKI_ENCRYPTION, "0600", YAML, PERHAPS },
};

struct pki {
	bool external;
	char *text[COUNT(files)];
};

static const struct key_type {
	const char *names, *openssl, *curve;
	size_t bits;
} key_types[] = {
	{ "ECDSA-P256 ecdsa", "EC", "P-256" }, { "ECDSA-P384", "EC", "P-384" },
	{ "RSA-2048 rsa", "RSA", NULL, 2048 }, { "RSA-3072", "RSA", NULL, 3072 },
	{ "RSA-4096", "RSA", NULL, 4096 },
};

#define AUTO_KEY  CLEANUP(auto_key) EVP_PKEY *
#define AUTO_X509 CLEANUP(auto_x509) X509 *
#define AUTO_BIO  CLEANUP(auto_bio) BIO *

static void auto_key(EVP_PKEY **p)
{
	EVP_PKEY_free(*p);
}
static void auto_x509(X509 **p)
{
	X509_free(*p);
}
static void auto_bio(BIO **p)
{
	(void)BIO_free(*p);
}

/* ---- OpenSSL's answers ---- */

static struct err *failed(enum err_kind kind, const char *what)
{
	const char *why = ERR_reason_error_string(ERR_peek_last_error());
	struct err *e = err_new(kind, "%s: %s", what, why ? why : "OpenSSL does not say why");

	ERR_clear_error();
	return e;
}

static char *bio_text(BIO *bio)
{
	char *s = NULL;
	const long len = BIO_get_mem_data(bio, &s);

	return xstrndup(s, len > 0 ? (size_t)len : 0);
}

/* What was written into it; a key is overwritten when it is freed. */
static struct err *written(BIO *bio, int ok, const char *what, char **ret)
{
	if (!bio || ok != 1)
		return failed(ERR_PROTOCOL, what);
	*ret = bio_text(bio);
	return NULL;
}

static struct err *cert_text(X509 *x, char **ret)
{
	AUTO_BIO bio = BIO_new(BIO_s_mem());

	return written(bio, bio && PEM_write_bio_X509(bio, x), "writing a certificate", ret);
}

static struct err *key_text(EVP_PKEY *key, char **ret)
{
	AUTO_BIO bio = BIO_new(BIO_s_mem());

	return written(bio,
		       bio && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL),
		       "writing a key", ret);
}

static struct err *public_text(EVP_PKEY *key, char **ret)
{
	AUTO_BIO bio = BIO_new(BIO_s_mem());

	return written(bio, bio && PEM_write_bio_PUBKEY(bio, key), "writing a public key", ret);
}

static BIO *reading(const char *pem)
{
	const size_t len = strnlen(pem, PEM_MAX + 1);

	return len > PEM_MAX ? NULL : BIO_new_mem_buf(pem, (int)len);
}

/* An encrypted key must not make OpenSSL ask the terminal. */
static int no_passphrase(char *s, int size, int writing, void *arg)
{
	(void)s;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

static struct err *cert_of(const char *pem, X509 **ret)
{
	AUTO_BIO bio = reading(pem);
	X509 *x = bio ? PEM_read_bio_X509(bio, NULL, no_passphrase, NULL) : NULL;

	*ret = x;
	return x ? NULL : failed(ERR_PROTOCOL, "it is no certificate in PEM");
}

static struct err *key_of(const char *pem, EVP_PKEY **ret)
{
	AUTO_BIO bio = reading(pem);
	EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;

	*ret = key;
	return key ? NULL
		   : failed(ERR_PROTOCOL, "it is no private key in PEM without a passphrase");
}

static struct err *public_of(const char *pem, EVP_PKEY **ret)
{
	AUTO_BIO bio = reading(pem);
	EVP_PKEY *key = bio ? PEM_read_bio_PUBKEY(bio, NULL, no_passphrase, NULL) : NULL;

	*ret = key;
	return key ? NULL : failed(ERR_PROTOCOL, "it is no public key in PEM");
}

/* ---- certificates ---- */

static struct err *key_make(const struct key_type *t, EVP_PKEY **ret)
{
	EVP_PKEY *key = t->curve ? EVP_PKEY_Q_keygen(NULL, NULL, t->openssl, t->curve)
				 : EVP_PKEY_Q_keygen(NULL, NULL, t->openssl, t->bits);

	*ret = key;
	return key ? NULL : failed(ERR_PROTOCOL, "making a key");
}

/* Of the type of another. */
static struct err *key_like(const EVP_PKEY *other, EVP_PKEY **ret)
{
	char curve[64] = "";
	struct key_type t = { .openssl = "EC", .curve = curve };

	if (EVP_PKEY_is_a(other, "EC") &&
	    EVP_PKEY_get_group_name(other, curve, sizeof(curve), NULL) == 1)
		return key_make(&t, ret);
	t = (struct key_type){ .openssl = "RSA", .bits = (size_t)EVP_PKEY_get_bits(other) };
	return key_make(&t, ret);
}

struct wanted {
	const char *name;
	const char *const *organizations;
	int64_t from_s, until_s;
	bool ca;
};

static bool named(X509 *x, const struct wanted *w)
{
	X509_NAME *n = X509_get_subject_name(x);
	bool ok = true;

	for (size_t i = 0; ok && w->organizations && w->organizations[i]; i++)
		ok = X509_NAME_add_entry_by_NID(n, NID_organizationName, MBSTRING_UTF8,
						(const unsigned char *)w->organizations[i], -1, -1,
						0) == 1;
	return ok && X509_NAME_add_entry_by_NID(n, NID_commonName, MBSTRING_UTF8,
						(const unsigned char *)w->name, -1, -1, 0) == 1;
}

/* 63 random bits: positive, and never the same twice. */
static bool numbered(X509 *x)
{
	unsigned char bytes[8];
	BIGNUM *n = NULL;
	bool ok = RAND_bytes(bytes, sizeof(bytes)) == 1;

	bytes[0] &= 0x7f;
	bytes[7] |= 1;
	n = ok ? BN_bin2bn(bytes, sizeof(bytes), NULL) : NULL;
	ok = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x));
	BN_free(n);
	return ok;
}

static bool extended(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;
	bool ok;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ok = ext && X509_add_ext(x, ext, -1) == 1;
	X509_EXTENSION_free(ext);
	return ok;
}

static bool extensions(X509 *x, X509 *issuer, const struct wanted *w)
{
	AUTO_STR names = xasprintf("DNS:%s", w->name);

	if (!w->ca)
		return extended(x, issuer, NID_key_usage,
				"critical,digitalSignature,keyEncipherment") &&
		       extended(x, issuer, NID_ext_key_usage, "clientAuth") &&
		       extended(x, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
		       extended(x, issuer, NID_authority_key_identifier, "keyid:always");
	return extended(x, x, NID_key_usage,
			"critical,digitalSignature,keyEncipherment,keyCertSign") &&
	       extended(x, x, NID_basic_constraints, "critical,CA:TRUE") &&
	       extended(x, x, NID_subject_key_identifier, "hash") &&
	       extended(x, x, NID_subject_alt_name, names);
}

/* `issuer` NULL: it is its own. */
static struct err *cert_make(const struct wanted *w, EVP_PKEY *key, X509 *issuer, EVP_PKEY *signer,
			     char **ret)
{
	AUTO_X509 x = X509_new();
	bool ok = x && X509_set_version(x, X509_VERSION_3) == 1 && numbered(x) && named(x, w) &&
		  ASN1_TIME_set(X509_getm_notBefore(x), (time_t)w->from_s) &&
		  ASN1_TIME_set(X509_getm_notAfter(x), (time_t)w->until_s) &&
		  X509_set_pubkey(x, key) == 1;

	ok = ok && X509_set_issuer_name(x, X509_get_subject_name(issuer ? issuer : x)) == 1 &&
	     extensions(x, issuer, w) && X509_sign(x, signer, EVP_sha256()) > 0;
	if (!ok)
		return failed(ERR_PROTOCOL, "making a certificate");
	return cert_text(x, ret);
}

static int64_t begins_s(int64_t now_s, int skew_s)
{
	return (now_s ? now_s : (int64_t)time(NULL)) - (skew_s ? skew_s : SKEW_S);
}

/* ---- the set ---- */

static size_t file_at(const char *path)
{
	size_t i = 0;

	while (i < COUNT(files) && strcmp(files[i].path, path) != 0)
		i++;
	return i;
}

static bool file_is_of(const struct file *f, bool external)
{
	return f->when != (external ? STACKED : EXTERNAL);
}

static bool file_is_needed(const struct file *f, bool external)
{
	return f->when != PERHAPS && file_is_of(f, external);
}

void pki_free(struct pki *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < COUNT(files); i++)
		wipe_free(p->text[i]);
	free(p);
}

static void auto_pki(struct pki **p)
{
	pki_free(*p);
}
#define AUTO_PKI CLEANUP(auto_pki) struct pki *

const char *pki_file(bool external_etcd, size_t i)
{
	for (size_t at = 0; at < COUNT(files); at++)
		if (file_is_of(&files[at], external_etcd) && i-- == 0)
			return files[at].path;
	return NULL;
}

const char *pki_path(const struct pki *p, size_t i)
{
	return pki_file(p->external, i);
}

const char *pki_text(const struct pki *p, const char *path)
{
	const size_t i = file_at(path);

	return i < COUNT(files) ? p->text[i] : NULL;
}

static struct err *ca_make(struct pki *p, size_t i, const struct key_type *t,
			   const struct pki_options *o)
{
	const int64_t from = begins_s(o->now_s, o->skew_s);
	const int64_t days = o->ca_days ? o->ca_days : CA_DAYS;
	const struct wanted w = {
		.name = files[i].ca, .from_s = from, .until_s = from + days * DAY_S, .ca = true
	};
	AUTO_KEY key = NULL;
	struct err *e = key_make(t, &key);

	if (!e)
		e = cert_make(&w, key, NULL, key, &p->text[i]);
	if (!e)
		e = key_text(key, &p->text[i + 1]);
	return err_wrap(e, "certificate authority '%s'", files[i].ca);
}

static struct err *pair_make(struct pki *p, size_t i, const struct key_type *t)
{
	AUTO_KEY key = NULL;
	struct err *e = key_make(t, &key);

	if (!e)
		e = key_text(key, &p->text[i]);
	if (!e)
		e = public_text(key, &p->text[i + 1]);
	return err_wrap(e, "key of service accounts");
}

static const struct key_type *key_type_of(const char *name)
{
	for (size_t i = 0; i < COUNT(key_types); i++)
		if (words_have(key_types[i].names, name ? name : "ecdsa"))
			return &key_types[i];
	return NULL;
}

struct err *pki_new(const struct pki_options *o, struct pki **ret)
{
	const struct key_type *t = key_type_of(o->key_type);
	AUTO_PKI p = xcalloc(1, sizeof(*p));
	struct err *e = NULL;

	if (!t)
		return err_new(ERR_USAGE,
			       "no type of key is called '%s' here: ECDSA-P256, ECDSA-P384, "
			       "RSA-2048, RSA-3072 or RSA-4096",
			       o->key_type);
	if (o->ca_days < 0 || o->ca_days > DAYS_MAX)
		return err_new(ERR_USAGE, "%d days are no lifetime of a CA: 1 to %d", o->ca_days,
			       DAYS_MAX);
	p->external = o->external_etcd;
	for (size_t i = 0; !e && i < COUNT(files); i++) {
		const struct file *f = &files[i];

		if (f->ca && file_is_needed(f + 1, p->external))
			e = ca_make(p, i, t, o);
		else if (f->part == KEY && f[1].part == PUBLIC)
			e = pair_make(p, i, t);
	}
	if (!e)
		*ret = TAKE(p);
	return e;
}

/* ---- from outside ---- */

static struct err *cert_check(const struct file *f, const char *pem)
{
	AUTO_X509 x = NULL;
	struct err *e = cert_of(pem, &x);

	if (!e && f->ca && X509_check_ca(x) < 1)
		e = err_new(ERR_PROTOCOL, "it is no certificate of an authority");
	return e;
}

static struct err *yaml_check(const char *text)
{
	AUTO_JSON v = NULL;
	struct err *e = yaml_parse(text, strlen(text), "EncryptionConfiguration", &v);

	/* What is wrong with it may be a key. */
	if (e || !json_at(v, "resources")) {
		err_free(e);
		e = err_new(ERR_PROTOCOL, "it is no EncryptionConfiguration");
	}
	json_wipe(v);
	return e;
}

static struct err *text_check(const struct file *f, const char *text)
{
	AUTO_KEY key = NULL;

	if (strnlen(text, PEM_MAX + 1) > PEM_MAX)
		return err_new(ERR_PROTOCOL, "it is longer than %d bytes", PEM_MAX);
	switch (f->part) {
	case CERT: return cert_check(f, text);
	case KEY: return key_of(text, &key);
	case PUBLIC: return public_of(text, &key);
	case YAML: break;
	}
	return yaml_check(text);
}

/* Whether files[i] and the one after it belong together, if they are two halves and both are there. */
static struct err *halves_check(const struct pki *p, size_t i)
{
	AUTO_KEY one = NULL;
	AUTO_KEY two = NULL;
	AUTO_X509 x = NULL;
	const bool cert = files[i].part == CERT && files[i + 1].part == KEY;
	struct err *e;

	if ((!cert && files[i + 1].part != PUBLIC) || !p->text[i] || !p->text[i + 1])
		return NULL;
	e = cert ? cert_of(p->text[i], &x) : key_of(p->text[i], &one);
	if (!e)
		e = cert ? key_of(p->text[i + 1], &two) : public_of(p->text[i + 1], &two);
	if (!e && EVP_PKEY_eq(cert ? X509_get0_pubkey(x) : one, two) != 1)
		e = err_new(ERR_PROTOCOL, "it does not belong to %s", files[i + 1].path);
	ERR_clear_error();
	return err_wrap(e, "%s", files[i].path);
}

static struct err *put(struct pki *p, size_t i, const char *text)
{
	struct err *e = err_wrap(text_check(&files[i], text), "%s", files[i].path);

	if (!e) {
		wipe_free(p->text[i]);
		p->text[i] = xstrdup(text);
	}
	return e;
}

struct err *pki_put(struct pki *p, const char *path, const char *text)
{
	const size_t i = file_at(path);
	char *before;
	struct err *e;

	if (i == COUNT(files) || !file_is_of(&files[i], p->external))
		return err_new(ERR_USAGE, "%s is no file of this PKI", path);
	before = xstrdup(p->text[i]);
	e = put(p, i, text);
	if (!e && i + 1 < COUNT(files))
		e = halves_check(p, i);
	if (!e && i)
		e = halves_check(p, i - 1);
	if (e) {
		wipe_free(p->text[i]);
		p->text[i] = before;
	} else {
		wipe_free(before);
	}
	return e;
}

struct err *pki_from_files(struct json_object *from, bool external_etcd, struct pki **ret)
{
	AUTO_PKI p = xcalloc(1, sizeof(*p));
	struct err *e = NULL;

	p->external = external_etcd;
	for (size_t i = 0; !e && i < COUNT(files); i++) {
		struct json_object *text = NULL;

		if (!file_is_of(&files[i], external_etcd))
			continue;
		if (json_object_object_get_ex(from, files[i].path, &text) &&
		    json_object_is_type(text, json_type_string))
			e = put(p, i, json_object_get_string(text));
		else if (file_is_needed(&files[i], external_etcd))
			e = err_new(ERR_NOT_FOUND, "%s is missing", files[i].path);
	}
	for (size_t i = 0; !e && i + 1 < COUNT(files); i++)
		e = halves_check(p, i);
	if (!e)
		*ret = TAKE(p);
	return e;
}

/* ---- on a node ---- */

static struct json_object *step(const char *what, const char *path, const char *mode)
{
	struct json_object *s = json_object_new_object();
	AUTO_STR id = xasprintf("pki-%s", path + strlen("/etc/kubernetes/"));

	json_sets(s, "id", id);
	json_sets(s, "do", what);
	json_sets(s, "path", path);
	json_sets(s, "mode", mode);
	json_sets(s, "owner", "root:root");
	return s;
}

struct json_object *pki_steps(const struct pki *p)
{
	struct json_object *steps = json_object_new_array();

	(void)json_object_array_add(steps, step("folder", PKI_FOLDER, "0755"));
	(void)json_object_array_add(steps, step("folder", PKI_FOLDER "/etcd", "0755"));
	for (size_t i = 0; i < COUNT(files); i++) {
		struct json_object *s;

		if (!p->text[i])
			continue;
		s = step("file", files[i].path, files[i].mode);
		json_sets(s, "content", p->text[i]);
		json_set(s, "secret", json_object_new_boolean(files[i].part != CERT));
		(void)json_object_array_add(steps, s);
	}
	return steps;
}

/* ---- clients ---- */

void pki_pair_release(struct pki_pair *pair)
{
	free(TAKE(pair->cert));
	wipe_free(TAKE(pair->key));
}

static int64_t asn1_s(const ASN1_TIME *t)
{
	struct tm tm = { 0 };

	return ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

struct err *pki_client(const struct pki *p, const struct pki_client *c, struct pki_pair *ret)
{
	const int64_t from = begins_s(c->now_s, c->skew_s);
	struct wanted w = { .name = c->name,
			    .organizations = c->organizations,
			    .from_s = from,
			    .until_s = from + (c->life_s ? c->life_s : YEAR_S) };
	struct pki_pair pair = { 0 };
	AUTO_X509 ca = NULL;
	AUTO_KEY ca_key = NULL;
	AUTO_KEY key = NULL;
	struct err *e = cert_of(pki_text(p, PKI_FOLDER "/ca.crt"), &ca);

	if (!e)
		e = key_of(pki_text(p, PKI_FOLDER "/ca.key"), &ca_key);
	if (!e && asn1_s(X509_get0_notAfter(ca)) < w.until_s)
		w.until_s = asn1_s(X509_get0_notAfter(ca));
	if (!e && w.until_s <= w.from_s)
		e = err_new(ERR_CONFLICT, "the cluster's CA has ended");
	if (!e)
		e = key_like(ca_key, &key);
	if (!e)
		e = cert_make(&w, key, ca, ca_key, &pair.cert);
	if (!e)
		e = key_text(key, &pair.key);
	if (e)
		pki_pair_release(&pair);
	else
		*ret = pair;
	return err_wrap(e, "certificate for '%s'", c->name);
}

struct err *pki_pin(const char *ca_pem, char **ret)
{
	AUTO_X509 x = NULL;
	unsigned char *der = NULL;
	struct err *e = cert_of(ca_pem, &x);
	int len;

	if (e)
		return e;
	len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);
	if (len <= 0)
		return failed(ERR_PROTOCOL, "its public key");
	AUTO_STR sum = digest_text("sha256", (const char *)der, (size_t)len);
	*ret = xasprintf("sha256:%s", sum);
	OPENSSL_free(der);
	return NULL;
}

/* ---- random text ---- */

static const char letters[] = "0123456789abcdefghijklmnopqrstuvwxyz";
enum { LETTERS = sizeof(letters) - 1, TOKEN_ID = 6, TOKEN_LEN = TOKEN_ID + 1 + 16 };

/* Bytes past the last multiple of 36 are thrown away: they would make some letters likelier. */
static bool letter(char *ret)
{
	unsigned char c;

	do
		if (RAND_bytes(&c, 1) != 1)
			return false;
	while (c >= 256 / LETTERS * LETTERS);
	*ret = letters[c % LETTERS];
	return true;
}

struct err *pki_token(char **ret)
{
	char *s = xcalloc(TOKEN_LEN + 1, 1);

	for (size_t i = 0; i < TOKEN_LEN; i++) {
		if (i == TOKEN_ID) {
			s[i] = '.';
		} else if (!letter(&s[i])) {
			wipe_free(s);
			return failed(ERR_PROTOCOL, "making a token");
		}
	}
	*ret = s;
	return NULL;
}

bool pki_token_is(const char *s)
{
	for (size_t i = 0; i < TOKEN_LEN; i++)
		if (!s[i] || !(i == TOKEN_ID ? s[i] == '.' : strchr(letters, s[i]) != NULL))
			return false;
	return s[TOKEN_LEN] == '\0';
}

struct err *pki_certificate_key(char **ret)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char key[KEY_BYTES];
	char *hex = xcalloc(2 * KEY_BYTES + 1, 1);

	if (RAND_bytes(key, sizeof(key)) != 1) {
		free(hex);
		return failed(ERR_PROTOCOL, "making a key");
	}
	for (size_t i = 0; i < KEY_BYTES; i++) {
		hex[2 * i] = digits[key[i] >> 4];
		hex[2 * i + 1] = digits[key[i] & 15];
	}
	OPENSSL_cleanse(key, sizeof(key));
	*ret = hex;
	return NULL;
}

/* ---- encryption at rest ---- */

struct err *pki_encryption(struct pki *p, const char *provider, const char *name,
			   struct json_object *resources)
{
	const size_t i = file_at(PKI_ENCRYPTION);
	AUTO_STR id = xasprintf("%s:%s", provider, name);
	struct json_object *key = p->text[i] ? encryption_find(p->text[i], id) : NULL;
	AUTO_BUF b = BUF_INIT;
	struct err *e = NULL;

	if (!json_len(resources))
		e = err_new(ERR_USAGE, "encryption wants resources");
	if (!e && !key)
		e = encryption_key(provider, name, &key);
	if (!e)
		e = encryption_with(p->text[i], key, resources, ENCRYPTION_FIRST, &b);
	if (!e) {
		wipe_free(p->text[i]);
		p->text[i] = xstrdup(b.s);
	}
	buf_wipe(&b);
	json_wipe(key);
	json_object_put(key);
	return e;
}
