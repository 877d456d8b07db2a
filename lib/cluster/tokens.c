#include <string.h>
#include <time.h>

#include "cluster/engine.h"
#include "kubernetes/objects.h"
#include "session/config.h"

/*
 * The bootstrap token of a run, by which nodes join. In the journal is that there is one, before there is: its first half, which is
 * its name in the cluster and no secret. A run that was killed has left it there, and the next one takes it back.
 */

enum { TOKEN_S = 7200, REVOKE_MS = 10000 };

static const char PREFIX[] = "token ";

static struct err *note(struct engine *g, const char *event, const char *token)
{
	AUTO_STR what = xasprintf("%s%.*s", PREFIX, (int)strcspn(token, "."), token);

	return journal_write(g->journal, event, what, NULL, NULL);
}

struct err *engine_token_new(struct engine *g)
{
	struct err *e = g->token ? NULL : pki_token(&g->token);

	if (e || g->token_noted)
		return e;
	e = note(g, "begun", g->token);
	g->token_noted = !e;
	return e;
}

static struct json_object *token_secret(const char *token)
{
	const size_t id = strcspn(token, ".");
	const time_t end = time(NULL) + TOKEN_S;
	struct json_object *o = json_object_new_object(), *data = json_object_new_object();
	struct json_object *meta = json_object_new_object();
	char until[32];
	struct tm tm;
	AUTO_STR token_id = xstrndup(token, id);
	AUTO_STR name = xasprintf("bootstrap-token-%s", token_id);

	(void)strftime(until, sizeof(until), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&end, &tm));
	json_sets(meta, "name", name);
	json_sets(meta, "namespace", "kube-system");
	json_sets(data, "token-id", token_id);
	json_sets(data, "token-secret", token + id + 1);
	json_sets(data, "expiration", until);
	json_sets(data, "usage-bootstrap-authentication", "true");
	json_sets(data, "usage-bootstrap-signing", "true");
	json_sets(data, "auth-extra-groups", "system:bootstrappers:kubeadm:default-node-token");
	json_sets(o, "apiVersion", "v1");
	json_sets(o, "kind", "Secret");
	json_sets(o, "type", "bootstrap.kubernetes.io/token");
	json_set(o, "metadata", meta);
	json_set(o, "stringData", data);
	return o;
}

/* With the lock held: it is made once. */
static struct err *make_token(struct engine *g)
{
	struct object_op op = { .cluster = g->api };
	struct err *e = engine_token_new(g);

	if (e || g->token_known)
		return e;
	op.want = token_secret(g->token);
	objects_apply(&op, 1, 1, &e);
	g->token_known = !e;
	json_wipe(op.want);
	json_object_put(op.want);
	json_wipe(op.after);
	object_op_release(&op);
	return err_wrap(e, "making a bootstrap token");
}

struct err *engine_token(struct engine *g, const char **ret)
{
	struct err *e = engine_connect(g);

	if (e)
		return e;
	pthread_mutex_lock(&g->lock);
	e = make_token(g);
	*ret = g->token;
	pthread_mutex_unlock(&g->lock);
	return e;
}

/* ---- the end ---- */

/* Whoever has seen it can do nothing with it from here on. */
static void revoke(struct engine *g, const char *id)
{
	AUTO_STR path = xasprintf("/api/v1/namespaces/kube-system/secrets/bootstrap-token-%s", id);
	const struct kube_request req = { .method = "DELETE",
					  .path = path,
					  .deadline_ms = REVOKE_MS };
	AUTO_JSON answer = NULL;
	struct err *e = cluster_call(g->api, &req, &answer);

	/* It ends by itself soon; a cluster that does not answer any more has told so before. */
	if (!e || e->kind == ERR_NOT_FOUND)
		err_free(note(g, "ended", id));
	err_free(e);
}

static void each_open(struct engine *g, void (*one)(struct engine *g, const char *id))
{
	AUTO_JSON state = g->journal ? journal_state_now(g->journal) : NULL;
	struct json_object *open = json_at(state, "open");

	if (!json_object_is_type(open, json_type_object))
		return;
	json_object_object_foreach(open, action, record) {
		(void)record;
		if (strncmp(action, PREFIX, strlen(PREFIX)) == 0)
			one(g, action + strlen(PREFIX));
	}
}

void engine_tokens_revoke(struct engine *g)
{
	if (g->api)
		each_open(g, revoke);
}

static void forget(struct engine *g, const char *id)
{
	err_free(note(g, "ended", id));
}

void engine_tokens_forget(struct engine *g)
{
	each_open(g, forget);
}
