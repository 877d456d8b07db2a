/* What is pure of the work on a running cluster: waves, marks and taints of nodes, versions, findings, snapshots. */
#include <fcntl.h>
#include <openssl/sha.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cluster/etcd.h"
#include "cluster/health.h"
#include "kubernetes/drain.h"
#include "kubernetes/objects.h"
#include "kubernetes/preflight.h"
#include "kubernetes/waves.h"
#include "unit.h"

/* ---- waves ---- */

enum { NODES = 100, TICKS_MOST = 100000 };

/* A repeatable sequence, so that a failure can be looked at. */
static unsigned dice_state;
static unsigned dice(unsigned n)
{
	dice_state = dice_state * 1103515245u + 12345u;
	return (dice_state >> 16) % n;
}

struct simulated {
	struct wave_node nodes[NODES];
	int busy_until[NODES], down_until[NODES]; /* ticks */
	bool begun[NODES];
	size_t begun_ready; /* so many were ready when they were begun */
};

/* How many of a group are not ready, or worked on. */
static size_t out_of_service(const struct simulated *s)
{
	size_t out = 0;

	for (size_t i = 0; i < NODES; i++)
		out += s->nodes[i].state == WAVE_BUSY || !s->nodes[i].ready;
	return out;
}

static void begin_more(struct simulated *s, size_t limit, int now)
{
	const size_t before = out_of_service(s);
	size_t next[NODES], n = waves_next(s->nodes, NODES, limit, next);

	for (size_t i = 0; i < n; i++) {
		struct wave_node *node = &s->nodes[next[i]];

		ck_assert_int_eq(node->state, WAVE_TODO);
		ck_assert_msg(!s->begun[next[i]], "%s is begun twice", node->name);
		s->begun[next[i]] = true;
		s->begun_ready += node->ready;
		node->state = WAVE_BUSY;
		s->busy_until[next[i]] = now + 1 + (int)dice(20);
	}
	/* What is begun never makes more than the limit of it; what fell by itself may have. */
	ck_assert_msg(out_of_service(s) <= (before > limit ? before : limit),
		      "%zu were out of service, now %zu, of at most %zu", before, out_of_service(s),
		      limit);
}

static void pass(struct simulated *s, int now, unsigned falls)
{
	for (size_t i = 0; i < NODES; i++) {
		struct wave_node *node = &s->nodes[i];

		if (node->state == WAVE_BUSY) {
			/* It goes away and comes back while it is worked on, and may be late. */
			node->ready = false;
			if (now < s->busy_until[i])
				continue;
			node->state = WAVE_DONE;
			s->down_until[i] = now + (int)dice(5);
		} else if (falls && !dice(falls)) {
			node->ready = false;
			s->down_until[i] = now + (int)dice(30);
		}
		if (!node->ready && now >= s->down_until[i])
			node->ready = true;
	}
}

static size_t not_ready(const struct simulated *s)
{
	size_t n = 0;

	for (size_t i = 0; i < NODES; i++)
		n += !s->nodes[i].ready;
	return n;
}

static int run(struct simulated *s, size_t limit, unsigned falls)
{
	bool done = false;
	int now = 0;

	while (!done && now < TICKS_MOST) {
		AUTO_ERR e = waves_state(s->nodes, NODES, limit, &done);

		/* With the limit's worth of them down none may begin; they come back here. */
		ck_assert_msg(!e || not_ready(s) >= limit, "%s", e ? e->text : "");
		begin_more(s, limit, now);
		pass(s, now++, falls);
	}
	ck_assert_msg(done, "it does not end");
	return now;
}

static void simulate(size_t limit, unsigned falls, unsigned down_at_first)
{
	struct simulated s = { 0 };
	char names[NODES][8];

	for (size_t i = 0; i < NODES; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "w%zu", i);
		s.nodes[i] = (struct wave_node){ names[i], i >= down_at_first, WAVE_TODO };
		s.down_until[i] = i < down_at_first ? TICKS_MOST : 0;
	}
	(void)run(&s, limit, falls);
	for (size_t i = 0; i < NODES; i++)
		ck_assert_int_eq(s.nodes[i].state, WAVE_DONE);
}

