#include <string.h>
#include <time.h>

#include "clock.h"
#include "cluster/engine.h"
#include "cluster/etcd.h"
#include "cluster/static_pods.h"
#include "kubernetes/drain.h"
#include "kubernetes/objects.h"
#include "text.h"
#include "yaml.h"

/*
 * A cluster's own etcd gets the content of a snapshot. All API servers stand still from before the first member's data is
 * replaced until the last one's is, so that nobody sees two pasts; and the revision goes on from the highest there was, with
 * all before it marked as compacted, so that whoever watches lists anew.
 *
 * Each action finds out by itself what is done. A restore has an id, which is in the journal before anything is changed and
 * in the name of a file in each member that has the snapshot's data: the run that goes on leaves that alone.
 */

enum {
	LOOK_S = 60,
	STAGE_S = 1800,
	STOP_S = 240,
	RESTORE_S = 1800,
	READY_S = 400,
	READY_MS = 600000,
	THERE_MS = 120000,
	CALL_MS = 10000,
	AGAIN_MS = 1000,
	SPARE_MB = 200, /* a write-ahead log has 64 MB from the start */
	COPIES = 3,     /* of the snapshot on a member's disk: as it came, restored, compacted */
	MIB = 1 << 20,
	SUM_SHOWN = 8,
	ETCD_PORT = 2379,
};
/* What is between the highest revision that anybody may have seen and the first that is new. */
static const int64_t GAP = 1000000000;

#define MANIFESTS "/etc/kubernetes/manifests"
#define ASIDE     "/etc/kubernetes/stopped-manifests"
#define WORK      "restore" /* in a member's folder of data */

struct restore {
	const struct cluster_restore *given;
	int64_t bytes;
	char *sha256, *id;
	char *members; /* "c1=https://10.0.0.11:2380,c2=..." */
	/* With the lock held: revisions of what there was and of the snapshot, and what lies between; 0: not known yet. */
	int64_t highest, snapshot, bump;
	bool begun; /* the journal has it */
};

/* ---- the members there ---- */

/* The value of "--name=c1" in a static pod's command; borrowed; NULL: it has none. */
static const char *flag_of(struct json_object *container, const char *flag)
{
	struct json_object *argv = json_at(container, "command");
	const size_t len = strlen(flag);

	for (size_t i = 0; i < json_len(argv); i++) {
		const char *word = json_object_get_string(json_nth(argv, i));

		if (word && strncmp(word, flag, len) == 0 && word[len] == '=')
			return word + len + 1;
	}
	return NULL;
}

/* {"member", "data", "peer", "image"}; owned; NULL: it is no manifest of kubeadm's. */
static struct json_object *member_of(struct json_object *pod)
{
	static const char *const rows[][2] = {
		{ "member", "--name" },
		{ "data", "--data-dir" },
		{ "peer", "--initial-advertise-peer-urls" },
	};
	struct json_object *container = json_nth(json_at(pod, "spec.containers"), 0);
	const char *image = json_str(container, "image");
	AUTO_JSON m = json_object_new_object();

	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *value = flag_of(container, rows[i][1]);

		if (!value || !image)
			return NULL;
		json_sets(m, rows[i][0], value);
	}
	json_sets(m, "image", image);
	return TAKE(m);
}

/* What a control plane's manifest of etcd says, wherever it is now. Both are owned, and NULL: there is none. */
static struct err *ask_member(struct engine *g, const char *node, struct json_object **ret,
			      char **ret_ca)
{
	AUTO_JSON steps = steps_new();
	AUTO_JSON pod = NULL;
	struct node_job j = { .node = node, .steps = steps, .check = true, .timeout_s = LOOK_S };
	const char *text;
	struct err *e;

	steps_add(steps, step_read("here", MANIFESTS "/etcd.yaml"));
	steps_add(steps, step_read("aside", ASIDE "/etcd.yaml"));
	steps_add(steps, step_read("ca", PKI_FOLDER "/ca.crt"));
	e = engine_node(g, &j);
	text = json_str(report_step(j.report, "here"), "after.content");
	if (!text)
		text = json_str(report_step(j.report, "aside"), "after.content");
	if (!e && text)
		e = yaml_parse(text, strlen(text), "etcd.yaml", &pod);
	if (!e && pod) {
		*ret = member_of(pod);
		*ret_ca = xstrdup(json_str(report_step(j.report, "ca"), "after.content"));
		if (!*ret)
			e = err_new(ERR_PROTOCOL, "node %s: its etcd.yaml is not as kubeadm's",
				    node);
	}
	json_object_put(j.report);
	return e;
}

