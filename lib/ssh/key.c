#include <errno.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mem.h"
#include "ssh/bcrypt.h"
#include "ssh/key.h"
#include "ssh/wire.h"
#include "text.h"

enum {
	FILE_MAX = 64 << 10,
	BLOB_MAX = 16 << 10,
	SEED = 32,
};

struct ssh_key {
	char *name, *type;
	struct buf blob;
	EVP_PKEY *pair; /* NULL: the public half alone */
};

static const struct curve {
	const char *type, *name, *group, *md;
} curves[] = {
	{ "ecdsa-sha2-nistp256", "nistp256", "prime256v1", "SHA256" },
	{ "ecdsa-sha2-nistp384", "nistp384", "secp384r1", "SHA384" },
	{ "ecdsa-sha2-nistp521", "nistp521", "secp521r1", "SHA512" },
};

static const char BEGIN[] = "-----BEGIN OPENSSH PRIVATE KEY-----";
static const char END[] = "-----END OPENSSH PRIVATE KEY-----";
static const char MAGIC[] = "openssh-key-v1"; /* its terminator is part of it */

void ssh_key_free(struct ssh_key *k)
{
	if (!k)
		return;
	EVP_PKEY_free(k->pair);
	buf_release(&k->blob);
	free(k->name);
	free(k->type);
	free(k);
}

const char *ssh_key_name(const struct ssh_key *k)
{
	return k->name;
}

const char *ssh_key_type(const struct ssh_key *k)
{
	return k->type;
}

const struct buf *ssh_key_blob(const struct ssh_key *k)
{
	return &k->blob;
}

bool ssh_key_can_sign(const struct ssh_key *k)
{
	return k->pair;
}

static const struct curve *curve_of(const char *type, size_t len)
{
	for (size_t i = 0; i < COUNT(curves); i++)
		if (wire_is(type, len, curves[i].type))
			return curves + i;
	return NULL;
}

static const struct curve *curve_of_group(const char *group)
{
	for (size_t i = 0; i < COUNT(curves); i++)
		if (strcmp(group, curves[i].group) == 0)
			return curves + i;
	return NULL;
}

/* ---- PEM ---- */

static void put_number(struct buf *b, const EVP_PKEY *pair, const char *name)
{
	BIGNUM *n = NULL;
	unsigned char s[BLOB_MAX / 8];

	if (EVP_PKEY_get_bn_param(pair, name, &n) && BN_num_bytes(n) <= (int)sizeof(s))
		wire_put_mpint(b, s, (size_t)BN_bn2bin(n, s));
	BN_free(n);
}

static bool put_point(struct ssh_key *k)
{
	unsigned char point[256];
	char group[64];
	size_t n = 0;
	const struct curve *c;

	if (!EVP_PKEY_get_group_name(k->pair, group, sizeof(group), &n))
		return false;
	c = curve_of_group(group);
	if (!c || !EVP_PKEY_get_octet_string_param(k->pair, OSSL_PKEY_PARAM_PUB_KEY, point,
						   sizeof(point), &n))
		return false;
	wire_puts(&k->blob, c->type);
	wire_puts(&k->blob, c->name);
	wire_put(&k->blob, (const char *)point, n);
	return true;
}

/* The public half out of the pair. */
static bool publish(struct ssh_key *k)
{
	unsigned char s[SEED];
	size_t n = sizeof(s);

	switch (EVP_PKEY_get_base_id(k->pair)) {
	case EVP_PKEY_ED25519:
		wire_puts(&k->blob, "ssh-ed25519");
		if (!EVP_PKEY_get_raw_public_key(k->pair, s, &n))
			return false;
		wire_put(&k->blob, (const char *)s, n);
		return true;
	case EVP_PKEY_RSA:
		wire_puts(&k->blob, "ssh-rsa");
		put_number(&k->blob, k->pair, OSSL_PKEY_PARAM_RSA_E);
		put_number(&k->blob, k->pair, OSSL_PKEY_PARAM_RSA_N);
		return true;
	case EVP_PKEY_EC: return put_point(k);
	default: return false;
	}
}

