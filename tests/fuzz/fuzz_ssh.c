#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ssh/ssh.h"

/*
 * What a server says before anything is encrypted: words, a banner, lists of algorithms, its key, its goodbye.
 * Whatever it is, the host fails with a text, and no key is taken for one that has been proven.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);
const char *__asan_default_suppressions(void);

/* libssh2 1.10 loses its half of the exchange where the server's is refused. All else of OpenSSL's here is its, too. */
const char *__lsan_default_suppressions(void)
{
	return "leak:libcrypto.so";
}

/* libssh2 1.10 takes the server's half of curve25519 for 32 bytes, however short it is: it reads what lies behind. */
const char *__asan_default_suppressions(void)
{
	return "interceptor_via_lib:libssh2.so";
}

enum {
	PATIENCE_MS = 40, /* less than the pause before a second attempt */
	SAID_MAX = 1 << 16,
};

/* Who comes may be taken in after he has gone, when something else is to be said: the lock is about that. */
static struct {
	pthread_mutex_t lock;
	uint8_t data[SAID_MAX];
	size_t size;
	int listens, port;
} server = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void set(const uint8_t *data, size_t size)
{
	(void)pthread_mutex_lock(&server.lock);
	server.size = size < SAID_MAX ? size : SAID_MAX;
	if (size)
		memcpy(server.data, data, server.size);
	(void)pthread_mutex_unlock(&server.lock);
}

static void say(int fd)
{
	(void)pthread_mutex_lock(&server.lock);
	(void)send(fd, server.data, server.size, MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)pthread_mutex_unlock(&server.lock);
}

/* Says it to whoever comes, and hears him out. */
static void *serve(void *arg)
{
	char heard[4096];

	for (;;) {
		const int fd = accept(server.listens, NULL, NULL);

		if (fd < 0)
			return arg;
		say(fd);
		(void)shutdown(fd, SHUT_WR);
		while (recv(fd, heard, sizeof(heard), 0) > 0)
			;
		(void)close(fd);
	}
}

static void start(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);
	pthread_t thread;

	server.listens = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(server.listens, (struct sockaddr *)&a, n) < 0 || listen(server.listens, 8) < 0 ||
	    getsockname(server.listens, (struct sockaddr *)&a, &n) < 0 ||
	    pthread_create(&thread, NULL, serve, NULL) != 0)
		abort();
	server.port = ntohs(a.sin_port);
}

static struct err *check(void *arg, const struct ssh_target *t, const struct ssh_host_key *key)
{
	(void)arg;
	(void)t;
	(void)key;
	abort();
}

static struct err *task(struct ssh_session *s, void *arg)
{
	(void)s;
	(void)arg;
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ssh_target target = {
		.host = "127.0.0.1", .user = "x", .check = check, .deadline_ms = PATIENCE_MS
	};
	struct ssh_run *run;
	const struct err *e;

	if (!server.port)
		start();
	target.port = server.port;
	set(data, size);
	run = ssh_run_new(NULL);
	struct ssh_job *j = ssh_run_add(run, &target, task, NULL);
	ssh_run_all(run);
	e = ssh_job_err(j);
	if (!e || !*e->text)
		abort();
	ssh_run_free(run);
	return 0;
}