START_TEST(waves_never_take_too_many)
{
	const size_t limits[] = { 1, 2, 7, 25, 100 };

	for (size_t i = 0; i < COUNT(limits); i++) {
		dice_state = (unsigned)i + 1;
		simulate(limits[i], 0, 0);
		/* One in 200 falls at each tick, by itself. */
		simulate(limits[i], 200, 0);
		/* Some are down from the beginning, and are what is to be repaired. */
		simulate(limits[i], 0, 5);
	}
}
END_TEST

START_TEST(waves_stop)
{
	struct wave_node nodes[] = { { "a", true, WAVE_DONE },
				     { "b", false, WAVE_FAILED },
				     { "c", true, WAVE_TODO },
				     { "d", true, WAVE_BUSY } };
	size_t next[4];
	bool done = true;

	ck_assert_uint_eq(waves_next(nodes, 4, 3, next), 0);
	unit_ok(waves_state(nodes, 4, 3, &done)); /* d goes on */
	ck_assert(!done);
	nodes[3].state = WAVE_DONE;
	unit_fails(waves_state(nodes, 4, 3, &done), ERR_CONFLICT,
		   "1 of 4 nodes failed (b); 1 were not begun");
	/* b is somebody else's matter, but nothing may be taken beside it. */
	nodes[1].state = WAVE_DONE;
	ck_assert_uint_eq(waves_next(nodes, 4, 1, next), 0);
	unit_fails(waves_state(nodes, 4, 1, &done), ERR_CONFLICT,
		   "no more than 1 may be out of service, and these are not ready: b");
	ck_assert_uint_eq(waves_next(nodes, 4, 2, next), 1);
	ck_assert_uint_eq(next[0], 2);
}
END_TEST

START_TEST(waves_limits)
{
	const struct {
		const char *text;
		size_t n, limit;
	} good[] = { { NULL, 9, 1 },  { "1", 9, 1 },    { "3", 2, 3 },    { "25%", 100, 25 },
		     { "25%", 7, 1 }, { "30%", 10, 3 }, { "100%", 8, 8 }, { "1%", 3, 1 } };
	const char *const bad[] = {
		"", "0", "0%", "-1", "x", "1x", "101%", "5 %", "%", "999999999"
	};
	size_t limit = 0;

	for (size_t i = 0; i < COUNT(good); i++) {
		unit_ok(waves_limit(good[i].text, good[i].n, &limit));
		ck_assert_uint_eq(limit, good[i].limit);
	}
	for (size_t i = 0; i < COUNT(bad); i++)
		unit_fails(waves_limit(bad[i], 10, &limit), ERR_USAGE, "neither a number");
}
END_TEST

/* ---- marks ---- */

static void marks(const char *node, const char *labels, const char *taints, const char *want,
		  const char *words)
{
	AUTO_JSON n = unit_json(node);
	AUTO_JSON l = labels ? unit_json(labels) : NULL;
	AUTO_JSON t = taints ? unit_json(taints) : NULL;
	AUTO_JSON patch = marks_patch(n, l, t);

	if (!want) {
		ck_assert_msg(!patch, "got %s", json_object_to_json_string(patch));
		return;
	}
	ck_assert_ptr_nonnull(patch);
	unit_same(patch, want);
	AUTO_STR told = marks_words(n, patch);
	ck_assert_str_eq(told, words);
	/* Done, nothing is to be done. */
	AUTO_JSON after = merge_applied(n, patch);
	AUTO_JSON again = marks_patch(after, l, t);
	ck_assert_msg(!again, "again: %s", json_object_to_json_string(again));
}

