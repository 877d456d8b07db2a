#include "ssh/host_certificate.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <string.h>
#include <time.h>

#include "ssh/wire.h"

enum {
	OF_HOST = 2,
	RSA_BITS_MIN = 1024, /* as OpenSSH's RequiredRSASize */
	RSA_BITS_MAX = 16384,
	ED25519_BYTES = 32,
	NUMBER_MAX = RSA_BITS_MAX / 8 + 1,
};

/* ---- blobs ---- */

static struct wire reading(struct blob b)
{
	return wire_of((const char *)b.s, b.len);
}

static struct blob next(struct wire *w)
{
	size_t n = 0;
	const char *s = wire_str(w, &n);

	return (struct blob){ (const unsigned char *)s, n };
}

static bool is_whole(const struct wire *w)
{
	return !w->bad && w->p == w->end;
}

bool blob_string(struct blob *from, struct blob *ret)
{
	struct wire w = reading(*from);
	const struct blob s = next(&w);

	if (w.bad)
		return false;
	*ret = s;
	*from = (struct blob){ (const unsigned char *)w.p, (size_t)(w.end - w.p) };
	return true;
}

bool blob_is(struct blob b, const char *text)
{
	return wire_is((const char *)b.s, b.len, text);
}

bool blob_equal(struct blob a, struct blob b)
{
	return a.len == b.len && (!a.len || memcmp(a.s, b.s, a.len) == 0);
}

/* ---- kinds of keys ---- */

static const struct kind {
	const char *certificate, *plain;
	int parts; /* strings and numbers that the key is made of, behind the type */
} kinds[] = {
	{ "ssh-ed25519-cert-v01@openssh.com", "ssh-ed25519", 1 },
	{ "ecdsa-sha2-nistp256-cert-v01@openssh.com", "ecdsa-sha2-nistp256", 2 },
	{ "ecdsa-sha2-nistp384-cert-v01@openssh.com", "ecdsa-sha2-nistp384", 2 },
	{ "ecdsa-sha2-nistp521-cert-v01@openssh.com", "ecdsa-sha2-nistp521", 2 },
	{ "ssh-rsa-cert-v01@openssh.com", "ssh-rsa", 2 },
};

static const struct kind *find_kind(struct blob type)
{
	for (size_t i = 0; i < COUNT(kinds); i++)
		if (blob_is(type, kinds[i].certificate))
			return &kinds[i];
	return NULL;
}

bool certificate_is_one(struct blob key)
{
	struct blob type;

	return blob_string(&key, &type) && find_kind(type);
}

static void read_key(struct wire *w, const struct kind *kind, struct buf *ret)
{
	wire_puts(ret, kind->plain);
	for (int i = 0; i < kind->parts; i++) {
		const struct blob part = next(w);

		wire_put(ret, (const char *)part.s, part.len);
	}
}

struct err *certificate_parse(struct blob key, struct host_certificate *ret)
{
	struct host_certificate c = { .key = BUF_INIT };
	struct wire w = reading(key);
	const struct kind *kind = find_kind(next(&w));

	(void)next(&w); /* nonce */
	if (kind)
		read_key(&w, kind, &c.key);
	(void)wire_u64(&w); /* serial number */
	c.kind = wire_u32(&w);
	(void)next(&w); /* name of the key, for logs */
	c.names = next(&w);
	c.after_s = wire_u64(&w);
	c.before_s = wire_u64(&w);
	c.critical = next(&w);
	(void)next(&w); /* extensions, which may be ignored */
	(void)next(&w); /* reserved */
	c.ca = next(&w);
	c.body = (struct blob){ key.s, (size_t)(w.p - (const char *)key.s) };
	c.signature = next(&w);
	if (!kind || !is_whole(&w)) {
		certificate_release(&c);
		return err_new(ERR_PROTOCOL, "the certificate is not whole");
	}
	*ret = c;
	return NULL;
}

