#include "sshd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "mem.h"
#include "sandbox.h"

enum { START_MS = 60000, TRY_MS = 20 };

static const char PATHS[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/* Owned; NULL: there is none. */
static char *find(const char *name)
{
	for (const char *at = PATHS; *at; at += strspn(at, ":")) {
		const size_t n = strcspn(at, ":");
		AUTO_STR path = xasprintf("%.*s/%s", (int)n, at, name);

		if (access(path, X_OK) == 0)
			return TAKE(path);
		at += n;
	}
	return NULL;
}

bool sshd_there(void)
{
	AUTO_STR sshd = find("sshd");
	AUTO_STR keygen = find("ssh-keygen");

	return sshd && keygen;
}

char *sshd_path(const char *name)
{
	return xasprintf("%s/%s", sandbox_path(), name);
}

const char *sshd_user(void)
{
	const struct passwd *p = getpwuid(getuid());

	return p ? p->pw_name : "root";
}

/* What it says is not the test's. */
static _Noreturn void become(const char *const *argv)
{
	AUTO_STR path = find(argv[0]);
	const int out = open("/dev/null", O_WRONLY | O_CLOEXEC);

	(void)dup2(out, 1);
	if (path)
		(void)execv(path, (char *const *)(uintptr_t)argv);
	_exit(127);
}

pid_t sshd_spawn(const char *const *argv)
{
	const pid_t pid = fork();

	if (pid)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	become(argv);
}

int sshd_tool(const char *const *argv)
{
	const pid_t pid = fork();
	int status = 0;

	if (pid == 0)
		become(argv);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static void make_key(const char *type, const char *name)
{
	AUTO_STR path = sshd_path(name);
	const char *const argv[] = { "ssh-keygen", "-q", "-t", type, "-N", "",
				     "-C",         name, "-f", path, NULL };

	if (sshd_tool(argv) != 0)
		abort();
}

static void authorize(const char *name)
{
	AUTO_STR pub = xasprintf("%s/%s.pub", sandbox_path(), name);
	AUTO_STR all = sshd_path("authorized_keys");
	FILE *from = fopen(pub, "re"), *to = fopen(all, "ae");
	char line[4096];

	if (!from || !to)
		abort();
	if (fgets(line, sizeof(line), from))
		(void)fputs(line, to);
	(void)fclose(from);
	(void)fclose(to);
}

void sshd_enter(void)
{
	sandbox_enter();
	if (!sshd_there()) {
		(void)fprintf(stderr, "LEFT OUT: SSH against a real server: there is no sshd or no "
				      "ssh-keygen here\n");
		return;
	}
	sandbox_write("keys/none", "");
	sandbox_write("host/none", "");
	make_key("ed25519", "host/ed25519");
	make_key("ecdsa", "host/ecdsa");
	make_key("ed25519", "keys/ed25519");
	make_key("ecdsa", "keys/ecdsa");
	make_key("rsa", "keys/rsa");
	make_key("ed25519", "keys/wrong");
	authorize("keys/ed25519");
	authorize("keys/ecdsa");
	authorize("keys/rsa");
}

static struct sockaddr_in loopback(int port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons((uint16_t)port),
				     .sin_addr = { htonl(INADDR_LOOPBACK) } };
}

static int listen_on(int *port)
{
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in a = loopback(0);
	socklen_t n = sizeof(a);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &n) != 0)
		abort();
	*port = ntohs(a.sin_port);
	return fd;
}

int sshd_black_hole(int *port)
{
	const int fd = listen_on(port);

	if (listen(fd, 128) != 0)
		abort();
	return fd;
}

/* What is connected here stays so until the test's process ends. */
bool sshd_swallow(int *port)
{
	const int fd = listen_on(port);
	const struct sockaddr_in a = loopback(*port);
	struct pollfd last = { .fd = -1, .events = POLLOUT };

	if (listen(fd, 0) != 0)
		abort();
	for (int i = 0; i < 4; i++) {
		last.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		(void)connect(last.fd, (const struct sockaddr *)&a, sizeof(a));
	}
	if (poll(&last, 1, 100) == 0)
		return true;
	(void)fprintf(stderr,
		      "LEFT OUT: an address that swallows all: a full queue refuses here\n");
	return false;
}