START_TEST(marks_of_a_declaration)
{
	marks("{'metadata': {'resourceVersion': '5', 'labels': {'a': '1'}}}", NULL, NULL, NULL,
	      NULL);
	marks("{'metadata': {'resourceVersion': '5', 'labels': {'a': '1', 'z': '1'}}}",
	      "{'z': '2', 'b': ''}", NULL,
	      "{'metadata': {'resourceVersion': '5', 'labels': {'z': '2', 'b': ''}, 'annotations': "
	      "{'treenail/marks': '{\\'labels\\':[\\'b\\',\\'z\\'],\\'taints\\':[]}'}}}",
	      "label z=2 (was 1), label b=");
	/* What is as wanted becomes ours; what others have put there stays. */
	marks("{'metadata': {'resourceVersion': '5', 'labels': {'a': '1', 'x': 'y'}}, 'spec': "
	      "{'taints': [{'key': 'o', 'effect': 'NoSchedule'}]}}",
	      "{'a': '1'}", "['gpu=yes:NoExecute']",
	      "{'metadata': {'resourceVersion': '5', 'annotations': {'treenail/marks': "
	      "'{\\'labels\\':[\\'a\\'],\\'taints\\':[\\'gpu:NoExecute\\']}'}}, 'spec': {'taints': "
	      "[{'key': 'o', 'effect': 'NoSchedule'}, {'key': 'gpu', 'value': 'yes', 'effect': "
	      "'NoExecute'}]}}",
	      "taint gpu:NoExecute (yes)");
	/* Ours that are not wanted any more go, and the last one takes the annotation along. */
	marks("{'metadata': {'resourceVersion': '6', 'labels': {'a': '1', 'x': 'y'}, 'annotations': "
	      "{'treenail/marks': '{\\'labels\\':[\\'a\\',\\'gone\\'],\\'taints\\':[\\'gpu:NoExecute\\']}'}}, "
	      "'spec': {'taints': [{'key': 'gpu', 'effect': 'NoExecute'}, {'key': 'gpu', 'effect': "
	      "'NoSchedule'}]}}",
	      "{}", "[]",
	      "{'metadata': {'resourceVersion': '6', 'labels': {'a': null}, 'annotations': "
	      "{'treenail/marks': null}}, 'spec': {'taints': [{'key': 'gpu', 'effect': "
	      "'NoSchedule'}]}}",
	      "label a removed (was 1), taint gpu:NoExecute removed");
	/* Of a taint the value changes; an annotation that is rubbish is nobody's. */
	marks("{'metadata': {'resourceVersion': '7', 'annotations': {'treenail/marks': 'rubbish'}}, "
	      "'spec': {'taints': [{'key': 'k', 'value': 'a', 'effect': 'NoSchedule'}]}}",
	      NULL, "[{'key': 'k', 'value': 'b', 'effect': 'NoSchedule'}]",
	      "{'spec': {'taints': [{'key': 'k', 'value': 'b', 'effect': 'NoSchedule'}]}, 'metadata': "
	      "{'resourceVersion': '7', 'annotations': {'treenail/marks': "
	      "'{\\'labels\\':[],\\'taints\\':[\\'k:NoSchedule\\']}'}}}",
	      "taint k:NoSchedule (b)");
}
END_TEST

START_TEST(marks_of_people)
{
	AUTO_JSON node = unit_json(
		"{'metadata': {'labels': {'kubernetes.io/hostname': 'w1', 'beta.kubernetes.io/os': "
		"'linux', 'node-role.kubernetes.io/control-plane': '', "
		"'node-role.kubernetes.io/worker': '', 'rack': '7', 'kubernetes.io/osx': 'a'}}, "
		"'spec': {'unschedulable': true, 'taints': [{'key': 'node.kubernetes.io/not-ready', "
		"'effect': 'NoExecute'}, {'key': 'own', 'effect': 'NoSchedule', 'timeAdded': 'x'}]}}");
	AUTO_JSON kept = node_marks(node);

	unit_same(kept, "{'labels': {'node-role.kubernetes.io/worker': '', 'rack': '7', "
			"'kubernetes.io/osx': 'a'}, 'taints': [{'key': 'own', 'effect': "
			"'NoSchedule'}], 'unschedulable': true}");
}
END_TEST

START_TEST(fates_of_pods)
{
	const struct {
		const char *pod;
		unsigned fate;
	} rows[] = {
		{ "{}", DRAIN_UNMANAGED },
		{ "{'status': {'phase': 'Succeeded'}}", DRAIN_GOES },
		{ "{'metadata': {'annotations': {'kubernetes.io/config.mirror': 'x'}}}",
		  DRAIN_STATIC },
		{ "{'metadata': {'ownerReferences': [{'kind': 'ReplicaSet', 'controller': true}]}}",
		  DRAIN_GOES },
		{ "{'metadata': {'ownerReferences': [{'kind': 'ReplicaSet'}]}}", DRAIN_UNMANAGED },
		{ "{'metadata': {'ownerReferences': [{'kind': 'DaemonSet', 'controller': true}]}, "
		  "'spec': {'volumes': [{'emptyDir': {}}]}}",
		  DRAIN_DAEMON },
		{ "{'spec': {'volumes': [{'name': 'a'}, {'emptyDir': {}}]}}",
		  DRAIN_UNMANAGED | DRAIN_LOCAL },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		AUTO_JSON pod = unit_json(rows[i].pod);

		ck_assert_msg(drain_fate_of(pod) == rows[i].fate, "%s: %u", rows[i].pod,
			      drain_fate_of(pod));
	}
}
END_TEST