/* Whoever cannot be asked may still serve what was. */
static struct err *check_reached(struct engine *g, const char *node)
{
	struct json_object *o = NULL;

	json_object_object_get_ex(json_at(g->observed, "nodes"), node, &o);
	return json_at(o, "error")
		       ? err_new(ERR_CONFLICT,
				 "control plane %s is not reached, and all of them must stand "
				 "still: if it is lost, take it out of the declaration; if it "
				 "is not, see that it stays away from the others (%s)",
				 node, json_str(o, "error"))
		       : NULL;
}

static void note_without(struct json_object *warnings, const char *node)
{
	AUTO_STR s = xasprintf("control plane %s has no etcd: nothing is restored there", node);

	json_object_array_add(warnings, json_object_new_string(s));
}

/* {NODE: member}, owned, and the text of the CA's certificate, owned. */
static struct err *ask_members(struct engine *g, struct json_object *warnings,
			       struct json_object **ret, char **ret_ca)
{
	AUTO_JSON members = json_object_new_object();
	struct json_object *node;
	AUTO_STR ca = NULL;

	for (size_t i = 0; (node = cluster_control_plane(g->d, i)); i++) {
		const char *name = json_str(node, "name");
		struct json_object *m = NULL;
		AUTO_STR mine = NULL;
		struct err *e = check_reached(g, name);

		if (!e)
			e = ask_member(g, name, &m, &mine);
		if (e)
			return e;
		if (m)
			json_set(members, name, m);
		else
			note_without(warnings, name);
		if (!ca)
			ca = TAKE(mine);
	}
	if (!ca)
		return err_new(ERR_NOT_FOUND,
			       "no control plane has an etcd (" MANIFESTS "/etcd.yaml) and a "
			       "certificate authority: a snapshot is restored into a cluster that "
			       "there is");
	*ret = TAKE(members);
	*ret_ca = TAKE(ca);
	return NULL;
}

/* etcd's member of this name is one that is restored. */
static bool is_restored(struct json_object *members, const char *name)
{
	json_object_object_foreach(members, node, m) {
		(void)node;
		if (json_is_str(json_at(m, "member"), name))
			return true;
	}
	return false;
}

/*
 * Members on control planes that are not declared: with a quorum they may go on by themselves. Without one they are lost, or away;
 * and an etcd that does not answer at all cannot be asked.
 */
static struct err *check_strangers(struct engine *g, struct json_object *members,
				   struct json_object *warnings)
{
	AUTO_JSON health = NULL;
	AUTO_BUF names = BUF_INIT;
	struct etcd_ways w;
	struct err *e = etcd_ways_open(g, &w);

	if (!e)
		e = etcd_health(w.all, w.n, CALL_MS, &health);
	etcd_ways_close(&w);
	err_free(e);
	for (size_t i = 0; i < json_len(json_at(health, "members")); i++) {
		const char *name = json_str(json_nth(json_at(health, "members"), i), "name");

		if (*name && !is_restored(members, name))
			buf_addf(&names, "%s%s", names.len ? ", " : "", name);
	}
	if (!names.len)
		return NULL;
	if (json_truth(health, "quorum", false))
		return err_new(ERR_CONFLICT,
			       "members of etcd are on control planes that are not declared, and "
			       "would go on with what they have: %s. Declare them, or remove them "
			       "first (prune)",
			       names.s);
	AUTO_STR s = xasprintf("members of etcd are not declared, and must not come back as they "
			       "were: %s",
			       names.s);
	json_object_array_add(warnings, json_object_new_string(s));
	return NULL;
}

