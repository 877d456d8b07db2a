/*
 * Lines of known_hosts and what a host offers, both of somebody else's making. Up to the first NUL the input is a
 * file, behind it the key.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mem.h"
#include "ssh/host_certificate.h"
#include "ssh/known_hosts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int file = -1;

/* As a file and handed over: a verdict, or an error with a text; never trust by mistake. */
static void check(struct known_hosts *k, const uint8_t *key, size_t len)
{
	const struct known_name names[] = { { "web", 22 }, { "Web.example.com", 2222 } };
	const struct known_policy strict = { .strict = SSH_STRICT, .now_s = 1800000000 };

	for (size_t i = 0; i < COUNT(names); i++) {
		struct known_answer a = { 0 };
		bool changed = false;
		AUTO_ERR e = known_hosts_check(k, &names[i], key, len, strict.now_s, &a);
		AUTO_ERR refused = known_hosts_verify(k, &names[i], key, len, &strict, &changed);
		AUTO_STR order = known_hosts_algorithms(
			k, &names[i], "ssh-ed25519-cert-v01@openssh.com,ssh-ed25519,rsa-sha2-512");

		if ((e && !*e->text) || (!e && !a.offered) || strlen(order) != 57)
			abort();
		if (changed || !refused != (!e && a.verdict == KNOWN_OK))
			abort();
		if (!e && a.verdict != KNOWN_UNKNOWN && (!a.file || !a.line))
			abort();
		known_answer_release(&a);
	}
	known_hosts_free(k);
}

static void check_file(const char *text, size_t n, const uint8_t *key, size_t len)
{
	AUTO_STR path = NULL;
	struct known_hosts *k = NULL;

	if (file < 0)
		file = memfd_create("known_hosts", MFD_CLOEXEC);
	if (ftruncate(file, 0) < 0 || pwrite(file, text, n, 0) != (ssize_t)n)
		return;
	path = xasprintf("/proc/self/fd/%d", file);
	char *user[] = { path, NULL };
	char *none[] = { NULL };
	AUTO_ERR e = known_hosts_open(user, none, &k);
	if (e)
		abort(); /* whatever is in it */
	check(k, key, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const size_t n = strnlen((const char *)data, size);
	const size_t at = n < size ? n + 1 : n;
	struct known_hosts *k = NULL;
	struct host_certificate c;

	check_file((const char *)data, n, data + at, size - at);
	AUTO_ERR e = known_hosts_given((const char *)data, n, &k);
	if (!e != !!k || (e && !*e->text))
		abort();
	if (k)
		check(k, data + at, size - at);
	AUTO_ERR broken = certificate_parse((struct blob){ data + at, size - at }, &c);
	if (!broken) {
		AUTO_ERR why = certificate_check(&c, "web", 1800000000);

		if (why && !*why->text)
			abort();
		certificate_release(&c);
	}
	return 0;
}