/* ---- versions ---- */

START_TEST(versions)
{
	const char *const bad[] = {
		"",      "1",       "v",       "1.2.3.4", "1.02.3", "1.x",
		"1.33.", "1.33.1 ", "1.33.1-", "a1.33.1", "-1.2",   "1.33.1_2"
	};
	const char *const rising[] = { "1.9.10",        "v1.10",         "1.33.1-rc.0",
				       "v1.33.1-gke.5", "1.33.2-beta.0", "1.33.2+k3s1",
				       "2.0.0" };
	struct kube_version x, y;

	for (size_t i = 0; i < COUNT(bad); i++)
		ck_assert_msg(!kube_version_of(bad[i], &x), "'%s' is taken", bad[i]);
	ck_assert(!kube_version_of(NULL, &x));
	for (size_t i = 0; i + 1 < COUNT(rising); i++) {
		ck_assert_msg(kube_version_of(rising[i], &x), "%s", rising[i]);
		ck_assert_msg(kube_version_of(rising[i + 1], &y), "%s", rising[i + 1]);
		ck_assert_msg(kube_version_compare(&x, &y) < 0, "%s is not before %s", rising[i],
			      rising[i + 1]);
	}
}
END_TEST

START_TEST(skews)
{
	const struct {
		const char *part, *version, *server, *words; /* NULL: fine */
	} rows[] = {
		{ "kubelet", "v1.33.13", "1.33.12", NULL }, /* patches do not count */
		{ "kubelet", "1.30.0", "1.33.0", NULL },
		{ "kubelet", "1.29.9", "1.33.0", "too old" },
		{ "kubelet", "1.34.0", "1.33.9", "too new" },
		{ "kubelet", "1.24.0", "1.26.0", NULL },
		{ "kubelet", "1.24.0", "1.27.0", "at most 2 minor versions" },
		{ "kube-apiserver", "1.32.0", "1.33.0", NULL },
		{ "kube-apiserver", "1.34.0", "1.33.0", NULL },
		{ "kube-apiserver", "1.31.0", "1.33.0", "too old" },
		{ "kube-scheduler", "1.34.0", "1.33.0", "must not be newer" },
		{ "kube-controller-manager", "1.31.0", "1.33.0", "too old" },
		{ "kubeadm", "1.33.13", "1.33.13", NULL },
		{ "kubeadm", "1.33.14", "1.33.13", NULL },
		{ "kubeadm", "1.33.12", "1.33.13", "is older than 1.33.13" },
		{ "kubeadm", "1.34.0", "1.33.13", "cannot set up" },
		{ "kubelet", "2.33.0", "1.33.0", "major" },
		{ "kubelet", NULL, "1.33.0", "no version" },
		{ "tea", "1.33.0", "1.33.0", "no part" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		AUTO_STR said = kube_skew(rows[i].part, rows[i].version, rows[i].server);

		ck_assert_msg(!said == !rows[i].words && (!said || strstr(said, rows[i].words)),
			      "row %zu: %s", i, said ? said : "fine");
	}
	const struct {
		const char *have, *target, *words;
	} steps[] = { { "1.33.12", "1.33.13", NULL },
		      { "1.33.13", "1.33.13", NULL },
		      { "1.33.12", "1.34.0", NULL },
		      { "1.32.1", "1.34.0", "1.33 comes next" },
		      { "1.33.13", "1.33.12", "does not go back" },
		      { "1.33.0", "2.0.0", "more than one" } };

	for (size_t i = 0; i < COUNT(steps); i++) {
		AUTO_STR said = kube_step(steps[i].have, steps[i].target);

		ck_assert_msg(!said == !steps[i].words && (!said || strstr(said, steps[i].words)),
			      "step %zu: %s", i, said ? said : "fine");
	}
}
END_TEST

/* ---- findings ---- */

/* "severity check" of each; the text for people. */
static char *findings(const struct preflight *p, const char *observed, char **ret_text)
{
	AUTO_JSON seen = unit_json(observed);
	AUTO_JSON found = preflight_judge(p, seen);
	AUTO_BUF b = BUF_INIT;

	for (size_t i = 0; i < json_len(found); i++)
		buf_addf(&b, "%s%s %s", i ? ", " : "", json_str(json_nth(found, i), "severity"),
			 json_str(json_nth(found, i), "check"));
	(void)preflight_blocks(found, ret_text);
	return buf_take(&b);
}

START_TEST(findings_of_an_upgrade)
{
	const struct preflight p = { .target = "1.34.0" };
	AUTO_STR text = NULL;
	AUTO_STR found = findings(
		&p,
		"{'servers': ['v1.33.12', 'v1.31.0'], 'nodes': ["
		"{'name': 'a', 'version': 'v1.31.2', 'ready': true},"
		"{'name': 'b', 'version': 'v1.30.2', 'ready': false, 'why': 'Ready is Unknown'},"
		"{'name': 'c', 'version': 'v1.33.12', 'ready': true, 'unschedulable': true}],"
		"'parts': [{'node': 'c', 'part': 'kube-scheduler', 'version': 'v1.32.0'},"
		"{'node': 'c', 'part': 'kube-proxy', 'version': 'latest'},"
		"{'node': 'c', 'part': 'etcd', 'version': '3.5.24-0'}],"
		"'deprecated': [{'group': '', 'version': 'v1', 'resource': 'endpoints', 'removed_release': ''},"
		"{'group': 'x.k8s.io', 'version': 'v1beta1', 'resource': 'things', 'removed_release': '1.34'},"
		"{'group': 'y.k8s.io', 'version': 'v1beta1', 'resource': 'things', 'removed_release': '1.38'}],"
		"'writers': [{'group': 'x.k8s.io', 'version': 'v1beta1', 'resource': 'things', 'count': 1, 'objects': ['n/t (helm)']},"
		"{'group': 'z.k8s.io', 'version': 'v1alpha1', 'resource': 'others', 'count': 2, 'objects': ['o (kubectl)', 'p (x)']}]}",
		&text);

	/* The second server, its step; b's kubelet is too old for what comes; the scheduler, too. */
	ck_assert_str_eq(found, "error version-step, error version-skew, error version-skew, error "
				"version-skew, error removed-api, error node-not-ready, warning "
				"removed-api, info removed-api, info node-cordoned");
	ck_assert_msg(
		strstr(text, "n/t (helm)") && strstr(text, "it is gone in 1.34") &&
			strstr(text, "2 objects were written through it: o (kubectl), p (x)") &&
			strstr(text, "node b: Ready is Unknown") && strstr(text, "1.32 comes next"),
		"%s", text);
}
END_TEST

START_TEST(what_is_over_soon)
{
	static const struct {
		const char *nodes;
		bool soon;
	} cases[] = {
		{ "[{'name': 'a', 'version': 'v1.33.12', 'ready': false, 'since_s': 3}]", true },
		{ "[{'name': 'a', 'version': 'v1.33.12', 'ready': false, 'since_s': 3000}]",
		  false },
		{ "[{'name': 'a', 'version': 'v1.33.12', 'ready': false}]", false },
		{ "[{'name': 'a', 'version': 'v1.33.12', 'ready': true, 'since_s': 3}]", false },
		{ "[{'name': 'a', 'version': 'v1.33.12', 'ready': false, 'since_s': 3},"
		  " {'name': 'b', 'version': 'v1.20.0', 'ready': true}]",
		  false },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO_STR text = xasprintf("{'servers': ['v1.33.12'], 'nodes': %s}", cases[i].nodes);
		AUTO_JSON seen = unit_json(text);
		AUTO_JSON found = preflight_judge(&(struct preflight){ .target = "1.33.13" }, seen);

		ck_assert_msg(preflight_passes_soon(found) == cases[i].soon, "case %zu", i);
	}
}
END_TEST

START_TEST(findings_of_a_drain)
{
	static const char pods[] =
		"{'servers': ['v1.33.13'], 'pods': ["
		"{'pod': 's/web-1', 'node': 'w', 'fate': 0, 'status': 429, 'budget': 'web', 'error': "
		"'POST x: 429 TooManyRequests: no; The disruption budget web needs 3 healthy pods and has 3 currently'},"
		"{'pod': 's/two', 'node': 'w', 'fate': 0, 'status': 0, 'error': '500 more than one', 'budget': null},"
		"{'pod': 's/lone', 'node': 'w', 'fate': 4, 'error': null},"
		"{'pod': 's/data', 'node': 'w', 'fate': 8, 'error': null},"
		"{'pod': 's/well', 'node': 'w', 'fate': 0, 'error': null}]}";
	AUTO_STR text = NULL;
	AUTO_STR first = findings(&(struct preflight){ 0 }, pods, &text);
	AUTO_STR allowed =
		findings(&(struct preflight){ .force = true, .delete_emptydir = true }, pods, NULL);

	ck_assert_str_eq(first, "error disruption-budget, error eviction, error "
				"pod-without-controller, error local-data");
	ck_assert_str_eq(allowed, "error disruption-budget, error eviction, warning "
				  "pod-without-controller, warning local-data");
	ck_assert_msg(strstr(text,
			     "error: pod s/web-1 on node w: budget s/web allows no disruption "
			     "now: The disruption budget web needs 3 healthy pods and has 3"),
		      "%s", text);
}
END_TEST

START_TEST(findings_of_facts)
{
	AUTO_JSON facts = unit_json(
		"{'nodes': {'w1': {'kubeadm': '1.33.12', 'space': [{'path': '/var', 'free_mb': 9, 'need_mb': 10},"
		"{'path': '/', 'free_mb': 10, 'need_mb': 10}, {'path': '/x'}]}},"
		"'certificates': [{'node': 'c', 'name': 'apiserver', 'state': 'expired', 'why': 'it ended'},"
		"{'node': 'c', 'name': 'ca', 'state': 'ok'}, {'node': 'c', 'name': 'k', 'state': 'ends_soon', 'why': ''}],"
		"'etcd': {'problems': ['etcd has no quorum']}}");
	const struct preflight p = { .target = "1.33.13", .facts = facts };
	AUTO_STR text = NULL;
	AUTO_STR found = findings(&p, "{'servers': ['v1.33.13']}", &text);

	ck_assert_str_eq(found, "error version-skew, error etcd, error certificate, error space, "
				"warning certificate");
	ck_assert_msg(strstr(text, "/var on node w1: 9 MB are free, 10 are needed"), "%s", text);
	/* All is well. */
	AUTO_STR nothing = findings(&(struct preflight){ .target = "1.33.13" },
				    "{'servers': ['v1.33.13'], 'nodes': [{'name': 'a', 'version': "
				    "'v1.33.13', 'ready': true}]}",
				    NULL);
	ck_assert_str_eq(nothing, "");
}
END_TEST

/* ---- health ---- */

static struct json_object *healths(const char *observed, const struct health_facts *f)
{
	AUTO_JSON seen = unit_json(observed);

	return health_of(seen, f);
}

START_TEST(health_of_a_well_cluster)
{
	AUTO_JSON etcd = unit_json("{'quorum': true, 'problems': []}");
	AUTO_JSON certificates = unit_json(
		"[{'node': 'c', 'name': 'a', 'state': 'ok', 'days_left': 300}, {'node': 'c', 'name': "
		"'b', 'state': 'ok', 'days_left': 200}]");
	const struct health_facts f = { .etcd = etcd, .certificates = certificates };
	AUTO_JSON h = healths(
		"{'server': 'https://x', 'version': 'v1.33.13', 'api_certificate_days_left': 40,"
		"'readyz': '[+]ping ok\n[+]etcd ok\nreadyz check passed\n',"
		"'nodes': [{'apiVersion': 'v1', 'kind': 'Node', 'metadata': {'name': 'c', 'labels': "
		"{'node-role.kubernetes.io/control-plane': '', 'a': 'b'}}, 'status': {'nodeInfo': "
		"{'kubeletVersion': 'v1.33.12'}, 'addresses': [{'type': 'InternalIP', 'address': "
		"'10.0.0.1'}, {'type': 'InternalIP', 'address': 'fd00::1'}], 'conditions': [{'type': "
		"'Ready', 'status': 'True'}]}}],"
		"'pods': [{'apiVersion': 'v1', 'kind': 'Pod', 'metadata': {'name': 'kube-scheduler-c', "
		"'labels': {'component': 'kube-scheduler'}}, 'spec': {'nodeName': 'c', 'containers': "
		"[{'image': 'r.example:5000/kube-scheduler:v1.33.13@sha256:00'}]}, 'status': "
		"{'conditions': [{'type': 'Ready', 'status': 'True'}], 'containerStatuses': "
		"[{'restartCount': 2}]}}]}",
		&f);

	ck_assert_msg(json_truth(h, "healthy", false) && !json_len(json_at(h, "warnings")), "%s",
		      json_object_to_json_string(h));
	unit_same(json_at(h, "readyz"), "{'ok': true, 'checks': {'ping': true, 'etcd': true}}");
	unit_same(json_at(h, "versions"), "{'v1.33.12': 1}");
	unit_same(json_at(json_nth(json_at(h, "nodes"), 0), "roles"), "['control-plane']");
	unit_same(json_at(json_nth(json_at(h, "nodes"), 0), "addresses"),
		  "{'InternalIP': '10.0.0.1'}");
	unit_same(
		json_nth(json_at(h, "control_plane"), 0),
		"{'node': 'c', 'component': 'kube-scheduler', 'pod': 'kube-scheduler-c', 'ready': "
		"true, 'why': '', 'restarts': 2, 'version': 'v1.33.13'}");
	ck_assert_int_eq(json_int(h, "certificates_days_left", 0), 200);
}
END_TEST

START_TEST(health_of_a_sick_one)
{
	AUTO_JSON etcd = unit_json("{'quorum': false, 'problems': ['etcd has no quorum']}");
	AUTO_JSON certificates = unit_json(
		"[{'node': 'c', 'name': 'a', 'state': 'expired', 'why': 'it ended', 'days_left': -1}, "
		"{'node': 'c', 'name': 'b', 'state': 'ends_soon', 'why': 'soon', 'days_left': 3}]");
	const struct health_facts f = { .etcd = etcd, .certificates = certificates };
	AUTO_JSON h = healths(
		"{'version': 'v1.33.13', 'api_certificate_days_left': 3,"
		"'readyz': 'GET /readyz: 500 [+]ping ok [-]etcd failed: reason withheld readyz check failed',"
		"'nodes': [{'apiVersion': 'v1', 'kind': 'Node', 'metadata': {'name': 'c'}, 'spec': "
		"{'unschedulable': true}, 'status': {'nodeInfo': {'kubeletVersion': 'v1.34.0'}, "
		"'conditions': [{'type': 'Ready', 'status': 'False', 'reason': 'KubeletNotReady', "
		"'message': 'cni plugin not initialized'}]}}]}",
		&f);

	unit_same(
		json_at(h, "problems"),
		"['the API server\\u0027s check \\u0027etcd\\u0027 fails', 'node c is not ready: "
		"Ready is False: KubeletNotReady: cni plugin not initialized', 'node c: kubelet v1.34.0 "
		"is too new for an API server v1.33.13: it must not be newer', 'etcd has no quorum', "
		"'certificate a on node c: it ended']");
	unit_same(
		json_at(h, "warnings"),
		"['the API server\\u0027s certificate ends in 3 days', 'node c takes no new pods', "
		"'certificate b on node c: soon']");
	ck_assert(!json_truth(h, "healthy", true));
	ck_assert_int_eq(json_int(h, "certificates_days_left", 0), -1);
	/* Who may not ask, and an empty cluster. */
	AUTO_JSON none =
		healths("{'version': 'v1.33.13', 'readyz': 'GET /readyz: 403 Forbidden'}", NULL);
	unit_same(json_at(none, "problems"), "['the API server is not ready: GET /readyz: 403 "
					     "Forbidden', 'there are no nodes']");
	ck_assert(json_has(none, "etcd") && !json_at(none, "etcd"));
}
END_TEST

/* Right after a cluster was made its programs run, and nobody has looked yet whether they are ready. */
START_TEST(health_of_a_new_one)
{
	static const struct {
		int ago, restarts, problems;
	} cases[] = { { 5, 0, 1 }, { 5, 3, 2 }, { 500, 0, 2 } };

	for (size_t i = 0; i < COUNT(cases); i++) {
		const time_t then = time(NULL) - cases[i].ago;
		char at[32];
		struct tm tm;

		(void)strftime(at, sizeof(at), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&then, &tm));
		AUTO_STR text = xasprintf(
			"{'version': 'v1.33.13', 'readyz': '[+]ping ok\nreadyz check passed\n', 'pods': "
			"[{'apiVersion': 'v1', 'kind': 'Pod', 'metadata': {'name': 'kube-scheduler-c', "
			"'labels': {'component': 'kube-scheduler'}}, 'spec': {'nodeName': 'c', "
			"'containers': [{'image': 'kube-scheduler:v1.33.13'}]}, 'status': {'conditions': "
			"[{'type': 'Ready', 'status': 'False'}], 'containerStatuses': [{'restartCount': %d, "
			"'state': {'running': {'startedAt': '%s'}}}]}}]}",
			cases[i].restarts, at);
		AUTO_JSON h = healths(text, NULL);

		/* One is that there are no nodes. */
		ck_assert_msg((int)json_len(json_at(h, "problems")) == cases[i].problems,
			      "case %zu: %s", i,
			      json_object_to_json_string(json_at(h, "problems")));
	}
}
END_TEST