static char *members_words(struct json_object *members)
{
	AUTO_BUF b = BUF_INIT;

	json_object_object_foreach(members, node, m) {
		(void)node;
		buf_addf(&b, "%s%s=%s", b.len ? "," : "", json_str(m, "member"),
			 json_str(m, "peer"));
	}
	return buf_take(&b);
}

/* ---- the plan ---- */

static const struct row {
	const char *action, *after, *why;
} rows[] = {
	{ "stage", NULL, "the snapshot is brought there" },
	{ "stop", "stage", "no API server may see two pasts" },
	{ "restore", "stop", "its data is replaced by that of the snapshot" },
	{ "start", "restore", "with the data of the snapshot" },
};

static struct json_object *action_new(const char *action, const char *node, const char *why)
{
	struct json_object *a = json_object_new_object();
	AUTO_STR id = node ? xasprintf("%s %s", action, node) : xstrdup(action);

	json_sets(a, "id", id);
	json_sets(a, "action", action);
	if (node)
		json_sets(a, "node", node);
	json_sets(a, "why", why);
	json_set(a, "after", json_object_new_array());
	return a;
}

static void put_after(struct json_object *a, const char *action, struct json_object *members)
{
	json_object_object_foreach(members, node, m) {
		AUTO_STR id = xasprintf("%s %s", action, node);

		(void)m;
		json_object_array_add(json_at(a, "after"), json_object_new_string(id));
	}
}

static struct json_object *plan_of(const struct restore *r, struct json_object *members)
{
	struct json_object *actions = json_object_new_array(), *a;

	for (const struct row *row = rows; row < rows + COUNT(rows); row++) {
		json_object_object_foreach(members, node, m) {
			const char *data = json_str(m, "data");
			AUTO_STR why = strcmp(row->action, "restore") == 0
					       ? xasprintf("%s; what was goes to %s/replaced-%s",
							   row->why, data, r->id)
					       : xstrdup(row->why);

			a = action_new(row->action, node, why);
			json_set(a, "member", json_copy(m));
			if (row->after)
				put_after(a, row->after, members);
			json_object_array_add(actions, a);
		}
	}
	a = action_new("verify", NULL, "API servers and nodes must answer");
	put_after(a, "start", members);
	json_object_array_add(actions, a);
	return actions;
}

/* ---- on a node ---- */

static const char *data_of(struct doing *d)
{
	return json_str(d->a, "member.data");
}

static struct err *run_steps(struct doing *d, struct json_object *steps, int timeout_s,
			     struct json_object **ret_report)
{
	const struct restore *r = d->g->restore;
	const struct node_blob blob = { .sha256 = r->sha256, .path = r->given->path };
	struct node_job j = {
		.node = d->node, .steps = steps, .blobs = &blob, .nblobs = 1, .timeout_s = timeout_s
	};
	struct err *e = engine_node(d->g, &j);

	*ret_report = j.report;
	return e;
}

static struct json_object *script(const char *id, const char *text, int timeout_s)
{
	struct json_object *s = step_command(id, "sh -c", timeout_s);

	step_argv(s, text);
	step_argv(s, "sh");
	return s;
}

/* The revision that etcdutl tells of a file; 0: it tells none. */
static int64_t revision_of(struct json_object *report, const char *id)
{
	const char *out = json_str(report_step(report, id), "out");
	AUTO_JSON told = NULL;

	if (!out)
		return 0;
	err_free(json_parse(out, strlen(out), &told));
	return json_int(told, "revision", 0);
}

/* $1: etcdutl, $2: a database. One that cannot be read has no revision. */
static struct json_object *step_revision(const char *id, const char *data, const char *file)
{
	struct json_object *s = script(
		id, "[ ! -e \"$2\" ] || \"$1\" snapshot status \"$2\" -w json || true", RESTORE_S);
	AUTO_STR tool = xasprintf("%s/" WORK "/etcdutl", data);
	AUTO_STR path = xasprintf("%s/%s", data, file);

	step_argv(s, tool);
	step_argv(s, path);
	return s;
}

/*
 * $1: etcd's image, $2: the folder, $3: the runtime. etcdutl is a static program that needs nothing else of the image; it may be one
 * of several in a file, by its name.
 */
