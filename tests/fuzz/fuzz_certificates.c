/*
 * What a node tells of its certificates, what its programs show in a handshake, and the files of a PKI read off it. The
 * first byte says which of these the rest is.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "cluster/certificates.h"
#include "cluster/pki.h"
#include "text.h"

enum { HANDSHAKE_MAX = 60000, LONG_MS = 10000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever they are: each certificate gets a state and a reason if it is not fine. */
static void judge(struct json_object *files, struct json_object *times)
{
	const struct certificates_input in = {
		.files = files, .served = files, .times = times, .now_s = 1800000000
	};
	AUTO_JSON report = certificates_report(&in);
	struct json_object *all = json_at(report, "certificates");

	if (json_len(all) != 2 * json_len(files) || !json_str(report, "worst"))
		abort();
	for (size_t i = 0; i < json_len(all); i++) {
		const char *state = json_str(json_nth(all, i), "state");
		const char *why = json_str(json_nth(all, i), "why");

		if (!state || !why || !*why != (strcmp(state, "ok") == 0))
			abort();
	}
}

static void pem(const char *text)
{
	AUTO_JSON facts = json_object_new_object();
	AUTO_JSON paths = certificates_paths();
	AUTO_JSON files = NULL;
	AUTO_STR pin = NULL;
	AUTO_ERR e = pki_pin(text, &pin);

	for (size_t i = 0; i < json_len(paths); i++) {
		struct json_object *list = json_object_new_array();

		(void)json_object_array_add(list, json_object_new_string(text));
		json_set(facts, json_object_get_string(json_nth(paths, i)), list);
	}
	files = certificates_of_facts(facts);
	if (json_len(files) != json_len(paths) || !e != (pin != NULL))
		abort();
	judge(files, NULL);
}

static void der(const uint8_t *data, size_t size)
{
	AUTO_STR coded = base64_of((const char *)data, size);
	AUTO_BUF b = BUF_INIT;

	buf_adds(&b, "-----BEGIN CERTIFICATE-----\n");
	for (size_t i = 0; i < strlen(coded); i += 64)
		buf_addf(&b, "%.64s\n", coded + i);
	buf_adds(&b, "-----END CERTIFICATE-----\n");
	pem(b.s);
}

/* Each file of a PKI is this text. */
static void files(const char *text)
{
	AUTO_JSON all = json_object_new_object();
	struct pki *p = NULL, *read = NULL;
	AUTO_ERR made = NULL;

	if (strstr(text, "BEGIN RSA") || !*text) /* takes long */
		return;
	made = pki_new(&(struct pki_options){ 0 }, &p);
	if (made)
		abort();
	for (size_t i = 0; pki_path(p, i); i++) {
		AUTO_STR before = xstrdup(pki_text(p, pki_path(p, i)));
		AUTO_ERR e = pki_put(p, pki_path(p, i), text);
		const char *now = pki_text(p, pki_path(p, i));

		if (!e ? strcmp(now, text) != 0 : before ? strcmp(now, before) != 0 : now != NULL)
			abort();
		json_sets(all, pki_path(p, i), text);
	}
	AUTO_ERR e = pki_from_files(all, false, &read);
	if (!e != (read != NULL))
		abort();
	pki_free(read);
	pki_free(p);
}

static void handshake(const uint8_t *data, size_t size)
{
	char *text = NULL;
	int ends[2];

	if (size > HANDSHAKE_MAX || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return;
	if (write(ends[1], data, size) == (ssize_t)size && shutdown(ends[1], SHUT_WR) == 0) {
		AUTO_ERR e = certificate_served_fd(ends[0], "x", clock_ms() + LONG_MS, &text);

		if (!e != (text != NULL) || (e && !*e->text))
			abort();
	}
	free(text);
	(void)close(ends[0]);
	(void)close(ends[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_STR text = size ? xstrndup((const char *)data + 1, size - 1) : NULL;
	AUTO_JSON times = NULL;
	AUTO_JSON none = NULL;

	if (!size)
		return 0;
	switch (data[0] % 5) {
	case 0: pem(text); break;
	case 1: der(data + 1, size - 1); break;
	case 2:
		times = certificates_times(text);
		none = json_object_new_array();
		judge(none, times);
		break;
	case 3: files(text); break;
	default: handshake(data + 1, size - 1);
	}
	return 0;
}