/* ---- etcd ---- */

enum { DATA = 8192 };

static void write_file(const char *path, const void *s, size_t n)
{
	const int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, s, n), n);
	(void)close(fd);
}

START_TEST(snapshots_are_checked)
{
	unsigned char s[DATA + SHA256_DIGEST_LENGTH + 1];
	char path[] = "/tmp/treenail-snapshot-XXXXXX";
	AUTO_JSON told = NULL;

	(void)close(mkstemp(path));
	for (size_t i = 0; i < DATA; i++)
		s[i] = (unsigned char)(i * 31 >> 3);
	(void)SHA256(s, DATA, s + DATA);
	write_file(path, s, DATA + SHA256_DIGEST_LENGTH);
	unit_ok(etcd_snapshot_check(path, &told));
	ck_assert_int_eq(json_int(told, "bytes", 0), DATA + SHA256_DIGEST_LENGTH);
	write_file(path, s, DATA);
	unit_fails(etcd_snapshot_check(path, &told), ERR_PROTOCOL, "no SHA-256 at its end");
	write_file(path, s, DATA + SHA256_DIGEST_LENGTH + 1);
	unit_fails(etcd_snapshot_check(path, &told), ERR_PROTOCOL, "no SHA-256 at its end");
	write_file(path, s, 0);
	unit_fails(etcd_snapshot_check(path, &told), ERR_PROTOCOL, "no SHA-256 at its end");
	s[DATA / 2] ^= 1;
	write_file(path, s, DATA + SHA256_DIGEST_LENGTH);
	unit_fails(etcd_snapshot_check(path, &told), ERR_PROTOCOL, "not what the SHA-256");
	(void)unlink(path);
	unit_fails(etcd_snapshot_check(path, &told), ERR_USAGE, "No such file");
}
END_TEST