static const char take_tool[] =
	"set -e; [ ! -x \"$2/etcdutl\" ] || exit 0; cd \"$2\"; mkdir -p new image; "
	"if [ \"$3\" = docker ]; then c=$(docker create \"$1\"); "
	"docker cp \"$c:/usr/local/bin/etcdutl\" new/ || { docker rm \"$c\"; exit 1; }; "
	"docker rm \"$c\" >/dev/null; else umount image 2>/dev/null || true; "
	"ctr -n k8s.io images unmount --rm \"$2/image\" >/dev/null 2>&1 || true; "
	"ctr -n k8s.io images mount \"$1\" \"$2/image\" >/dev/null; "
	"cp image/usr/local/bin/etcdutl new/ || no=1; "
	"ctr -n k8s.io images unmount --rm \"$2/image\" >/dev/null; [ ! \"$no\" ]; fi; "
	"new/etcdutl snapshot restore --help | grep -q -e --mark-compacted || "
	"{ echo \"etcdutl of $1 cannot mark revisions as compacted\" >&2; exit 1; }; "
	"mv new/etcdutl etcdutl; rm -rf new; rmdir image";

struct err *do_stage(struct doing *d)
{
	struct restore *r = d->g->restore;
	AUTO_STR work = xasprintf("%s/" WORK, data_of(d));
	AUTO_STR file = xasprintf("%s/snapshot.db", work);
	AUTO_JSON steps = steps_new();
	AUTO_JSON report = NULL;
	struct json_object *s = json_object_new_object();
	int64_t revision;
	struct err *e;

	json_sets(s, "do", "space");
	json_sets(s, "path", data_of(d));
	json_set(s, "free_mb", json_object_new_int64(COPIES * (r->bytes / MIB) + SPARE_MB));
	steps_add(steps, s);
	steps_add(steps, step_folder(work, "0700"));
	s = json_object_new_object();
	json_sets(s, "do", "file");
	json_sets(s, "path", file);
	json_sets(s, "blob", r->sha256);
	json_sets(s, "mode", "0600");
	steps_add(steps, s);
	s = script("etcdutl", take_tool, LOOK_S);
	step_argv(s, json_str(d->a, "member.image"));
	step_argv(s, work);
	pthread_mutex_lock(&d->g->lock);
	step_argv(s, json_str(d->g->d, "runtime"));
	pthread_mutex_unlock(&d->g->lock);
	steps_add(steps, s);
	steps_add(steps, step_revision("revision", data_of(d), WORK "/snapshot.db"));
	e = run_steps(d, steps, STAGE_S, &report);
	if (e)
		return e;
	revision = revision_of(report, "revision");
	if (!revision)
		return err_new(ERR_PROTOCOL, "etcdutl finds no revision in the snapshot");
	pthread_mutex_lock(&d->g->lock);
	r->snapshot = revision;
	pthread_mutex_unlock(&d->g->lock);
	return NULL;
}

static struct err *note(struct engine *g, const char *event, const struct err *failed)
{
	const struct restore *r = g->restore;
	AUTO_JSON more = json_object_new_object();

	json_sets(more, "id", r->id);
	json_sets(more, "sha256", r->sha256);
	if (r->bump)
		json_set(more, "bump", json_object_new_int64(r->bump));
	if (failed)
		json_sets(more, "error", failed->text);
	return journal_write(g->journal, event, "restore", NULL, more);
}

/* From here on nobody else may do anything. */
static struct err *begin(struct engine *g)
{
	struct err *e = NULL;

	pthread_mutex_lock(&g->lock);
	if (!g->restore->begun)
		e = note(g, "begun", NULL);
	g->restore->begun = !e;
	pthread_mutex_unlock(&g->lock);
	return e;
}

/* The kubelet ends pods whose manifests have gone; $1...: names. */
static const char take_away[] = "set -e; mkdir -p -m 0700 " ASIDE "; for m; do f=" MANIFESTS
				"/$m.yaml; [ ! -e $f ] || mv $f " ASIDE "/; done; sync -f " ASIDE;

