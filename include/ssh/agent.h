#ifndef SSH_AGENT_H
#define SSH_AGENT_H

#include "ssh/session.h"

/*
 * The agent's protocol (draft-miller-ssh-agent, 3 and 4), over a socket that is open for one question at
 * a time. Waits as all in a task does: an agent that asks its user to confirm holds up one host alone.
 * Caps: an answer 256 KiB, 256 keys.
 */
struct agent_key {
	struct buf blob;
	char *comment;
};
struct agent_keys {
	struct agent_key *keys;
	size_t n;
};

MUST_USE struct err *agent_list(struct ssh_session *s, const char *path, struct agent_keys *ret);
void agent_keys_release(struct agent_keys *k);
/* Appends the inner signature, as ssh_key_sign(). */
MUST_USE struct err *agent_sign(struct ssh_session *s, const char *path, const struct buf *blob,
				const char *algorithm, const void *data, size_t len,
				struct buf *ret);

#endif