static bool answers(int port)
{
	const struct sockaddr_in a = loopback(port);
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char banner[4] = "";
	const bool ok = connect(fd, (const struct sockaddr *)&a, sizeof(a)) == 0 &&
			recv(fd, banner, sizeof(banner), MSG_WAITALL) == sizeof(banner) &&
			memcmp(banner, "SSH-", 4) == 0;

	(void)close(fd);
	return ok;
}

static char *write_config(int port, const char *config)
{
	AUTO_STR name = xasprintf("sshd_config.%d", port);
	AUTO_STR text =
		xasprintf("%s"
			  "ListenAddress 127.0.0.1:%d\n"
			  "HostKey %s/host/ed25519\n"
			  "HostKey %s/host/ecdsa\n"
			  "AuthorizedKeysFile %s/authorized_keys\n"
			  "StrictModes no\n"
			  "PidFile none\n"
			  "UsePAM no\n"
			  "UseDNS no\n"
			  "PasswordAuthentication no\n"
			  "PermitRootLogin yes\n"
			  "LoginGraceTime 0\n"
			  "MaxSessions 1000\n"
			  "%s"
			  "%s",
			  config, port, sandbox_path(), sandbox_path(), sandbox_path(),
			  strstr(config, "Subsystem") ? "" : "Subsystem sftp internal-sftp\n",
			  strstr(config, "MaxStartups") ? "" : "MaxStartups 1000\n");

	sandbox_write(name, text);
	return sshd_path(name);
}

char *sshd_log(const struct sshd *d)
{
	return xasprintf("%s/sshd.log.%d", sandbox_path(), d->port);
}

/*
 * bash reads .bashrc for each command that an sshd runs: what a user of this machine has in there, and how
 * long that takes, is not the test's. Mounts that the test makes later are not seen by this server.
 */
static void hide_bashrc(void)
{
	const struct passwd *p = getpwuid(getuid());
	AUTO_STR path = xasprintf("%s/.bashrc", p ? p->pw_dir : "/root");
	AUTO_STR empty = sshd_path("keys/none");

	if (getuid() == 0 && access(path, F_OK) == 0 && unshare(CLONE_NEWNS) == 0 &&
	    mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) == 0)
		(void)mount(empty, path, NULL, MS_BIND, NULL);
}

struct sshd sshd_start(const char *config)
{
	struct sshd d;
	const int reserved = listen_on(&d.port);
	AUTO_STR path = write_config(d.port, config);
	AUTO_STR log = sshd_log(&d);
	const int64_t until = clock_ms() + START_MS;
	const pid_t parent = getpid();

	/* Where it drops its privileges; there is none before its first start. */
	if (getuid() == 0)
		(void)mkdir("/run/sshd", 0755);
	AUTO_STR self = find("sshd");
	const char *const argv[] = { "sshd", "-D", "-e", "-f", path, NULL };
	d.pid = fork();
	if (d.pid == 0) {
		const int out = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
		const char *whole[COUNT(argv)];

		memcpy(whole, argv, sizeof(argv));
		whole[0] = self; /* it starts itself anew by that */
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		(void)close(reserved);
		hide_bashrc();
		(void)dup2(out, 2);
		(void)execv(self, (char *const *)(uintptr_t)whole);
		_exit(127);
	}
	(void)close(reserved);
	while (!answers(d.port)) {
		if (clock_ms() > until || waitpid(d.pid, NULL, WNOHANG) == d.pid) {
			(void)fprintf(stderr, "sshd does not start: see %s\n", log);
			abort();
		}
		clock_sleep_ms(TRY_MS);
	}
	return d;
}

void sshd_stop(struct sshd *d)
{
	if (d->pid <= 0)
		return;
	(void)kill(d->pid, SIGTERM);
	while (waitpid(d->pid, NULL, 0) < 0 && errno == EINTR)
		;
	d->pid = 0;
}
