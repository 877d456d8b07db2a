#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox.h"
#include "unit.h"

extern const char agent_bytes[], agent_bytes_end[];

static char top[64];
static bool there;

static void write_whole(const char *path, const char *s, size_t n, int mode)
{
	AUTO_STR full = xstrdup(path);
	int fd;

	for (char *p = strchr(full + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		(void)mkdir(full, 0755);
		*p = '/';
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, s, n) != (ssize_t)n || fchmod(fd, (mode_t)mode) != 0)
		abort();
	(void)close(fd);
}

static bool mount_below(const char *what, const char *name, const char *type, unsigned long flags,
			const char *options)
{
	AUTO_STR path = xasprintf("%s/%s", top, name);

	(void)mkdir(path, 0755);
	return mount(what, path, type, flags, options) == 0;
}

static bool loopback_up(void)
{
	struct ifreq r = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const bool ok = ioctl(fd, SIOCSIFFLAGS, &r) == 0;

	(void)close(fd);
	return ok;
}

static bool mount_machine(void)
{
	AUTO_STR options = xasprintf("lowerdir=/,upperdir=%s/upper,workdir=%s/work", top, top);
	AUTO_STR upper = xasprintf("%s/upper", top);
	AUTO_STR work = xasprintf("%s/work", top);

	if (unshare(CLONE_NEWNS | CLONE_NEWNET) != 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 || !loopback_up() ||
	    /* Its lock in the sandbox, too, is not that of others who test here. */
	    mount("tmpfs", "/run", "tmpfs", 0, "mode=755") != 0 ||
	    mount("tmpfs", top, "tmpfs", 0, "mode=755") != 0)
		return false;
	(void)mkdir(upper, 0755);
	(void)mkdir(work, 0755);
	return mount_below("overlay", "root", "overlay", 0, options) &&
	       mount_below("proc", "root/proc", "proc", 0, NULL) &&
	       mount_below("/sys", "root/sys", NULL, MS_BIND | MS_REC, NULL) &&
	       mount_below("/dev", "root/dev", NULL, MS_BIND | MS_REC, NULL) &&
	       mount_below("tmpfs", "root/run", "tmpfs", 0, NULL) &&
	       mount_below("tmpfs", "root/tmp", "tmpfs", 0, "mode=1777");
}

void scratch_enter(void)
{
	const size_t n = (size_t)(agent_bytes_end - agent_bytes);
	AUTO_STR own = xasprintf("%s/agent/agent", sandbox_path());

	write_whole(own, agent_bytes, n, 0700);
	(void)snprintf(top, sizeof(top), "%s", "/tmp/treenail-machine-XXXXXX");
	if (!mkdtemp(top))
		abort();
	there = geteuid() == 0 && mount_machine();
	if (!there) {
		(void)fprintf(stderr,
			      "LEFT OUT: steps that change a machine: no scratch one can be "
			      "made here (root, namespaces and overlayfs are needed)\n");
		return;
	}
	AUTO_STR path = scratch_path("/var/lib/treenail/agent");
	write_whole(path, agent_bytes, n, 0700);
}

void scratch_leave(void)
{
	(void)umount2(top, MNT_DETACH);
	(void)rmdir(top);
}

bool scratch_there(void)
{
	return there;
}

char *scratch_path(const char *path)
{
	return xasprintf("%s/root%s", top, path);
}

void scratch_write(const char *path, const char *text, int mode)
{
	AUTO_STR full = scratch_path(path);

	write_whole(full, text, strlen(text), mode);
}

static char *read_whole(int fd)
{
	AUTO_BUF b = BUF_INIT;
	char part[4096];
	ssize_t n;

	while ((n = read(fd, part, sizeof(part))) > 0)
		(void)buf_add(&b, part, (size_t)n);
	return buf_take(&b);
}

char *scratch_read(const char *path)
{
	AUTO_STR full = scratch_path(path);
	const int fd = open(full, O_RDONLY | O_CLOEXEC);
	char *text;

	if (fd < 0)
		return NULL;
	text = read_whole(fd);
	(void)close(fd);
	return text;
}

/* ---- the agent ---- */

static int file_with(const char *text)
{
	const int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) ||
	    lseek(fd, 0, SEEK_SET) != 0)
		abort();
	return fd;
}

static _Noreturn void become(bool machine, const char *const *argv)
{
	AUTO_STR root = scratch_path("");

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (machine) {
		if (chroot(root) != 0 || chdir("/") != 0)
			_exit(125);
		(void)setenv("PATH", "/fake:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	}
	(void)execv(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

struct run agent_begin(bool machine, const char *plan)
{
	AUTO_JSON o = unit_json(plan);
	const int in = file_with(json_object_to_json_string(o));
	AUTO_STR own = xasprintf("%s/agent/agent", sandbox_path());
	const char *const argv[] = { machine ? "/var/lib/treenail/agent" : own, NULL };
	struct run r = { 0 };
	int out[2];

	if (pipe2(out, O_CLOEXEC) != 0)
		abort();
	r.pid = fork();
	if (r.pid == 0) {
		(void)dup2(in, 0);
		(void)dup2(out[1], 1);
		become(machine, argv);
	}
	(void)close(in);
	(void)close(out[1]);
	r.status = out[0]; /* until it has ended */
	return r;
}

static void take_lines(struct run *r, const char *text)
{
	r->lines = json_object_new_array();
	for (const char *line = text; *line;) {
		const size_t n = strcspn(line, "\n");
		struct json_object *v = NULL;
		AUTO_ERR e = json_parse(line, n, &v);

		if (e)
			ck_abort_msg("%.*s: %s", (int)n, line, e->text);
		json_object_array_add(r->lines, v);
		line += n + (line[n] == '\n');
	}
}

void agent_wait(struct run *r)
{
	AUTO_STR text = read_whole(r->status);
	int status = 0;

	(void)close(r->status);
	while (waitpid(r->pid, &status, 0) < 0 && errno == EINTR)
		;
	r->status = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
	take_lines(r, text);
}

struct run agent_run(bool machine, const char *plan)
{
	struct run r = agent_begin(machine, plan);

	agent_wait(&r);
	return r;
}

void run_release(struct run *r)
{
	json_object_put(r->lines);
	r->lines = NULL;
}

struct json_object *run_line(const struct run *r, const char *id)
{
	for (size_t i = 0; i < json_len(r->lines); i++) {
		const char *have = json_str(json_nth(r->lines, i), "id");

		if (have && strcmp(have, id) == 0)
			return json_nth(r->lines, i);
	}
	return NULL;
}

struct json_object *run_end(const struct run *r)
{
	struct json_object *last = json_nth(r->lines, json_len(r->lines) - 1);

	return json_has(last, "done") ? last : NULL;
}

int scratch_shell(const char *script)
{
	const char *const argv[] = { "/bin/sh", "-ec", script, NULL };
	const pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		(void)dup2(2, 1);
		become(true, argv);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}