/* It is read in pieces of 64 KiB, and found wherever it lies. */
START_TEST(snapshots_are_known)
{
	static const char text[] = "-----BEGIN CERTIFICATE-----\nabc\n";
	enum { LEN = 200 << 10, PIECE = 64 << 10 };
	static const size_t at[] = {
		0, 1, PIECE - 10, PIECE, 2 * PIECE - 1, LEN - sizeof(text) + 1
	};
	char path[] = "/tmp/treenail-snapshot-XXXXXX";
	unsigned char *s = xcalloc(1, LEN);
	bool has = true;

	(void)close(mkstemp(path));
	write_file(path, s, LEN);
	unit_ok(etcd_snapshot_has(path, text, &has));
	ck_assert(!has);
	for (size_t i = 0; i < COUNT(at); i++) {
		memset(s, '-', LEN);
		memcpy(s + at[i], text, sizeof(text) - 1);
		write_file(path, s, LEN);
		unit_ok(etcd_snapshot_has(path, text, &has));
		ck_assert_msg(has, "not found at %zu", at[i]);
		s[at[i] + 5] ^= 1;
		write_file(path, s, LEN);
		unit_ok(etcd_snapshot_has(path, text, &has));
		ck_assert(!has);
	}
	free(s);
	(void)unlink(path);
	unit_fails(etcd_snapshot_has(path, text, &has), ERR_USAGE, "No such file");
}
END_TEST

UNIT_MAIN("operations", waves_never_take_too_many, waves_stop, waves_limits, marks_of_a_declaration,
	  marks_of_people, fates_of_pods, versions, skews, findings_of_an_upgrade,
	  what_is_over_soon, findings_of_a_drain, findings_of_facts, health_of_a_well_cluster,
	  health_of_a_sick_one, health_of_a_new_one, snapshots_are_checked, snapshots_are_known)