struct asked {
	const char *passphrase;
	bool needed;
};

static int give_passphrase(char *to, int size, int writing, void *arg)
{
	struct asked *a = arg;
	const size_t n = a->passphrase ? strlen(a->passphrase) : 0;

	(void)writing;
	a->needed = true;
	if (!a->passphrase || n > (size_t)size)
		return -1;
	memcpy(to, a->passphrase, n);
	return (int)n;
}

static struct err *wrong_passphrase(const char *passphrase)
{
	return err_new(ERR_AUTH, passphrase ? "the passphrase is wrong"
					    : "it is encrypted: give its passphrase");
}

static struct err *read_pem(struct ssh_key *k, const char *s, size_t len, const char *passphrase)
{
	struct asked a = { .passphrase = passphrase };
	BIO *bio = BIO_new_mem_buf(s, (int)len);

	k->pair = PEM_read_bio_PrivateKey(bio, NULL, give_passphrase, &a);
	BIO_free(bio);
	if (!k->pair && a.needed)
		return wrong_passphrase(passphrase);
	if (!k->pair || !publish(k))
		return err_new(ERR_USAGE, "it is no private key of ed25519, ecdsa or rsa");
	return NULL;
}

/* ---- OpenSSH's format ---- */

static EVP_PKEY *pair_of(const char *type, OSSL_PARAM_BLD *b)
{
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(b);
	EVP_PKEY_CTX *x = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *pair = NULL;

	if (params && x && EVP_PKEY_fromdata_init(x) > 0)
		(void)EVP_PKEY_fromdata(x, &pair, EVP_PKEY_KEYPAIR, params);
	EVP_PKEY_CTX_free(x);
	OSSL_PARAM_free(params);
	return pair;
}

static EVP_PKEY *read_ed25519(struct wire *w)
{
	size_t n, both;
	const char *pair;

	(void)wire_str(w, &n);
	pair = wire_str(w, &both);
	return both == (size_t)2 * SEED
		       ? EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL,
						      (const unsigned char *)pair, SEED)
		       : NULL;
}

static BIGNUM *read_number(struct wire *w)
{
	size_t n;
	const char *s = wire_str(w, &n);
	BIGNUM *ret = BN_secure_new();

	(void)BN_bin2bn((const unsigned char *)s, (int)n, ret);
	BN_set_flags(ret, BN_FLG_CONSTTIME);
	return ret;
}

static EVP_PKEY *read_ecdsa(struct wire *w, const struct curve *c)
{
	OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
	EVP_PKEY *pair = NULL;
	BIGNUM *number;
	const char *name, *point;
	size_t n, point_len;

	name = wire_str(w, &n);
	point = wire_str(w, &point_len);
	number = read_number(w);
	if (wire_is(name, n, c->name) &&
	    OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, c->group, 0) &&
	    OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, point, point_len) &&
	    OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_PRIV_KEY, number))
		pair = pair_of("EC", b);
	OSSL_PARAM_BLD_free(b);
	BN_clear_free(number);
	return pair;
}

/* n mod (prime - 1) */
static BIGNUM *exponent(const BIGNUM *n, const BIGNUM *prime)
{
	BN_CTX *x = BN_CTX_secure_new();
	BIGNUM *less = BN_dup(prime), *ret = BN_secure_new();

	if (BN_is_zero(prime) || BN_is_one(prime) || !BN_sub_word(less, 1) ||
	    !BN_mod(ret, n, less, x))
		BN_zero(ret);
	BN_clear_free(less);
	BN_CTX_free(x);
	return ret;
}