static void add_stop(struct json_object *steps, const char *id, const char *programs)
{
	AUTO_STR gone = xasprintf("%s-gone", id);
	struct json_object *s = script(id, take_away, LOOK_S), *wait;

	wait = step_command(gone, "", STOP_S);
	json_set(wait, "argv", static_pods_argv("gone"));
	WORDS_EACH(w, programs) {
		AUTO_STR name = xstrndup(w, words_len(w));
		AUTO_STR known = static_pods_name(name);

		step_argv(s, name);
		step_argv(wait, known);
	}
	steps_add(steps, s);
	steps_add(steps, wait);
}

struct err *do_stop(struct doing *d)
{
	struct restore *r = d->g->restore;
	AUTO_JSON steps = steps_new();
	AUTO_JSON report = NULL;
	struct json_object *s = json_object_new_object();
	struct err *e = begin(d->g);

	/* It is what ends pods. */
	json_sets(s, "do", "service");
	json_sets(s, "unit", "kubelet");
	json_sets(s, "state", "started");
	steps_add(steps, s);
	/* An API server that ends still has something to tell etcd. */
	add_stop(steps, "others", "kube-apiserver kube-controller-manager kube-scheduler");
	add_stop(steps, "etcd", "etcd");
	steps_add(steps, step_revision("revision", data_of(d), "member/snap/db"));
	if (!e)
		e = run_steps(d, steps, 2 * STOP_S + RESTORE_S, &report);
	if (e)
		return e;
	const int64_t revision = revision_of(report, "revision");
	pthread_mutex_lock(&d->g->lock);
	if (revision > r->highest)
		r->highest = revision;
	pthread_mutex_unlock(&d->g->lock);
	return NULL;
}

/* The same on all members, and written down: when the first has been restored what there was is not to be seen any more. */
static struct err *settle_bump(struct engine *g, int64_t *ret)
{
	struct restore *r = g->restore;
	struct err *e = NULL;

	pthread_mutex_lock(&g->lock);
	if (!r->bump) {
		r->bump = r->highest > r->snapshot ? r->highest - r->snapshot + GAP : GAP;
		e = note(g, "begun", NULL);
	}
	*ret = r->bump;
	pthread_mutex_unlock(&g->lock);
	return e;
}

/*
 * $1: the folder of data, $2: the restore's id, $3: how far the revision goes on, $4: name, $5: all members, $6: peer URL. The
 * folder itself stays, it may be a file system of its own.
 */
static const char replace_data[] =
	"set -e; cd \"$1\"; [ ! -e \"member/restored-$2\" ] || exit 0; rm -rf " WORK "/new; " WORK
	"/etcdutl snapshot restore " WORK "/snapshot.db --data-dir \"$1/" WORK
	"/new\" --bump-revision \"$3\" --mark-compacted --name \"$4\" --initial-cluster \"$5\" "
	"--initial-cluster-token \"restored-$2\" --initial-advertise-peer-urls \"$6\" >" WORK
	"/log 2>&1 || { tail -n 5 " WORK "/log >&2; exit 1; }; : >\"" WORK
	"/new/member/restored-$2\"; chown -R --reference=. " WORK "/new; sync -f .; "
	"if [ -e member ]; then old=replaced-$2; n=1; while [ -e \"$old\" ]; do "
	"n=$((n+1)); old=replaced-$2-$n; done; mv member \"$old\"; fi; mv " WORK
	"/new/member member; sync -f .";

struct err *do_restore(struct doing *d)
{
	const struct restore *r = d->g->restore;
	AUTO_JSON steps = steps_new();
	AUTO_JSON report = NULL;
	struct json_object *s = script("data", replace_data, RESTORE_S);
	int64_t bump = 0;
	struct err *e = settle_bump(d->g, &bump);

	AUTO_STR by = xasprintf("%lld", (long long)bump);
	step_argv(s, data_of(d));
	step_argv(s, r->id);
	step_argv(s, by);
	step_argv(s, json_str(d->a, "member.member"));
	step_argv(s, r->members);
	step_argv(s, json_str(d->a, "member.peer"));
	steps_add(steps, s);
	return e ? e : run_steps(d, steps, RESTORE_S, &report);
}

