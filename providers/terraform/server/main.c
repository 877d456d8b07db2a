#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "endpoint.h"
#include "handshake.h"
#include "log.h"
#include "serve.h"
#include "tls.h"

/* For the handlers of signals; -1 before there is anything to end. */
static int wake_fd = -1;

static volatile sig_atomic_t interrupts;

/*
 * Nothing of this is ignored with SIG_IGN, as programs that a provider starts would inherit it.
 * SIGINT reaches us from the terminal together with Terraform, which then sends StopProvider.
 */
static void on_signal(int signal)
{
	if (signal == SIGINT)
		interrupts++;
}

int plugin_interrupts(void)
{
	return interrupts;
}

static void on_end(int signal)
{
	(void)signal;
	serve_end(wake_fd);
}

static void handle(int signal, void (*handler)(int signal))
{
	const struct sigaction a = { .sa_handler = handler, .sa_flags = SA_RESTART };

	(void)sigaction(signal, &a, NULL);
}

static void handle_signals(bool by_hand)
{
	handle(SIGPIPE, on_signal);
	handle(SIGINT, by_hand ? on_end : on_signal);
	handle(SIGTERM, on_end);
}

/*
 * From now on neither the user's input, which is Terraform's, nor the output, where only the
 * handshake may stand, can be used by mistake: by a library, or a program that a provider starts.
 */
static void detach(void)
{
	const int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0)
		return;
	(void)dup2(null, STDIN_FILENO);
	(void)dup2(null, STDOUT_FILENO);
	if (null > STDERR_FILENO)
		(void)close(null);
}

static struct err *say(const struct buf *text)
{
	size_t sent = 0;

	while (sent < text->len) {
		const ssize_t n = write(STDOUT_FILENO, text->s + sent, text->len - sent);

		if (n < 0 && errno != EINTR)
			return err_new(ERR_USAGE, "writing the handshake to standard output: %s",
				       strerror(errno));
		sent += n > 0 ? (size_t)n : 0;
	}
	return NULL;
}

static struct err *secure(const char *client, SSL_CTX **ret, struct buf *ret_cert)
{
	EVP_PKEY *key = NULL;
	X509 *cert = NULL;
	struct err *e = tls_identity("P-256", &key, &cert);

	if (!e)
		e = tls_text(cert, ret_cert);
	if (!e)
		e = tls_server(client, key, cert, ret);
	X509_free(cert);
	EVP_PKEY_free(key);
	return e;
}

static void first_came(void *arg)
{
	endpoint_unlink(arg);
}

/* The socket is there and TLS is ready: announces them and serves. */
static struct err *announce(const struct plugin *p, bool by_hand, struct endpoint *at, SSL_CTX *tls,
			    const char *cert, bool *ret_idle)
{
	AUTO_BUF text = BUF_INIT;
	struct err *e;

	wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (wake_fd < 0)
		return err_new(ERR_USAGE, "eventfd: %s", strerror(errno));
	handle_signals(by_hand);
	if (by_hand)
		handshake_by_hand(p, at->path, &text);
	else
		handshake_line(p, at->path, cert, &text);
	e = say(&text);
	if (e)
		return e;
	detach();
	*ret_idle = serve(&(struct serve){ .plugin = p,
					   .listener = at->fd,
					   .wake_fd = wake_fd,
					   .tls = tls,
					   .many = by_hand,
					   .connected = first_came,
					   .arg = at });
	return NULL;
}

static struct err *start(const struct plugin *p, bool by_hand, bool *ret_idle)
{
	const char *const dirs[] = { secure_getenv("PLUGIN_UNIX_SOCKET_DIR"),
				     secure_getenv("TMPDIR"), "/tmp" };
	const char *client = by_hand ? NULL : secure_getenv("PLUGIN_CLIENT_CERT");
	struct endpoint at = { .fd = -1 };
	AUTO_BUF cert = BUF_INIT;
	SSL_CTX *tls = NULL;
	struct err *e = NULL;

	if (client && *client)
		e = secure(client, &tls, &cert);
	if (!e)
		e = endpoint_open(dirs, COUNT(dirs), &at);
	if (!e)
		e = announce(p, by_hand, &at, tls, cert.s, ret_idle);
	endpoint_close(&at);
	SSL_CTX_free(tls);
	return e;
}

int plugin_main(const struct plugin *p, int argc, char **argv)
{
	const bool by_hand =
		argc == 2 && (strcmp(argv[1], "-debug") == 0 || strcmp(argv[1], "--debug") == 0);
	AUTO_ERR e = NULL;
	bool idle = true;

	log_open(p->name);
	if (!by_hand && (argc > 1 || !handshake_cookie_is_right())) {
		handshake_explain(p, stderr);
		return 1;
	}
	if (!by_hand)
		e = handshake_check_protocol(p, secure_getenv("PLUGIN_PROTOCOL_VERSIONS"));
	if (!e)
		e = start(p, by_hand, &idle);
	if (e)
		(void)fprintf(stderr, "terraform-provider-%s: %s\n", p->name, e->text);
	/* Some call does not end: what exit() tears down, it still uses. */
	if (!idle)
		_exit(0);
	return e ? 1 : 0;
}
