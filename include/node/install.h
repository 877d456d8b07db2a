#ifndef NODE_INSTALL_H
#define NODE_INSTALL_H

#include "node/node.h"

/*
 * Where the agent is on a node, and how it and the files of a plan get there. What node.c is made of; users
 * have node/node.h.
 *
 * The agent's bytes are a part of this program (agent_bytes.S, which the Makefile makes); environment
 * variable TREENAIL_AGENT names a file to be used in their place, for nodes of another architecture.
 */
struct node_place {
	bool sudo;
	char *folder;  /* there; in quotes for a shell */
	char *path;    /* the agent there, not quoted */
	char *command; /* what starts it */
	const char *bytes;
	size_t len;
	char *sha256;
	char *own; /* bytes that came from a file; NULL: those of this program */
};
MUST_USE struct err *node_place_find(struct ssh_session *s, const struct node_plan *plan,
				     struct node_place *ret);
void node_place_release(struct node_place *p);

/* *changed becomes true if it was not there like this. */
MUST_USE struct err *node_install(struct ssh_session *s, const struct node_place *p, bool *changed);
/* Why it does not start, though it is there: looks for noexec and another architecture. */
MUST_USE struct err *node_not_started(struct ssh_session *s, const struct node_place *p,
				      const struct ssh_result *r, const struct buf *noise);
/* `lacking`: [{"sha256", "have"}]. What a broken transfer has left is built upon. */
MUST_USE struct err *node_send_blobs(struct ssh_session *s, const struct node_place *p,
				     const struct node_plan *plan, struct json_object *lacking);

#endif
