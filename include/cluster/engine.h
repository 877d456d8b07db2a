#ifndef CLUSTER_ENGINE_H
#define CLUSTER_ENGINE_H

#include <pthread.h>

#include "cluster/cluster.h"
#include "cluster/journal.h"
#include "cluster/node_steps.h"
#include "cluster/pki.h"
#include "cluster/run.h"
#include "kubernetes/cluster.h"
#include "node/node.h"
#include "ssh/pool.h"

/*
 * What the files of lib/cluster/ that do something share; users have cluster/run.h.
 *
 * Actions run side by side, each in a thread. Values of JSON belong to one thread at a time, so whatever reads the
 * declaration holds the lock, and takes copies with it.
 */
struct engine {
	const struct cluster_options_run *o;
	struct json_object *d;        /* the declaration */
	struct json_object *state;    /* of the journal, when the run began */
	struct json_object *observed; /* plan.h */
	struct json_object *archives; /* {archive: SHA-256} of the images here */
	struct journal *journal;      /* NULL: nothing is changed */
	struct ssh_hosts *hosts;      /* in the order of nodes */
	struct ssh_pool *pool;
	pthread_mutex_t lock;

	/* The API; api NULL: not yet. */
	struct cluster *api;
	struct json_object *admin; /* kubeconfig, as its file says it; NULL: not yet; secret */
	struct tunnel *tunnel;     /* through a control plane; NULL: it is not needed */
	struct tunnel *through;    /* those of engine_api_through() */
	char *token;               /* of bootstrap; NULL: none yet; secret */
	bool token_known;          /* to the cluster */
	bool token_noted;          /* in the journal */

	struct restore *restore; /* of its snapshot; NULL: none (act_restore.c) */
};

/* Connects to nothing yet. Fills *g in any case: engine_close() is due. */
MUST_USE struct err *engine_open(struct engine *g, struct json_object *given,
				 const struct cluster_options_run *o,
				 struct json_object **ret_warnings);
void engine_close(struct engine *g);
/* Opens it, works with it, closes it. `restore`: what g->restore is to be, or NULL. `work` sees ret->warnings, an array. */
MUST_USE struct err *engine_run(struct json_object *given, const struct cluster_options_run *o,
				struct restore *restore,
				struct err *(*work)(struct engine *g, struct cluster_outcome *ret),
				struct cluster_outcome *ret);
void engine_say(struct engine *g, const char *fmt, ...) PRINTF(2, 3);

/* ---- work on a node ---- */

struct node_job {
	const char *node;
	struct json_object *steps; /* borrowed, and nobody else's meanwhile */
	bool check;
	const struct node_blob *blobs;
	size_t nblobs;
	int timeout_s;              /* 0: o->node_s */
	struct json_object *report; /* out; owned */
};
/* The error names the node. */
MUST_USE struct err *engine_node(struct engine *g, struct node_job *j);
/* Any task on its host, in turn with others there. */
MUST_USE struct err *engine_host(struct engine *g, const char *node,
				 struct err *(*task)(struct ssh_session *s, void *arg), void *arg,
				 int64_t ms);
/* The line of a step in a report; borrowed; NULL: it did not run. */
struct json_object *report_step(struct json_object *report, const char *id);

/* A list of steps to be filled. Takes what it is given. */
struct json_object *steps_new(void);
void steps_add(struct json_object *steps, struct json_object *step);
/* Takes the list. */
void steps_add_all(struct json_object *steps, struct json_object *more);
struct json_object *step_folder(const char *path, const char *mode);
struct json_object *step_absent(const char *path);
struct json_object *step_secret_file(const char *id, const char *path, const char *text);
struct json_object *step_read(const char *id, const char *path);
/* argv with blanks between; words with blanks in them are added by step_argv(). */
struct json_object *step_command(const char *id, const char *argv, int timeout_s);
void step_argv(struct json_object *step, const char *word);

/* ---- the API ---- */

/* By the kubeconfig in g->admin; finds the way there. */
MUST_USE struct err *engine_connect(struct engine *g);
/* Takes the text of admin.conf. */
MUST_USE struct err *engine_admin(struct engine *g, const char *text);
/* PEM text of the cluster's CA; owned. */
char *engine_ca(struct engine *g);
/* A digest of the one that an administrator's kubeconfig names; NULL: none; owned. (access.c) */
char *admin_ca(const char *text);
/* A bootstrap token that the cluster knows; borrowed. (tokens.c) */
MUST_USE struct err *engine_token(struct engine *g, const char **ret);
/* With the lock held: g->token is one, and in the journal. It is not known to the cluster. */
MUST_USE struct err *engine_token_new(struct engine *g);
/* Takes all back that the journal knows of, also of runs that were killed; or (the cluster is gone) notes that they are. */
void engine_tokens_revoke(struct engine *g);
void engine_tokens_forget(struct engine *g);
/* The way through a control plane: a port here, until it is closed, which is due before the run ends. */
MUST_USE struct err *tunnel_open(struct engine *g, const char *node, const char *host, int port,
				 struct tunnel **ret);
int tunnel_port(const struct tunnel *t);
/* NULL is fine. */
void tunnel_close(struct tunnel *t);
void tunnels_close(struct engine *g);
/* The API by the server of one control plane, whatever becomes of the others; owned. (access.c) */
MUST_USE struct err *engine_api_through(struct engine *g, const char *node, struct cluster **ret);
/* Until the server of one control plane reads from etcd. (act_restore.c) */
MUST_USE struct err *engine_wait_api(struct engine *g, const char *node);