static EVP_PKEY *read_rsa(struct wire *w)
{
	static const char *const names[] = {
		OSSL_PKEY_PARAM_RSA_N,         OSSL_PKEY_PARAM_RSA_E,
		OSSL_PKEY_PARAM_RSA_D,         OSSL_PKEY_PARAM_RSA_COEFFICIENT1,
		OSSL_PKEY_PARAM_RSA_FACTOR1,   OSSL_PKEY_PARAM_RSA_FACTOR2,
		OSSL_PKEY_PARAM_RSA_EXPONENT1, OSSL_PKEY_PARAM_RSA_EXPONENT2,
	};
	enum { D = 2, FACTOR1 = 4, FACTOR2, READ };
	OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
	BIGNUM *n[COUNT(names)];
	EVP_PKEY *pair;
	bool ok = true;

	for (size_t i = 0; i < READ; i++)
		n[i] = read_number(w);
	n[READ] = exponent(n[D], n[FACTOR1]);
	n[READ + 1] = exponent(n[D], n[FACTOR2]);
	for (size_t i = 0; i < COUNT(names); i++)
		ok = ok && OSSL_PARAM_BLD_push_BN(b, names[i], n[i]);
	pair = ok ? pair_of("RSA", b) : NULL;
	OSSL_PARAM_BLD_free(b);
	for (size_t i = 0; i < COUNT(names); i++)
		BN_clear_free(n[i]);
	return pair;
}

static struct err *read_pair(struct ssh_key *k, struct wire *w)
{
	size_t n;
	const char *type = wire_str(w, &n);
	const struct curve *c = curve_of(type, n);

	if (wire_is(type, n, "ssh-ed25519"))
		k->pair = read_ed25519(w);
	else if (wire_is(type, n, "ssh-rsa"))
		k->pair = read_rsa(w);
	else if (c)
		k->pair = read_ecdsa(w, c);
	else
		return err_new(ERR_USAGE,
			       "a key of type '%.*s' cannot be used: ed25519, ecdsa and rsa can",
			       (int)(n < 64 ? n : 64), type);
	return k->pair && !w->bad ? NULL : err_new(ERR_USAGE, "the key is damaged");
}

struct sealed {
	const char *cipher, *kdf, *options, *content;
	size_t cipher_len, kdf_len, options_len, content_len;
};

static bool decrypt(const EVP_CIPHER *c, const struct bcrypt_key *key, const struct sealed *x,
		    struct buf *ret)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	const unsigned char *iv = key->s + EVP_CIPHER_get_key_length(c);
	unsigned char *to = xcalloc(x->content_len + EVP_MAX_BLOCK_LENGTH, 1);
	int n = 0, last = 0;
	const bool ok = EVP_DecryptInit_ex2(ctx, c, key->s, iv, NULL) &&
			EVP_CIPHER_CTX_set_padding(ctx, 0) &&
			EVP_DecryptUpdate(ctx, to, &n, (const unsigned char *)x->content,
					  (int)x->content_len) &&
			EVP_DecryptFinal_ex(ctx, to + n, &last);

	EVP_CIPHER_CTX_free(ctx);
	if (ok)
		(void)buf_add(ret, (const char *)to, (size_t)n + (size_t)last);
	OPENSSL_clear_free(to, x->content_len + EVP_MAX_BLOCK_LENGTH);
	return ok;
}

static struct err *unseal(const struct sealed *x, const char *passphrase, struct buf *ret)
{
	static const char *const ciphers[] = { "aes256-ctr", "aes192-ctr", "aes128-ctr",
					       "aes256-cbc", "aes192-cbc", "aes128-cbc" };
	struct wire w = wire_of(x->options, x->options_len);
	struct bcrypt_key key;
	const EVP_CIPHER *c = NULL;
	const char *salt;
	size_t n;
	bool ok;

