#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent.h"

/* FIPS 180-4, section 6.2. OpenSSL's would make the program five times as large. */

enum { BLOCK = 64, ROUNDS = 64, WORDS = 8, PART = 64 << 10 };

struct sha256 {
	uint32_t h[WORDS];
	unsigned char part[BLOCK];
	size_t have;
	uint64_t bytes;
};

static const uint32_t K[ROUNDS] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
	0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
	0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
	0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
	0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
	0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
	0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
	0xc67178f2,
};

static uint32_t turn(uint32_t x, unsigned n)
{
	return x >> n | x << (32 - n);
}

static void begin(struct sha256 *x)
{
	*x = (struct sha256){ .h = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,
				     0x9b05688c, 0x1f83d9ab, 0x5be0cd19 } };
}

static void schedule(const unsigned char *s, uint32_t w[ROUNDS])
{
	for (size_t i = 0; i < 16; i++)
		w[i] = (uint32_t)s[4 * i] << 24 | (uint32_t)s[4 * i + 1] << 16 |
		       (uint32_t)s[4 * i + 2] << 8 | s[4 * i + 3];
	for (int i = 16; i < ROUNDS; i++) {
		const uint32_t a = w[i - 15], b = w[i - 2];

		w[i] = w[i - 16] + (turn(a, 7) ^ turn(a, 18) ^ a >> 3) + w[i - 7] +
		       (turn(b, 17) ^ turn(b, 19) ^ b >> 10);
	}
}

static void block(struct sha256 *x, const unsigned char *s)
{
	uint32_t w[ROUNDS], v[WORDS];

	schedule(s, w);
	memcpy(v, x->h, sizeof(v));
	for (int i = 0; i < ROUNDS; i++) {
		const uint32_t e = v[4], a = v[0];
		const uint32_t t1 = v[7] + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) +
				    ((e & v[5]) ^ (~e & v[6])) + K[i] + w[i];
		const uint32_t t2 = (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) +
				    ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));

		memmove(v + 1, v, 7 * sizeof(*v));
		v[4] += t1;
		v[0] = t1 + t2;
	}
	for (int i = 0; i < WORDS; i++)
		x->h[i] += v[i];
}

static void add(struct sha256 *x, const char *text, size_t n)
{
	const unsigned char *s = (const unsigned char *)text;

	x->bytes += n;
	while (n) {
		const size_t room = BLOCK - x->have, take = n < room ? n : room;

		if (!x->have && n >= BLOCK) {
			block(x, s);
			s += BLOCK;
			n -= BLOCK;
			continue;
		}
		memcpy(x->part + x->have, s, take);
		x->have += take;
		s += take;
		n -= take;
		if (x->have == BLOCK) {
			block(x, x->part);
			x->have = 0;
		}
	}
}

static void end(struct sha256 *x, char ret[SHA256_HEX])
{
	const uint64_t bits = x->bytes * 8;
	char length[8];

	for (int i = 0; i < 8; i++)
		length[i] = (char)(bits >> (56 - 8 * i));
	add(x, "\x80", 1);
	while (x->have != BLOCK - sizeof(length))
		add(x, "", 1);
	add(x, length, sizeof(length));
	for (size_t i = 0; i < WORDS; i++)
		(void)snprintf(ret + 8 * i, 9, "%08x", x->h[i]);
	explicit_bzero(x, sizeof(*x));
}

void sha256_text(const char *s, size_t n, char ret[SHA256_HEX])
{
	struct sha256 x;

	begin(&x);
	add(&x, s, n);
	end(&x, ret);
}

bool sha256_fd(int fd, char ret[SHA256_HEX])
{
	AUTO_STR part = xcalloc(PART, 1);
	struct sha256 x;
	ssize_t n;

	begin(&x);
	while ((n = read(fd, part, PART)) > 0)
		add(&x, part, (size_t)n);
	end(&x, ret);
	return n == 0;
}
