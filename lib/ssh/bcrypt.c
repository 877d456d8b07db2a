#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "mem.h"
#include "ssh/bcrypt.h"

enum {
	P = 18,
	S = 1024,
	ROUNDS = 16,
	SUM = 64,
	HASH = 32,
	HASH_ROUNDS = 64,
	SALT_MAX = 256,
};

/* Blowfish's state: where the key schedule begins are the digits of pi behind the point. */
struct blowfish {
	uint32_t p[P], s[S];
};

static struct blowfish pi;
static pthread_once_t pi_once = PTHREAD_ONCE_INIT;

/* Adds sign * factor * atan(1 / x), in units of 2^-bits: Gregory's series. */
static void add_atan(BIGNUM *sum, int factor, BN_ULONG x, int bits, bool minus)
{
	BIGNUM *power = BN_new(), *term = BN_new();

	(void)BN_set_word(power, (BN_ULONG)factor);
	(void)BN_lshift(power, power, bits);
	(void)BN_div_word(power, x);
	for (BN_ULONG n = 1; !BN_is_zero(power); n += 2, minus = !minus) {
		(void)BN_copy(term, power);
		(void)BN_div_word(term, n);
		(void)(minus ? BN_sub(sum, sum, term) : BN_add(sum, sum, term));
		(void)BN_div_word(power, x * x);
	}
	BN_free(power);
	BN_free(term);
}

/* Machin: pi = 16 atan(1/5) - 4 atan(1/239). The last bits are wrong, so some more are computed. */
static void compute_pi(void)
{
	enum { WORDS = P + S, SPARE = 64, BITS = WORDS * 32 };
	BIGNUM *sum = BN_new();
	unsigned char *bytes = xcalloc(BITS / 8, 1);

	BN_zero(sum);
	add_atan(sum, 16, 5, BITS + SPARE, false);
	add_atan(sum, 4, 239, BITS + SPARE, true);
	(void)BN_rshift(sum, sum, SPARE);
	(void)BN_mask_bits(sum, BITS);
	(void)BN_bn2binpad(sum, bytes, BITS / 8);
	for (int i = 0; i < WORDS; i++) {
		const unsigned char *at = bytes + (size_t)4 * (size_t)i;
		uint32_t *to = i < P ? pi.p + i : pi.s + (i - P);

		*to = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
	}
	free(bytes);
	BN_free(sum);
}

static void encipher(const struct blowfish *b, uint32_t *left, uint32_t *right)
{
	uint32_t l = *left, r = *right;

	for (int i = 0; i < ROUNDS; i++) {
		const uint32_t x = l ^ b->p[i];

		l = r ^
		    (((b->s[x >> 24] + b->s[256 + (x >> 16 & 255)]) ^ b->s[512 + (x >> 8 & 255)]) +
		     b->s[768 + (x & 255)]);
		r = x;
	}
	*left = r ^ b->p[P - 1];
	*right = l ^ b->p[P - 2];
}

/* The next four bytes of 64 that go round and round. */
static uint32_t next_word(const unsigned char s[static SUM], size_t *at)
{
	uint32_t n = 0;

	for (int i = 0; i < 4; i++)
		n = n << 8 | s[(*at)++ % SUM];
	return n;
}

static void expand(struct blowfish *b, const unsigned char *salt,
		   const unsigned char key[static SUM])
{
	uint32_t l = 0, r = 0;
	size_t at = 0;

	for (int i = 0; i < P; i++)
		b->p[i] ^= next_word(key, &at);
	at = 0;
	for (int i = 0; i < P + S; i += 2) {
		uint32_t *to = i < P ? b->p + i : b->s + (i - P);

		if (salt) {
			l ^= next_word(salt, &at);
			r ^= next_word(salt, &at);
		}
		encipher(b, &l, &r);
		to[0] = l;
		to[1] = r;
	}
}

static void hash(const unsigned char pass[static SUM], const unsigned char salt[static SUM],
		 unsigned char ret[static HASH])
{
	static const unsigned char text[HASH + 1] = "OxychromaticBlowfishSwatDynamite";
	uint32_t words[HASH / 4];
	struct blowfish b = pi;
	size_t at = 0;

	expand(&b, salt, pass);
	for (int i = 0; i < HASH_ROUNDS; i++) {
		expand(&b, NULL, salt);
		expand(&b, NULL, pass);
	}
	for (size_t i = 0; i < COUNT(words); i++, at += 4)
		words[i] = (uint32_t)text[at] << 24 | (uint32_t)text[at + 1] << 16 |
			   (uint32_t)text[at + 2] << 8 | text[at + 3];
	for (int i = 0; i < HASH_ROUNDS; i++)
		for (size_t w = 0; w < COUNT(words); w += 2)
			encipher(&b, words + w, words + w + 1);
	for (size_t i = 0; i < HASH; i++)
		ret[i] = (unsigned char)(words[i / 4] >> 8 * (i % 4));
	OPENSSL_cleanse(&b, sizeof(b));
	OPENSSL_cleanse(words, sizeof(words));
}

static void sha512(const void *s, size_t len, unsigned char ret[static SUM])
{
	(void)EVP_Digest(s, len, ret, NULL, EVP_sha512(), NULL);
}

bool bcrypt_pbkdf(const char *pass, const unsigned char *salt, size_t salt_len, unsigned rounds,
		  struct bcrypt_key *ret)
{
	const size_t blocks = (ret->len + HASH - 1) / HASH;
	unsigned char sum[SUM], salted[SUM], one[HASH], all[HASH], begin[SALT_MAX + 4];

	if (!rounds || rounds > BCRYPT_ROUNDS_MAX || salt_len > SALT_MAX || !ret->len ||
	    ret->len > sizeof(ret->s))
		return false;
	(void)pthread_once(&pi_once, compute_pi);
	sha512(pass, strlen(pass), sum);
	memcpy(begin, salt, salt_len);
	for (size_t b = 0; b < blocks; b++) {
		memcpy(begin + salt_len, (unsigned char[]){ 0, 0, 0, (unsigned char)(b + 1) }, 4);
		sha512(begin, salt_len + 4, salted);
		hash(sum, salted, one);
		memcpy(all, one, HASH);
		for (unsigned i = 1; i < rounds; i++) {
			sha512(one, HASH, salted);
			hash(sum, salted, one);
			for (size_t k = 0; k < HASH; k++)
				all[k] ^= one[k];
		}
		/* Blocks are not put one behind the other, but dealt like cards. */
		for (size_t k = 0; k * blocks + b < ret->len && k < HASH; k++)
			ret->s[k * blocks + b] = all[k];
	}
	OPENSSL_cleanse(sum, sizeof(sum));
	OPENSSL_cleanse(one, sizeof(one));
	OPENSSL_cleanse(all, sizeof(all));
	return true;
}