	if (wire_is(x->cipher, x->cipher_len, "none")) {
		(void)buf_add(ret, x->content, x->content_len);
		return NULL;
	}
	for (size_t i = 0; i < COUNT(ciphers); i++)
		if (wire_is(x->cipher, x->cipher_len, ciphers[i])) {
			AUTO_STR name = xasprintf("aes-%.3s-%s", ciphers[i] + 3, ciphers[i] + 7);

			c = EVP_get_cipherbyname(name);
		}
	if (!c || !wire_is(x->kdf, x->kdf_len, "bcrypt"))
		return err_new(ERR_USAGE,
			       "it is encrypted with '%.*s': only aes-ctr and aes-cbc can be read; "
			       "ssh-keygen -p -Z aes256-ctr changes that",
			       (int)(x->cipher_len < 64 ? x->cipher_len : 64), x->cipher);
	if (!passphrase)
		return wrong_passphrase(NULL);
	salt = wire_str(&w, &n);
	key.len = (size_t)EVP_CIPHER_get_key_length(c) + (size_t)EVP_CIPHER_get_iv_length(c);
	ok = bcrypt_pbkdf(passphrase, (const unsigned char *)salt, n, wire_u32(&w), &key) &&
	     decrypt(c, &key, x, ret);
	OPENSSL_cleanse(&key, sizeof(key));
	return ok ? NULL : err_new(ERR_USAGE, "the key is damaged");
}

/* One key: the format has room for more, which nobody writes. */
static struct err *read_openssh(struct ssh_key *k, const char *s, size_t len,
				const char *passphrase)
{
	AUTO_BUF content = BUF_INIT;
	struct wire w = wire_of(s, len), in;
	struct sealed x;
	const char *blob;
	struct err *e;
	uint32_t one, check;
	size_t n;

	if (len < sizeof(MAGIC) || memcmp(wire_bytes(&w, sizeof(MAGIC)), MAGIC, sizeof(MAGIC)) != 0)
		return err_new(ERR_USAGE, "the key is damaged");
	x.cipher = wire_str(&w, &x.cipher_len);
	x.kdf = wire_str(&w, &x.kdf_len);
	x.options = wire_str(&w, &x.options_len);
	one = wire_u32(&w);
	blob = wire_str(&w, &n);
	x.content = wire_str(&w, &x.content_len);
	if (w.bad || one != 1 || n > BLOB_MAX)
		return err_new(ERR_USAGE, "the key is damaged");
	(void)buf_add(&k->blob, blob, n);
	e = unseal(&x, passphrase, &content);
	if (e)
		return e;
	in = wire_of(content.s, content.len);
	check = wire_u32(&in);
	if (wire_u32(&in) != check || in.bad)
		e = passphrase ? wrong_passphrase(passphrase)
			       : err_new(ERR_USAGE, "the key is damaged");
	else
		e = read_pair(k, &in);
	buf_wipe(&content);
	return e;
}

static struct err *read_armoured(struct ssh_key *k, const char *s, const char *end,
				 const char *passphrase)
{
	AUTO_BUF plain = BUF_INIT;
	struct err *e;

	if (!base64_text(s, (size_t)(end - s), &plain))
		return err_new(ERR_USAGE, "the key is damaged");
	e = read_openssh(k, plain.s, plain.len, passphrase);
	buf_wipe(&plain);
	return e;
}

/* "ssh-ed25519 AAAA... comment" */
static struct err *read_public(struct ssh_key *k, const char *s)
{
	const size_t type = strcspn(s, " \t");
	const char *code = s + type + strspn(s + type, " \t");

	if (!type || !*code || !base64_text(code, strcspn(code, " \t\r\n"), &k->blob) ||
	    k->blob.len > BLOB_MAX)
		return err_new(ERR_USAGE, "it is no key");
	return NULL;
}

static struct err *parse(struct ssh_key *k, const char *text, const char *passphrase)
{
	const char *begin = strstr(text, BEGIN);
	const char *body = begin ? begin + strlen(BEGIN) : NULL;
	const char *end = body ? strstr(body, END) : NULL;
	struct wire w;
	const char *type;
	struct err *e;
	size_t n;

