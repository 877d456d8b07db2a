#ifndef SSHD_H
#define SSHD_H

#include <stdbool.h>
#include <sys/types.h>

#include "ssh/ssh.h"

/*
 * A real sshd on 127.0.0.1, for tests: run by whoever runs the test, with its own configuration and
 * host keys in the sandbox (sandbox.h). It dies with the test.
 */
struct sshd {
	pid_t pid;
	int port;
};

/*
 * What a suite begins with: the sandbox, and in it the host keys, and the user's in "keys/": ed25519, ecdsa, rsa,
 * wrong.
 */
void sshd_enter(void);
/* False: there is none on this machine, or no ssh-keygen; sshd_enter() has said so, as LEFT OUT. */
bool sshd_there(void);
/* Ends a test that has nothing to talk to. */
#define NEED_SSHD                  \
	do {                       \
		if (!sshd_there()) \
			return;    \
	} while (0)

/* `config` is put before the rest of the configuration. Returns when it answers. */
struct sshd sshd_start(const char *config);
void sshd_stop(struct sshd *d);
/* The user it lets in: the one who runs the test. */
const char *sshd_user(void);
/* A path in the sandbox; owned by the caller. */
char *sshd_path(const char *name);
/* What it has to say; owned by the caller. */
char *sshd_log(const struct sshd *d);
/* Runs a program, looked for on PATH and in the folders of the system's; its exit code. */
int sshd_tool(const char *const *argv);
/* Begins it; it dies with the test. */
pid_t sshd_spawn(const char *const *argv);
/* A socket on 127.0.0.1 that takes connections and says nothing. */
int sshd_black_hole(int *port);
/* A port that does not even answer to TCP. False: this system's TCP is not like that; said as LEFT OUT. */
bool sshd_swallow(int *port);

#endif