/* ---- up again ---- */

/* $1...: names of manifests. */
static const char bring_back[] =
	"set -e; for m; do f=" ASIDE "/$m.yaml; [ ! -e $f ] || mv $f " MANIFESTS "/; done; "
	"sync -f " MANIFESTS;

static void add_start(struct json_object *steps, const char *id, const char *manifests, int port)
{
	struct json_object *s = script(id, bring_back, LOOK_S), *units = json_object_new_array();
	AUTO_STR at = xasprintf("127.0.0.1:%d", port);

	WORDS_EACH(w, manifests) {
		AUTO_STR name = xstrndup(w, words_len(w));

		step_argv(s, name);
	}
	steps_add(steps, s);
	s = json_object_new_object();
	json_object_array_add(units, json_object_new_string("kubelet"));
	json_sets(s, "do", "ready");
	json_sets(s, "tcp", at);
	json_set(s, "units", units);
	json_set(s, "timeout_s", json_object_new_int(READY_S));
	steps_add(steps, s);
}

/* etcd first: an API server that finds none ends, and the kubelet lets it wait the longer the more often it does. */
struct err *do_start(struct doing *d)
{
	AUTO_STR work = xasprintf("%s/" WORK, data_of(d));
	AUTO_JSON steps = steps_new();
	AUTO_JSON report = NULL;

	add_start(steps, "etcd", "etcd", ETCD_PORT);
	pthread_mutex_lock(&d->g->lock);
	const int port = cluster_api_port(d->g->d);
	pthread_mutex_unlock(&d->g->lock);
	add_start(steps, "others", "kube-apiserver kube-controller-manager kube-scheduler", port);
	steps_add(steps, step_absent(ASIDE));
	steps_add(steps, step_absent(work));
	return run_steps(d, steps, 2 * READY_S + LOOK_S, &report);
}

/* ---- as others see it ---- */

static struct err *get(struct cluster *c, const char *path)
{
	const struct kube_request req = { .method = "GET", .path = path, .deadline_ms = CALL_MS };
	AUTO_JSON answer = NULL;

	return cluster_call(c, &req, &answer);
}

struct err *engine_wait_api(struct engine *g, const char *node)
{
	const int64_t until = clock_ms() + (int64_t)READY_S * 1000;

	for (;;) {
		struct cluster *c = NULL;
		struct err *e = engine_api_through(g, node, &c);

		if (!e)
			e = get(c, "/api/v1/namespaces/kube-system");
		cluster_free(c);
		if (!e || clock_is_cut() || clock_ms() >= until)
			return err_wrap(e, "the API server of %s", node);
		err_free(e);
		clock_sleep_ms(AGAIN_MS);
	}
}

static struct err *wait_there(struct engine *g, const char *node)
{
	const int64_t until = clock_ms() + THERE_MS;
	AUTO_STR path = xasprintf("/api/v1/nodes/%s", node);

	for (;;) {
		struct err *e = get(g->api, path);

		if (!e || e->kind != ERR_NOT_FOUND || clock_is_cut() || clock_ms() >= until)
			return e;
		err_free(e);
		clock_sleep_ms(AGAIN_MS);
	}
}

/* A node that became a member after the snapshot: its kubelet tells of it when it starts, and at no other time. */
static struct err *come_back(struct engine *g, const char *node, bool control_plane)
{
	AUTO_JSON steps = steps_new();
	struct node_job j = { .node = node, .steps = steps };
	struct err *e;

	steps_add(steps, step_command("kubelet", "systemctl restart kubelet", LOOK_S));
	engine_say(g, "%s became a member after the snapshot: it is told of again", node);
	e = engine_node(g, &j);
	json_object_put(j.report);
	if (!e)
		e = wait_there(g, node);
	if (e || !control_plane)
		return e;
	AUTO_JSON mark = steps_new();
	AUTO_STR argv = xasprintf("kubeadm init phase mark-control-plane --node-name %s", node);
	steps_add(mark, step_command("mark", argv, LOOK_S));
	j = (struct node_job){ .node = node, .steps = mark };
	e = engine_node(g, &j);
	json_object_put(j.report);
	return e;
}