	if (end)
		e = read_armoured(k, body, end, passphrase);
	else if (strstr(text, "-----BEGIN "))
		e = read_pem(k, text, strlen(text), passphrase);
	else
		e = read_public(k, text);
	if (e)
		return e;
	w = wire_of(k->blob.s, k->blob.len);
	type = wire_str(&w, &n);
	k->type = xstrndup(type, n < 64 ? n : 64);
	return w.bad || !n ? err_new(ERR_USAGE, "it is no key") : NULL;
}

struct err *ssh_key_parse(const char *name, const char *s, size_t len, const char *passphrase,
			  struct ssh_key **ret)
{
	struct ssh_key *k = xcalloc(1, sizeof(*k));
	char *text = xstrndup(s, len);
	struct err *e;

	k->blob = (struct buf)BUF_INIT;
	k->name = xstrdup(name);
	e = parse(k, text, passphrase);
	wipe_free(text);
	if (e)
		ssh_key_free(k);
	else
		*ret = k;
	return err_wrap(e, "key '%s'", name);
}

struct err *ssh_key_load(const char *path, const char *passphrase, struct ssh_key **ret)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	AUTO_BUF text = { .s = buf_empty, .max = FILE_MAX };
	char chunk[4096];
	struct stat st;
	struct err *e = NULL;
	ssize_t n = 0;

	if (fd < 0)
		return err_new(errno == ENOENT ? ERR_NOT_FOUND : ERR_USAGE, "key '%s': %s", path,
			       strerrordesc_np(errno));
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		e = err_new(ERR_USAGE, "key '%s': it is no file", path);
	while (!e) {
		n = read(fd, chunk, sizeof(chunk));
		if (n <= 0)
			break;
		if (!buf_add(&text, chunk, (size_t)n))
			e = err_new(ERR_USAGE, "key '%s': it has more than 64 KiB", path);
	}
	if (!e && n < 0)
		e = err_new(ERR_USAGE, "key '%s': %s", path, strerrordesc_np(errno));
	(void)close(fd);
	if (!e)
		e = ssh_key_parse(path, text.s, text.len, passphrase, ret);
	OPENSSL_cleanse(chunk, sizeof(chunk));
	buf_wipe(&text);
	return e;
}

/* ---- signing ---- */

/* ECDSA's is a sequence of two numbers in DER; SSH has them as mpints (RFC 5656, 3.1.2). */
static bool put_ecdsa(const unsigned char *der, size_t len, struct buf *ret)
{
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)len);
	unsigned char number[128];

	if (!sig)
		return false;
	wire_put_mpint(ret, number, (size_t)BN_bn2bin(ECDSA_SIG_get0_r(sig), number));
	wire_put_mpint(ret, number, (size_t)BN_bn2bin(ECDSA_SIG_get0_s(sig), number));
	ECDSA_SIG_free(sig);
	return true;
}

static const char *hash_of(const struct ssh_key *k, const char *algorithm)
{
	const struct curve *c = curve_of(k->type, strlen(k->type));

	if (c)
		return c->md;
	if (strcmp(k->type, "ssh-rsa") != 0)
		return NULL;
	if (strcmp(algorithm, "rsa-sha2-512") == 0)
		return "SHA512";
	return strcmp(algorithm, "rsa-sha2-256") == 0 ? "SHA256" : "SHA1";
}

bool ssh_key_sign(const struct ssh_key *k, const char *algorithm, const void *data, size_t len,
		  struct buf *ret)
{
	EVP_MD_CTX *x = EVP_MD_CTX_new();
	unsigned char sig[BLOB_MAX / 8];
	size_t n = sizeof(sig);
	bool ok = k->pair &&
		  EVP_DigestSignInit_ex(x, NULL, hash_of(k, algorithm), NULL, NULL, k->pair, NULL) >
			  0 &&
		  EVP_DigestSign(x, sig, &n, data, len) > 0;

	EVP_MD_CTX_free(x);
	if (ok && curve_of(k->type, strlen(k->type)))
		return put_ecdsa(sig, n, ret);
	return ok && buf_add(ret, (const char *)sig, n);
}
