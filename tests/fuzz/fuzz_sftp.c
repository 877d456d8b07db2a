#include <libssh2.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "ssh/session.h"
#include "ssh/sftp.h"

/*
 * What a server that has let us in answers, on the channel of SFTP (first byte: 0 get, 1 put) and on that of a
 * command by sudo (anything else; up to the first NUL its output, behind it what it says beside). In place of libssh2's
 * channels there are those below, and sudo's marks are "0000000000000000".
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PROMPT "[sudo 0000000000000000]"
#define RUNS   "[runs 0000000000000000]"
enum { BLOCK = 32 << 10, OUT_MAX = 64, PUT = 3 * BLOCK + 1 };
static const char password[] = "canary";

static struct stream {
	const char *s;
	size_t n;
} said[2], all; /* standard output and error; all that is said */

static bool has(const char *words)
{
	return memmem(all.s, all.n, words, strlen(words));
}

/* ---- channels ---- */

int RAND_bytes(unsigned char *s, int n)
{
	memset(s, 0, (size_t)n);
	return 1;
}

LIBSSH2_CHANNEL *libssh2_channel_open_ex(LIBSSH2_SESSION *s, const char *type, unsigned type_len,
					 unsigned window, unsigned packet, const char *message,
					 unsigned message_len)
{
	static char it;

	(void)s, (void)type, (void)type_len, (void)window, (void)packet, (void)message,
		(void)message_len;
	return (LIBSSH2_CHANNEL *)&it;
}

int libssh2_channel_process_startup(LIBSSH2_CHANNEL *c, const char *request, unsigned request_len,
				    const char *message, unsigned message_len)
{
	(void)c, (void)request, (void)request_len;
	if (memmem(message, message_len, password, sizeof(password) - 1))
		abort();
	return 0;
}

ssize_t libssh2_channel_read_ex(LIBSSH2_CHANNEL *c, int stream, char *s, size_t n)
{
	struct stream *from = said + !!stream;

	(void)c;
	if (n > from->n)
		n = from->n;
	if (n > 16) /* in pieces, whose seams are anywhere */
		n = (size_t)from->s[0] % 7 + 1 + n / 3;
	memcpy(s, from->s, n);
	from->s += n;
	from->n -= n;
	return (ssize_t)n;
}

ssize_t libssh2_channel_write_ex(LIBSSH2_CHANNEL *c, int stream, const char *s, size_t n)
{
	(void)c, (void)stream;
	if (memmem(s, n, password, sizeof(password) - 1) && !has(PROMPT))
		abort();
	return (ssize_t)n;
}

int libssh2_channel_send_eof(LIBSSH2_CHANNEL *c)
{
	(void)c;
	return 0;
}

int libssh2_channel_wait_closed(LIBSSH2_CHANNEL *c)
{
	(void)c;
	return 0;
}

int libssh2_channel_free(LIBSSH2_CHANNEL *c)
{
	(void)c;
	return 0;
}

int libssh2_channel_get_exit_status(LIBSSH2_CHANNEL *c)
{
	(void)c;
	return 0;
}

int libssh2_channel_get_exit_signal(LIBSSH2_CHANNEL *c, char **name, size_t *name_len,
				    char **message, size_t *message_len, char **language,
				    size_t *language_len)
{
	(void)c, (void)name, (void)name_len, (void)message, (void)message_len, (void)language,
		(void)language_len;
	return 0;
}

/* ---- files ---- */

static struct err *take(void *arg, const char *s, size_t n, uint64_t offset)
{
	uint64_t *most = arg;

	if (!n || n > BLOCK || !memmem(all.s, all.n, s, n))
		abort();
	/* What is asked for begins where it has been asked for up to. */
	if (offset > *most + 64 * (uint64_t)BLOCK)
		abort();
	*most = offset + n > *most ? offset + n : *most;
	return NULL;
}

static ssize_t give(void *arg, char *s, size_t n, struct err **e)
{
	size_t *left = arg;

	(void)e;
	if (n > *left)
		n = *left;
	memset(s, 'x', n);
	*left -= n;
	return (ssize_t)n;
}

static void files(struct ssh_session *s, bool puts)
{
	uint64_t most = 0;
	size_t left = PUT;

	for (int i = 0; i < 2; i++) { /* the second time on what is left of the first */
		AUTO_ERR e = puts ? sftp_put(s, "/x", left, give, &left)
				  : sftp_get(s, "/x", take, &most);

		if (e && !*e->text)
			abort();
		if (!e && puts && left)
			abort();
	}
	sftp_remove(s, "/x");
	sftp_free(s->sftp);
}

static void command(struct ssh_session *s)
{
	const struct ssh_exec x = { .command = "true", .sudo = true, .out_max = OUT_MAX };
	struct ssh_result r = SSH_RESULT_INIT;
	AUTO_ERR e = ssh_exec(s, &x, &r);

	if (r.out.len > OUT_MAX || r.err.len > OUT_MAX || (e && !*e->text) || (!e && !has(RUNS)))
		abort();
	ssh_result_release(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct ssh_target t = { .host = "x", .user = "x", .sudo_password = password };
	struct ssh_session s = {
		.target = &t, .fd = -1, .deadline = INT64_MAX, .until = INT64_MAX
	};
	size_t first;

	if (!size)
		return 0;
	all = (struct stream){ (const char *)data + 1, size - 1 };
	first = *data > 1 ? strnlen(all.s, all.n) : all.n;
	said[0] = (struct stream){ all.s, first };
	said[1] = (struct stream){ all.s + first, all.n - first };
	if (*data > 1)
		command(&s);
	else
		files(&s, *data);
	return 0;
}