void certificate_release(struct host_certificate *c)
{
	buf_release(&c->key);
}

/* ---- signatures ---- */

static BIGNUM *number_of(struct blob b)
{
	if (!b.len || b.len > NUMBER_MAX || b.s[0] & 0x80)
		return NULL;
	return BN_bin2bn(b.s, (int)b.len, NULL);
}

static EVP_PKEY *from_params(const char *type, OSSL_PARAM_BLD *build)
{
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
	EVP_PKEY_CTX *x = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *ret = NULL;

	if (!params || !x || EVP_PKEY_fromdata_init(x) != 1 ||
	    EVP_PKEY_fromdata(x, &ret, EVP_PKEY_PUBLIC_KEY, params) != 1)
		ret = NULL;
	EVP_PKEY_CTX_free(x);
	OSSL_PARAM_free(params);
	return ret;
}

static EVP_PKEY *rsa_key(struct wire w)
{
	const struct blob exponent = next(&w), modulus = next(&w);
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	BIGNUM *e = NULL, *n = NULL;
	EVP_PKEY *ret = NULL;

	if (is_whole(&w)) {
		e = number_of(exponent);
		n = number_of(modulus);
	}
	if (e && n && BN_num_bits(n) >= RSA_BITS_MIN && BN_num_bits(n) <= RSA_BITS_MAX &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) == 1)
		ret = from_params("RSA", build);
	OSSL_PARAM_BLD_free(build);
	BN_free(e);
	BN_free(n);
	return ret;
}

static EVP_PKEY *ec_key(struct wire w, const char *curve, const char *group)
{
	const struct blob name = next(&w), point = next(&w);
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	EVP_PKEY *ret = NULL;

	if (is_whole(&w) && blob_is(name, curve) &&
	    OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, group, 0) == 1 &&
	    OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point.s, point.len) ==
		    1)
		ret = from_params("EC", build);
	OSSL_PARAM_BLD_free(build);
	return ret;
}

static EVP_PKEY *ed25519_key(struct wire w)
{
	const struct blob point = next(&w);

	if (!is_whole(&w) || point.len != ED25519_BYTES)
		return NULL;
	return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, point.s, point.len);
}

/* What a CA's key signs with. RSA with SHA-1 is none: it can be forged. */
static const struct scheme {
	const char *signature, *key, *curve, *group;
	const EVP_MD *(*digest)(void);
} schemes[] = {
	{ "ssh-ed25519", "ssh-ed25519", NULL, NULL, NULL },
	{ "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", "nistp256", "P-256", EVP_sha256 },
	{ "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384", "nistp384", "P-384", EVP_sha384 },
	{ "ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521", "nistp521", "P-521", EVP_sha512 },
	{ "rsa-sha2-256", "ssh-rsa", NULL, NULL, EVP_sha256 },
	{ "rsa-sha2-512", "ssh-rsa", NULL, NULL, EVP_sha512 },
};

static const struct scheme *find_scheme(struct blob signature, struct blob key)
{
	for (size_t i = 0; i < COUNT(schemes); i++)
		if (blob_is(signature, schemes[i].signature) && blob_is(key, schemes[i].key))
			return &schemes[i];
	return NULL;
}

/* Of what is behind the type. */
static EVP_PKEY *make_key(const struct scheme *s, struct wire parts)
{
	if (s->curve)
		return ec_key(parts, s->curve, s->group);
	return s->digest ? rsa_key(parts) : ed25519_key(parts);
}

