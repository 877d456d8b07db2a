#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "ssh/key.h"
#include "ssh/sftp.h"
#include "text.h"

/*
 * A key somebody else made, as it is or (first byte odd) as what is inside of OpenSSH's armour: it is
 * read or refused, with a text, and what can sign signs. The same bytes as a status of SFTP. No passphrase:
 * to derive a key from one may take seconds, as whoever made the key wants.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_key(const char *text, size_t len)
{
	struct ssh_key *k = NULL;
	AUTO_BUF sig = BUF_INIT;
	AUTO_ERR e = ssh_key_parse("fuzzed", text, len, NULL, &k);

	if (!e != !!k || (e && !*e->text))
		abort();
	if (k && ssh_key_can_sign(k))
		(void)ssh_key_sign(k, "rsa-sha2-512", "x", 1, &sig);
	ssh_key_free(k);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char magic[] = "openssh-key-v1";
	const char *s = (const char *)data;

	if (!size)
		return 0;
	if (*data & 1) {
		AUTO_BUF whole = BUF_INIT;

		(void)buf_add(&whole, magic, sizeof(magic));
		(void)buf_add(&whole, s + 1, size - 1);
		AUTO_STR code = base64_of(whole.s, whole.len);
		AUTO_STR text = xasprintf("-----BEGIN OPENSSH PRIVATE KEY-----\n%s\n"
					  "-----END OPENSSH PRIVATE KEY-----\n",
					  code);
		try_key(text, strlen(text));
	} else {
		try_key(s + 1, size - 1);
	}
	err_free(sftp_status(s, size));
	return 0;
}