/*
 * The members of a stacked etcd that are reached, each through its control plane, with a client certificate that was read off
 * one of them and is in memory alone; or the endpoints of one elsewhere, through a control plane, with the declared one.
 * (etcd_way.c)
 */
struct etcd_ways {
	struct etcd **all;
	struct tunnel **tunnels;
	size_t n;
};
/* ERR_NOT_FOUND: no control plane is reached. Also after an error etcd_ways_close() is due. */
MUST_USE struct err *etcd_ways_open(struct engine *g, struct etcd_ways *ret);
void etcd_ways_close(struct etcd_ways *w);

/* ---- what the parts do ---- */

/* Looks at all nodes that are meant, and at the API. (observe.c) */
MUST_USE struct err *engine_observe(struct engine *g);
/* The same of nodes alone. (observe.c) */
void engine_observe_nodes(struct engine *g);
/* Does what ret->plan says, and fills in what became of it; in check mode all of it is planned. (apply.c) */
MUST_USE struct err *engine_act(struct engine *g, struct cluster_outcome *ret);
/*
 * cluster_node_steps() for a node, with what is known of it; owned by this thread alone. Versions of its packages; NULL: those
 * it has, or of one that is no member yet, the declared one. (configure.c)
 */
MUST_USE struct err *engine_steps(struct engine *g, const char *node, enum node_phase phase,
				  const char *kubelet, const char *kubeadm,
				  struct json_object **ret);
/* Makes them true; what the node is like then is written down for the next run. *ret_report may be NULL. (configure.c) */
MUST_USE struct err *engine_configure(struct engine *g, const char *node, enum node_phase phase,
				      const char *kubelet, const char *kubeadm,
				      struct json_object **ret_report);
/* The step "facts" that tells what a run must know of a host, and what it told: observed.nodes[].facts. (configure.c) */
struct json_object *facts_step(bool control_plane);
struct json_object *facts_of(struct json_object *report);
/* Whether the host has /etc/kubernetes/kubelet.conf, as the same step tells. (configure.c) */
bool facts_member(struct json_object *report);
/* For how many seconds a control plane's kubelet has been running; borrowed; NULL: it is not. (configure.c) */
struct json_object *facts_kubelet_since(struct json_object *report);
/* Applies the pod network's manifests; *ret_titles (owned): what was changed, or (check) would be. (network.c) */
MUST_USE struct err *engine_network(struct engine *g, bool check, struct json_object **ret_titles);

/* Takes a node's member out of a stacked etcd; `check`: whether that may be. One that is not there is fine. (act_leave.c) */
MUST_USE struct err *engine_leave_etcd(struct engine *g, const char *node, bool check);
/* Empties a node as the declaration says, and waits for its pods' end if it is `alive`. (act_leave.c) */
MUST_USE struct err *engine_drain(struct engine *g, struct cluster *api, const char *node,
				  bool alive);
/*
 * Before anything is done: whether the upgrades of a plan may begin, and nodes be emptied (kubernetes/preflight.h). ERR_CONFLICT tells all that stands
 * against it; what is merely to be known is added to `warnings`. Without any: nothing. (act_upgrade.c)
 */
MUST_USE struct err *engine_preflight(struct engine *g, struct json_object *plan,
				      struct json_object *warnings);

/*
 * What tells of a node's certificates (certificates.h): steps, to be run with others, and their report judged: files alone. The
 * second asks the node again, and looks at what is served there, too. (act_renew.c)
 */
struct json_object *certificates_steps(bool control_plane);
struct json_object *engine_certificates(struct engine *g, struct json_object *report);
MUST_USE struct err *engine_served(struct engine *g, const char *node, struct json_object **ret);
/* A step that waits until its API server takes connections; with the lock held. */
struct json_object *step_api_ready(struct engine *g);

/* Rows of all nodes' certificate reports, each with its "node"; with the lock held; owned. (inspect.c) */
struct json_object *observed_certificates(struct json_object *observed);

/* An action, in its own thread. `a` is a copy. */
struct doing {
	struct engine *g;
	struct json_object *a;
	const char *node, *how;
	struct json_object
		*declared; /* a copy of the node's declaration; NULL: it is not declared */
};
/* Looks at its certificates until all are as they should be. (act_renew.c) */
MUST_USE struct err *engine_settle(struct doing *d);
/*
 * An EncryptionConfiguration for a control plane that has none, with the key that others may have by now; nothing is encrypted
 * by it yet. Secret: buf_wipe() it. (act_rotate.c)
 */
MUST_USE struct err *engine_encryption_begin(struct doing *d, struct buf *ret);
/* do_NAME is what action NAME does. (act_*.c) */
MUST_USE struct err *do_prepare(struct doing *d);
MUST_USE struct err *do_init(struct doing *d);
MUST_USE struct err *do_network(struct doing *d);
MUST_USE struct err *do_join(struct doing *d);
MUST_USE struct err *do_ready(struct doing *d);
MUST_USE struct err *do_configure(struct doing *d);
MUST_USE struct err *do_mark(struct doing *d);
MUST_USE struct err *do_options(struct doing *d);
MUST_USE struct err *do_renew(struct doing *d);
MUST_USE struct err *do_upgrade(struct doing *d);
MUST_USE struct err *do_remove(struct doing *d);
MUST_USE struct err *do_rotate(struct doing *d);
MUST_USE struct err *do_stage(struct doing *d);
MUST_USE struct err *do_stop(struct doing *d);
MUST_USE struct err *do_restore(struct doing *d);
MUST_USE struct err *do_start(struct doing *d);
MUST_USE struct err *do_verify(struct doing *d);

#endif