/* RFC 5656, 3.1.2 has the two numbers one after another; OpenSSL wants them in DER. */
static unsigned char *ec_signature(struct blob s, size_t *ret_len)
{
	struct wire w = reading(s);
	const struct blob r_part = next(&w), s_part = next(&w);
	ECDSA_SIG *sig = ECDSA_SIG_new();
	unsigned char *ret = NULL;
	BIGNUM *r = NULL, *t = NULL;
	int n = -1;

	if (sig && is_whole(&w)) {
		r = number_of(r_part);
		t = number_of(s_part);
	}
	if (r && t && ECDSA_SIG_set0(sig, r, t) == 1) {
		n = i2d_ECDSA_SIG(sig, &ret);
	} else {
		BN_free(r);
		BN_free(t);
	}
	ECDSA_SIG_free(sig);
	*ret_len = n > 0 ? (size_t)n : 0;
	return n > 0 ? ret : NULL;
}

static bool verify(const struct scheme *s, EVP_PKEY *key, struct blob body, struct blob sig)
{
	EVP_MD_CTX *x = EVP_MD_CTX_new();
	unsigned char *der = NULL;
	bool ok;

	if (s->curve) {
		size_t n = 0;

		der = ec_signature(sig, &n);
		sig = (struct blob){ der, n };
	}
	ok = x && sig.s &&
	     EVP_DigestVerifyInit(x, NULL, s->digest ? s->digest() : NULL, NULL, key) == 1 &&
	     EVP_DigestVerify(x, sig.s, sig.len, body.s, body.len) == 1;
	OPENSSL_free(der);
	EVP_MD_CTX_free(x);
	return ok;
}

static struct err *check_signature(const struct host_certificate *c)
{
	struct wire w = reading(c->signature), key = reading(c->ca);
	const struct blob type = next(&w), sig = next(&w), key_type = next(&key);
	const struct scheme *s;
	EVP_PKEY *p;
	bool ok;

	if (!is_whole(&w) || key.bad)
		return err_new(ERR_AUTH, "its signature is not whole");
	s = find_scheme(type, key_type);
	if (!s)
		return err_new(ERR_AUTH,
			       "its signature is of a kind that is not taken (ed25519, ecdsa, "
			       "rsa-sha2-256 and rsa-sha2-512 are)");
	p = make_key(s, key);
	ok = p && verify(s, p, c->body, sig);
	EVP_PKEY_free(p);
	return ok ? NULL : err_new(ERR_AUTH, "its signature is wrong");
}

/* ---- what it is for ---- */

static struct err *check_names(const struct host_certificate *c, const char *host)
{
	struct wire w = reading(c->names);
	AUTO_BUF all = BUF_INIT;

	while (w.p != w.end) {
		const struct blob name = next(&w);

		if (w.bad)
			return err_new(ERR_AUTH, "its names are not whole");
		if (blob_is(name, host))
			return NULL;
		for (size_t i = 0; i < name.len && all.len < 200; i++)
			buf_addf(&all, "%s%c", !i && all.len ? ", " : "",
				 name.s[i] > ' ' && name.s[i] < 127 ? name.s[i] : '?');
	}
	return c->names.len ? err_new(ERR_AUTH, "it is for %s, not for %s", all.s, host) : NULL;
}

static struct err *check_time(const struct host_certificate *c, int64_t now_s)
{
	const bool early = (uint64_t)now_s < c->after_s;
	const time_t when = (time_t)(early ? c->after_s : c->before_s);
	char day[32] = "?";
	struct tm tm;

	if (!early && (uint64_t)now_s < c->before_s)
		return NULL;
	if (gmtime_r(&when, &tm))
		(void)strftime(day, sizeof(day), "%Y-%m-%d %H:%M UTC", &tm);
	return err_new(ERR_AUTH, early ? "it is valid from %s on" : "it ended at %s", day);
}

struct err *certificate_check(const struct host_certificate *c, const char *host, int64_t now_s)
{
	struct err *e = NULL;

	if (c->kind != OF_HOST)
		return err_new(ERR_AUTH, "it is not for hosts");
	if (c->critical.len)
		return err_new(ERR_AUTH, "it has critical options, of which none is known");
	e = check_names(c, host);
	if (!e)
		e = check_time(c, now_s);
	return e ? e : check_signature(c);
}