static bool is_listed(struct json_object *nodes, const char *name)
{
	for (size_t i = 0; i < json_len(nodes); i++)
		if (json_is_str(json_at(json_nth(nodes, i), "metadata.name"), name))
			return true;
	return false;
}

/* {NAME: whether it is a control plane} of members by what their hosts have; owned. */
static struct json_object *members_by_host(struct engine *g)
{
	struct json_object *all = json_object_new_object(), *nodes;

	pthread_mutex_lock(&g->lock);
	nodes = json_at(g->observed, "nodes");
	json_object_object_foreach(nodes, name, o) {
		if (json_truth(o, "kubelet_conf", false))
			json_set(all, name,
				 json_object_new_boolean(
					 cluster_is_control_plane(cluster_node(g->d, name))));
	}
	pthread_mutex_unlock(&g->lock);
	return all;
}

static struct err *wait_nodes(struct engine *g, struct json_object *members)
{
	const struct node_wish wish = { .timeout_ms = READY_MS };
	AUTO_JSON nodes = NULL;
	struct err *e = objects_list(
		g->api, &(struct object_query){ .api_version = "v1", .kind = "Node" }, &nodes);

	pthread_mutex_lock(&g->lock);
	const bool wait = json_truth(g->d, "cni.wait", true);
	pthread_mutex_unlock(&g->lock);
	json_object_object_foreach(members, name, control_plane) {
		const bool is_control_plane = json_object_get_boolean(control_plane);
		AUTO_JSON node = NULL;

		if (!e && !is_listed(nodes, name))
			e = come_back(g, name, is_control_plane);
		if (!e && wait && is_control_plane)
			e = node_wait_ready(g->api, name, &wish, &node);
	}
	return e;
}

static struct err *seen(void *arg, struct json_object *object)
{
	(void)arg;
	(void)object;
	return NULL;
}

/* Keys of encryption are in no snapshot. */
static struct err *check_secrets(struct engine *g)
{
	const struct object_query all = { .api_version = "v1",
					  .kind = "Secret",
					  .metadata_only = true };

	return err_wrap(objects_each(g->api, &all, seen, NULL),
			"the snapshot's secrets cannot be read: were they encrypted by keys that "
			"the control planes have no more?");
}

struct err *do_verify(struct doing *d)
{
	AUTO_JSON members = members_by_host(d->g);
	struct err *e = NULL;

	json_object_object_foreach(members, name, control_plane) {
		if (!e && json_object_get_boolean(control_plane))
			e = engine_wait_api(d->g, name);
	}
	if (!e)
		e = engine_connect(d->g);
	if (!e)
		e = wait_nodes(d->g, members);
	return e ? e : check_secrets(d->g);
}

/* ---- all of it ---- */

/* Of a run that did not get to its end, with the same snapshot; or a new one. */
static void choose_id(struct engine *g, struct restore *r)
{
	struct json_object *open = journal_open_action(g->state, NULL, "restore");
	const time_t now = time(NULL);
	char at[32];
	struct tm tm;

	if (open && json_is_str(json_at(open, "sha256"), r->sha256) && json_str(open, "id")) {
		r->id = xstrdup(json_str(open, "id"));
		r->bump = json_int(open, "bump", 0);
		r->begun = !g->o->check;
		return;
	}
	(void)strftime(at, sizeof(at), "%Y%m%dT%H%M%SZ", gmtime_r(&now, &tm));
	r->id = xasprintf("%s-%.*s", at, SUM_SHOWN, r->sha256);
}

static struct err *check_identity(const struct restore *r, const char *ca,
				  struct json_object *warnings)
{
	bool ours = false;
	struct err *e = etcd_snapshot_has(r->given->path, ca, &ours);

	if (e || ours)
		return e;
	AUTO_STR what = xasprintf("%s has nothing of this cluster's certificate authority: it is a "
				  "snapshot of another one, or of one that was here before, or "
				  "config maps are encrypted in it",
				  r->given->path);
	if (!r->given->other_cluster)
		return err_at(err_new(ERR_CONFLICT,
				      "%s. other_cluster: true restores it all the same", what),
			      "path");
	json_object_array_add(warnings, json_object_new_string(what));
	return NULL;
}

/* What is encrypted in it has names of keys before it; older ones may be in it beside, in what was replaced. */
static struct err *check_keys(struct engine *g, const struct restore *r, const char *node)
{
	static const char *const providers[] = { "secretbox", "aescbc", "aesgcm" };
	struct json_object *o = NULL, *keys;
	bool encrypted = false, known = false;
	struct err *e = NULL;

	json_object_object_get_ex(json_at(g->observed, "nodes"), node, &o);
	keys = json_at(json_at(o, "encryption"), "keys");
	for (size_t i = 0; i < COUNT(providers) && !encrypted && !e; i++) {
		AUTO_STR prefix = xasprintf("k8s:enc:%s:v1:", providers[i]);

		e = etcd_snapshot_has(r->given->path, prefix, &encrypted);
	}
	for (size_t i = 0; i < json_len(keys) && !known && !e; i++) {
		const char *key = json_object_get_string(json_nth(keys, i));
		const size_t provider = strcspn(key, ":");
		AUTO_STR prefix =
			xasprintf("k8s:enc:%.*s:v1%s:", (int)provider, key, key + provider);

		e = etcd_snapshot_has(r->given->path, prefix, &known);
	}
	if (e || !encrypted || known || r->given->other_cluster)
		return e;
	return err_at(
		err_new(ERR_CONFLICT,
			"what %s holds was encrypted by keys that control plane %s has no more "
			"(" PKI_ENCRYPTION "), and could not be read: bring them back there "
			"first. other_cluster: true restores it all the same",
			r->given->path, node),
		"path");
}

/* Before anything is changed. */
static struct err *check_all(struct engine *g, const struct restore *r, struct json_object *members,
			     const char *ca, struct json_object *warnings)
{
	struct err *e = check_identity(r, ca, warnings);

	json_object_object_foreach(members, node, m) {
		(void)m;
		if (!e)
			e = check_keys(g, r, node);
	}
	/* What is under way may have stopped them. */
	if (!e && !journal_open_action(g->state, NULL, "restore"))
		e = check_strangers(g, members, warnings);
	return e;
}

static struct err *act(struct engine *g, struct cluster_outcome *ret)
{
	struct err *e = engine_act(g, ret), *lost;

	if (!g->restore->begun)
		return e;
	lost = note(g, e ? "failed" : "ended", e);
	if (!e)
		return lost;
	err_free(lost);
	return err_wrap(e, "the restore has not ended, and the cluster may stand still until it "
			   "is run again");
}

static struct err *restore(struct engine *g, struct cluster_outcome *ret)
{
	struct restore *r = g->restore;
	AUTO_JSON members = NULL;
	AUTO_STR ca = NULL;
	struct err *e;

	if (json_is_str(json_at(g->d, "etcd.kind"), "external"))
		return err_at(err_new(ERR_USAGE, "etcd runs elsewhere: it is restored there"),
			      "etcd");
	engine_observe_nodes(g);
	ret->observed = json_copy(g->observed);
	e = ask_members(g, ret->warnings, &members, &ca);
	if (!e)
		e = check_all(g, r, members, ca, ret->warnings);
	if (e)
		return e;
	choose_id(g, r);
	r->members = members_words(members);
	ret->plan = json_wrap("actions", plan_of(r, members));
	return act(g, ret);
}

struct err *cluster_restore(struct json_object *given, const struct cluster_options_run *o,
			    const struct cluster_restore *what, struct cluster_outcome *ret)
{
	struct restore r = { .given = what };
	AUTO_JSON told = NULL;
	struct err *e = etcd_snapshot_check(what->path, &told);

	if (e)
		return err_at(e, "path");
	r.bytes = json_int(told, "bytes", 0);
	r.sha256 = xstrdup(json_str(told, "sha256"));
	e = engine_run(given, o, &r, restore, ret);
	free(r.sha256);
	free(r.id);
	free(r.members);
	return e;
}
