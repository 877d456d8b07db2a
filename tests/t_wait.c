/* Waiting, against a server that says what the test wants: reads, watches, their ends and faults, and what is told. */
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "faulty.h"
#include "kubernetes/waits.h"
#include "sandbox.h"
#include "unit.h"

/* Pauses take no time, but count. */
static atomic_llong skipped;

int64_t clock_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 + atomic_load(&skipped);
}

void clock_sleep_ms(int64_t ms)
{
	atomic_fetch_add(&skipped, ms > 0 ? ms : 0);
}

/* ---- the server ---- */

static struct faulty *server;
static struct cluster *cluster;
static char *texts[64]; /* of steps */
static size_t n_texts;

static void set_up(void)
{
	sandbox_enter();
}

static void stop(void)
{
	cluster_free(TAKE(cluster));
	if (server)
		faulty_stop(TAKE(server));
	while (n_texts)
		free(texts[--n_texts]);
}

static void tear_down(void)
{
	stop();
	sandbox_leave();
}

/* With ' for ", and one line end for each event. */
static const char *text(const char *s)
{
	char *t = xstrdup(s);

	ck_assert_uint_lt(n_texts, COUNT(texts));
	for (char *p = t; *p; p++)
		*p = *p == '\'' ? '"' : *p;
	texts[n_texts++] = t;
	return t;
}

static void serve(const struct faulty_step *steps, size_t n)
{
	AUTO_JSON o = json_object_new_object();

	server = faulty_start(&(struct faulty_options){ .steps = steps, .n = n });
	ck_assert_ptr_nonnull(server);
	AUTO_STR host = xasprintf("http://127.0.0.1:%d", faulty_port(server));
	json_sets(o, "host", host);
	unit_ok(cluster_new(o, &cluster));
}
#define SERVE(...)                                                   \
	do {                                                         \
		const struct faulty_step steps_[] = { __VA_ARGS__ }; \
		serve(steps_, COUNT(steps_));                        \
	} while (0)

#define JSON "Content-Type: application/json\r\n"
#define ANSWER(said)                                \
	{                                           \
		.headers = JSON, .body = text(said) \
	}
#define STATUS(which)                                               \
	{                                                           \
		.status = which, .headers = JSON,                   \
		.body = text("{'kind':'Status','code':" #which      \
			     ",'message':'no','reason':'Because'}") \
	}
#define LIST(version, items) \
	ANSWER("{'metadata':{'resourceVersion':'" version "'},'items':[" items "]}")
#define EVENT(type, object) "{'type':'" type "','object':" object "}\n"
#define MARK(version)       EVENT("BOOKMARK", "{'metadata':{'resourceVersion':'" version "'}}")
#define GONE                EVENT("ERROR", "{'kind':'Status','code':410,'message':'too old'}")

/* A pod of kind and name as events have it; lists leave kind and apiVersion out. */
#define POD(name, version, status)                                                       \
	"{'kind':'Pod','apiVersion':'v1','metadata':{'namespace':'a','name':'" name "'," \
	"'uid':'u-" name "','resourceVersion':'" version "'},'status':" status "}"
#define PENDING "{'phase':'Pending'}"
#define IS_READY                                                                    \
	"{'phase':'Running','conditions':[{'type':'PodScheduled','status':'True'}," \
	"{'type':'Ready','status':'True'}]}"
#define HAS_FAILED "{'phase':'Failed','reason':'Evicted','message':'no room'}"

static const struct kube_kind pods = {
	.group = "", .version = "v1", .kind = "Pod", .plural = "pods", .namespaced = true
};
static const struct ready_wish plain = { .timeout_ms = 60000 };
static const struct ready_wish gone = { .timeout_ms = 60000, .gone = true };

static struct err *wait_for(const struct kube_kind *k, const char *name, const char *known,
			    const struct ready_wish *wish)
{
	AUTO_JSON object = known ? unit_json(known) : NULL;
	AUTO_JSON last = NULL;

	return ready_wait(cluster, k, k->namespaced ? "a" : NULL, name, object, wish, &last);
}

static void asked(size_t i, const char *words)
{
	ck_assert_uint_lt(i, faulty_count(server));
	ck_assert_msg(strstr(faulty_seen(server, i)->target, words) != NULL, "%zu: %s lacks %s", i,
		      faulty_seen(server, i)->target, words);
}

static void asked_in_all(size_t n)
{
	ck_assert_uint_eq(faulty_count(server), n);
}

/* ---- reading and watching ---- */

START_TEST(known_to_be_ready)
{
	SERVE(STATUS(500));
	unit_ok(wait_for(&pods, "p", POD("p", "5", IS_READY), &plain));
	asked_in_all(0);
}
END_TEST

START_TEST(read_and_ready)
{
	SERVE(LIST("7", POD("p", "5", IS_READY)));
	unit_ok(wait_for(&pods, "p", NULL, &plain));
	asked(0, "/api/v1/namespaces/a/pods?limit=500&fieldSelector=metadata.name%3Dp");
	asked_in_all(1);
}
END_TEST

START_TEST(watched_from_what_is_known)
{
	SERVE(ANSWER(EVENT("MODIFIED", POD("p", "6", PENDING)) MARK("9")),
	      ANSWER(EVENT("MODIFIED", POD("p", "10", IS_READY))));
	unit_ok(wait_for(&pods, "p", POD("p", "5", PENDING), &plain));
	asked(0, "watch=true&allowWatchBookmarks=true&timeoutSeconds=60&resourceVersion=5");
	asked(0, "&fieldSelector=metadata.name%3Dp");
	asked(1, "&resourceVersion=9&");
	asked_in_all(2);
}
END_TEST

START_TEST(made_while_waited_for)
{
	SERVE(LIST("7", ""), ANSWER(EVENT("ADDED", POD("p", "8", PENDING))),
	      ANSWER(EVENT("MODIFIED", POD("p", "9", IS_READY))));
	unit_ok(wait_for(&pods, "p", NULL, &plain));
	asked(1, "resourceVersion=7");
	asked(2, "resourceVersion=8");
}
END_TEST

START_TEST(an_old_version_is_read_anew)
{
	SERVE(STATUS(410), LIST("20", POD("p", "19", PENDING)), ANSWER(MARK("21") GONE),
	      LIST("30", POD("p", "29", IS_READY)));
	unit_ok(wait_for(&pods, "p", POD("p", "5", PENDING), &plain));
	asked(1, "limit=500");
	asked(2, "resourceVersion=20");
	asked(3, "limit=500");
	asked_in_all(4);
}
END_TEST

START_TEST(faults_pass)
{
	SERVE({ .status = 429, .headers = "Retry-After: 1\r\n", .body = "Too many requests" },
	      STATUS(500), { FAULTY_CUT_CHUNK, .body = text(MARK("8") "{'type':'MODI") },
	      { FAULTY_RESET }, ANSWER(EVENT("ERROR", "{'kind':'Status','code':500}")),
	      ANSWER("rubbish\n"), ANSWER("{}\n"),
	      ANSWER(EVENT("MODIFIED", POD("p", "10", IS_READY))));
	unit_ok(wait_for(&pods, "p", POD("p", "5", PENDING), &plain));
	asked(1, "resourceVersion=5");
	asked(3, "resourceVersion=8");
}
END_TEST

START_TEST(rubbish_ends_it)
{
	SERVE(ANSWER("<html>\n"), ANSWER("<html>\n"), ANSWER("<html>\n"));
	unit_fails(wait_for(&pods, "p", POD("p", "5", PENDING), &plain), ERR_PROTOCOL,
		   "waiting for Pod a/p: watching pods: no JSON");
	asked_in_all(3);
}
END_TEST

START_TEST(where_we_may_only_get)
{
	SERVE(STATUS(403), ANSWER(POD("p", "5", PENDING)), STATUS(403),
	      ANSWER(POD("p", "6", PENDING)), ANSWER(POD("p", "7", IS_READY)));
	unit_ok(wait_for(&pods, "p", NULL, &plain));
	asked(1, "/api/v1/namespaces/a/pods/p");
	asked(2, "watch=true");
	asked(3, "/api/v1/namespaces/a/pods/p");
	asked(4, "/api/v1/namespaces/a/pods/p");
	asked_in_all(5);
}
END_TEST

START_TEST(where_we_may_nothing)
{
	SERVE(STATUS(403), STATUS(403));
	unit_fails(wait_for(&pods, "p", NULL, &plain), ERR_AUTH, "GET /api/v1/namespaces/a/pods");
}
END_TEST

/* ---- ends ---- */

START_TEST(over_at_its_deadline)
{
	const struct ready_wish wish = { .timeout_ms = 300 };
	const int64_t began = clock_ms();

	SERVE({ FAULTY_HANG }, LIST("1", ""));
	unit_fails(wait_for(&pods, "p", POD("p", "5", PENDING), &wish), ERR_TIMEOUT,
		   "Pod a/p is not ready after 0.3 s: it has no condition Ready yet");
	ck_assert_int_lt(clock_ms() - began, 30000);
}
END_TEST

START_TEST(nobody_answers)
{
	const struct ready_wish wish = { .timeout_ms = 20000 };
	const int port = faulty_free_port();
	AUTO_STR host = xasprintf("http://127.0.0.1:%d", port);
	AUTO_JSON o = json_object_new_object();
	const int64_t began = clock_ms();

	json_sets(o, "host", host);
	unit_ok(cluster_new(o, &cluster));
	unit_fails(wait_for(&pods, "p", POD("p", "5", PENDING), &wish), ERR_TIMEOUT,
		   "could not connect");
	ck_assert_int_lt(clock_ms() - began, 50000);
	ck_assert_int_ge(clock_ms() - began, 20000);
}
END_TEST

START_TEST(failed_at_once)
{
	SERVE(ANSWER(EVENT("MODIFIED", POD("p", "6", HAS_FAILED))), LIST("1", ""));
	unit_fails(wait_for(&pods, "p", POD("p", "5", PENDING), &plain), ERR_REMOTE,
		   "Pod a/p: the pod failed: Evicted: no room");
}
END_TEST

START_TEST(taken_away)
{
	SERVE(ANSWER(EVENT("DELETED", POD("p", "6", PENDING))));
	unit_fails(wait_for(&pods, "p", POD("p", "5", PENDING), &plain), ERR_REMOTE,
		   "Pod a/p: somebody deleted it in the meantime");
}
END_TEST

START_TEST(gone_at_last)
{
	SERVE(ANSWER(EVENT("MODIFIED", POD("p", "6", PENDING))
			     EVENT("DELETED", POD("p", "7", PENDING))));
	unit_ok(wait_for(&pods, "p", POD("p", "5", PENDING), &gone));
	stop();
	SERVE(LIST("7", ""));
	unit_ok(wait_for(&pods, "p", NULL, &gone));
}
END_TEST

/* As a StatefulSet does it. */
START_TEST(gone_though_another_has_its_name)
{
	SERVE(STATUS(410),
	      LIST("9", "{'metadata':{'name':'p','uid':'other','resourceVersion':'8'}}"));
	unit_ok(wait_for(&pods, "p", POD("p", "5", PENDING), &gone));
}
END_TEST

START_TEST(wrong_wishes)
{
	AUTO_JSON fields = unit_json("{'.a[': 'x'}");
	const struct ready_wish wish = { .timeout_ms = 1000, .fields = fields };

	SERVE(STATUS(500));
	unit_fails(wait_for(&pods, "p", NULL, &wish), ERR_USAGE,
		   "what to wait for: JSONPath '.a['");
	asked_in_all(0);
}
END_TEST

/* ---- many ---- */

START_TEST(many_with_one_watch)
{
	struct ready_item items[] = {
		{ .kind = &pods, .ns = "a", .name = "q", .wish = &plain },
		{ .kind = &pods, .ns = "a", .name = "p", .wish = &plain },
		{ .kind = &pods, .ns = "a", .name = "r", .wish = &plain },
		{ .kind = &pods, .ns = "a", .name = "p", .wish = &gone },
	};

	SERVE(ANSWER("{'metadata':{'resourceVersion':'7','continue':'t/1'},'items':[" POD(
		      "other", "1", IS_READY) "," POD("p", "2", IS_READY) "]}"),
	      LIST("7", POD("q", "3", PENDING)),
	      ANSWER(EVENT("MODIFIED", POD("other", "8", HAS_FAILED))
			     EVENT("MODIFIED", POD("q", "9", IS_READY))
				     EVENT("ADDED", POD("r", "10", HAS_FAILED))
					     EVENT("DELETED", POD("p", "11", IS_READY))),
	      LIST("1", ""));
	ready_wait_many(cluster, items, COUNT(items));
	unit_ok(items[0].e);
	unit_ok(items[1].e);
	unit_fails(items[2].e, ERR_REMOTE, "Pod a/r: the pod failed");
	unit_ok(items[3].e);
	ck_assert_str_eq(json_str(items[0].last, "metadata.resourceVersion"), "9");
	ck_assert_ptr_null(items[3].last);
	asked(1, "continue=t%2F1");
	asked(2, "/pods?watch=true");
	ck_assert_ptr_null(strstr(faulty_seen(server, 2)->target, "fieldSelector"));
	for (size_t i = 0; i < COUNT(items); i++)
		json_object_put(items[i].last);
}
END_TEST

START_TEST(many_with_deadlines_of_their_own)
{
	const struct ready_wish soon = { .timeout_ms = 200 }, late = { .timeout_ms = 800 };
	struct ready_item items[] = {
		{ .kind = &pods, .ns = "a", .name = "p", .wish = &soon },
		{ .kind = &pods, .ns = "a", .name = "q", .wish = &late },
	};

	SERVE(LIST("7", ""), { FAULTY_HANG }, { FAULTY_HANG });
	ready_wait_many(cluster, items, COUNT(items));
	unit_fails(items[0].e, ERR_TIMEOUT, "not ready after 0.2 s: it is not there");
	unit_fails(items[1].e, ERR_TIMEOUT, "not ready after 0.8 s: it is not there");
	ck_assert_int_ge(items[0].duration_ms, 200);
	ck_assert_int_lt(items[0].duration_ms, items[1].duration_ms);
	ck_assert_int_ge(items[1].duration_ms, 800);
}
END_TEST

START_TEST(many_in_several_places)
{
	AUTO_JSON fields = unit_json("{'status.n': 3}");
	const struct ready_wish wish = { .timeout_ms = 60000, .fields = fields };
	struct ready_item items[8] = { 0 };
	struct faulty_step steps[COUNT(items)] = { 0 };
	char *spaces[COUNT(items)];

	for (size_t i = 0; i < COUNT(items); i++) {
		spaces[i] = xasprintf("n%zu", i);
		AUTO_STR target = xasprintf("/api/v1/namespaces/%s/pods?limit=500&fieldSelector="
					    "metadata.name%%3Dp",
					    spaces[i]);
		steps[i] = (struct faulty_step)LIST("7", POD("p", "5", "{'n':3}"));
		steps[i].target = text(target);
		items[i] = (struct ready_item){
			.kind = &pods, .ns = spaces[i], .name = "p", .wish = &wish
		};
	}
	serve(steps, COUNT(steps));
	ready_wait_many(cluster, items, COUNT(items));
	for (size_t i = 0; i < COUNT(items); i++) {
		unit_ok(items[i].e);
		json_object_put(items[i].last);
		free(spaces[i]);
	}
	asked_in_all(COUNT(items));
}
END_TEST

/* ---- what is special about kinds ---- */

#define DEPLOYMENT(version, condition)                                                                      \
	"{'kind':'Deployment','apiVersion':'apps/v1','metadata':{'namespace':'a','name':'d',"               \
	"'uid':'u-d','generation':1,'resourceVersion':'" version "'},'spec':{'replicas':1,"                 \
	"'selector':{'matchLabels':{'app':'d'}}},'status':{'observedGeneration':1,'conditions':[" condition \
	"]}}"
#define REFUSED                                                             \
	"{'type':'ReplicaFailure','status':'True','reason':'FailedCreate'," \
	"'message':'pods is forbidden: exceeded quota: q'}"

static const struct kube_kind deployments = { .group = "apps",
					      .version = "v1",
					      .kind = "Deployment",
					      .plural = "deployments",
					      .namespaced = true };

START_TEST(a_refusal_that_stays)
{
	const int64_t began = clock_ms();

	SERVE(ANSWER(EVENT("MODIFIED", DEPLOYMENT("6", REFUSED))), { FAULTY_HANG }, LIST("1", ""),
	      LIST("1", ""), LIST("1", ""));
	unit_fails(wait_for(&deployments, "d", DEPLOYMENT("5", ""), &plain), ERR_REMOTE,
		   "Deployment a/d: ReplicaFailure is True: FailedCreate: pods is forbidden: "
		   "exceeded quota: q");
	ck_assert_int_ge(clock_ms() - began, HEALING_MS);
	ck_assert_int_lt(clock_ms() - began, HEALING_MS + 30000);
	asked(1, "resourceVersion=6");
}
END_TEST

START_TEST(a_refusal_that_heals)
{
	SERVE(ANSWER(EVENT("MODIFIED", DEPLOYMENT("6", REFUSED))),
	      ANSWER(EVENT("MODIFIED", DEPLOYMENT("7", ""))),
	      ANSWER(EVENT("MODIFIED",
			   "{'kind':'Deployment','apiVersion':'apps/v1','metadata':{'name':'d',"
			   "'uid':'u-d','resourceVersion':'8'},'spec':{'replicas':1},'status':{"
			   "'replicas':1,'updatedReplicas':1,'availableReplicas':1}}")));
	unit_ok(wait_for(&deployments, "d", DEPLOYMENT("5", ""), &plain));
}
END_TEST

START_TEST(a_claim_that_binds_late)
{
	static const struct kube_kind claims = { .group = "",
						 .version = "v1",
						 .kind = "PersistentVolumeClaim",
						 .plural = "persistentvolumeclaims",
						 .namespaced = true };

	SERVE(LIST("3", "{'metadata':{'name':'slow'},'volumeBindingMode':'WaitForFirstConsumer'}"));
	unit_ok(wait_for(&claims, "c",
			 "{'kind':'PersistentVolumeClaim','apiVersion':'v1','metadata':{'name':'c',"
			 "'resourceVersion':'5'},'spec':{'storageClassName':'slow'},"
			 "'status':{'phase':'Pending'}}",
			 &plain));
	asked(0, "/apis/storage.k8s.io/v1/storageclasses");
	asked_in_all(1);
}
END_TEST

/* ---- what blocks ---- */

static char *blocked_by(const struct kube_kind *k, const char *object)
{
	AUTO_JSON o = unit_json(object);

	return ready_blocked_by(cluster, k, o);
}

static void told(const struct kube_kind *k, const char *object, const char *words)
{
	AUTO_STR is = blocked_by(k, object);
	AUTO_STR want = xstrdup(words);

	ck_assert_msg(is && strstr(is, want), "'%s' lacks '%s'", is ? is : "", want);
	stop();
}

START_TEST(blocked_by_a_crash)
{
	SERVE({ .body = "one\ntwo\n" },
	      LIST("1", "{'reason':'BackOff','message':'Back-off restarting','lastTimestamp':"
			"'2026-01-01T00:00:02Z'},{'reason':'Old','message':'older','lastTimestamp':"
			"'2026-01-01T00:00:01Z'},{'reason':'BackOff','message':'oldest'}"));
	told(&pods,
	     POD("p", "5",
		 "{'containerStatuses':[{'name':'c','restartCount':3,'ready':false,'lastState':{"
		 "'terminated':{'exitCode':2,'reason':'Error'}},'state':{'waiting':{'reason':"
		 "'CrashLoopBackOff'}}}]}"),
	     "its container 'c' crashes (exit code 2, Error, 3 restarts); its last words: 'one two'; "
	     "event BackOff: Back-off restarting; event Old: older");
}
END_TEST

START_TEST(blocked_by_an_image)
{
	SERVE(STATUS(403));
	told(&pods,
	     POD("p", "5",
		 "{'initContainerStatuses':[{'name':'i','state':{'waiting':{'reason':"
		 "'ErrImagePull','message':'not found.'}}}]}"),
	     "its container 'i' waits: ErrImagePull: not found");
}
END_TEST

START_TEST(blocked_by_its_readiness)
{
	SERVE(LIST("1", "{'reason':'Unhealthy','message':'Readiness probe failed: 500'}"));
	told(&pods,
	     POD("p", "5",
		 "{'containerStatuses':[{'name':'c','ready':false,'state':{'running':{}}}]}"),
	     "its container 'c' runs, but is not ready; event Unhealthy: Readiness probe failed: 500");
}
END_TEST

START_TEST(blocked_by_a_dead_api)
{
	static const struct kube_kind namespaces = {
		.group = "", .version = "v1", .kind = "Namespace", .plural = "namespaces"
	};

	SERVE(LIST("1",
		   "{'metadata':{'name':'v1.ok'},'status':{'conditions':[{'type':'Available',"
		   "'status':'True'}]}},{'metadata':{'name':'v1.dead'},'status':{'conditions':["
		   "{'type':'Available','status':'False','reason':'ServiceNotFound',"
		   "'message':'no service'}]}}"));
	told(&namespaces,
	     "{'kind':'Namespace','apiVersion':'v1','metadata':{'name':'n','deletionTimestamp':'t'},"
	     "'status':{'conditions':[{'type':'NamespaceDeletionDiscoveryFailure','status':'True',"
	     "'message':'Discovery failed'}]}}",
	     "Discovery failed; APIService v1.dead is down (ServiceNotFound: no service)");
}
END_TEST

START_TEST(blocked_by_finalizers)
{
	SERVE(STATUS(500));
	told(&deployments,
	     "{'metadata':{'namespace':'a','name':'d','deletionTimestamp':'t','finalizers':["
	     "'x.test/keep','foregroundDeletion'],'managedFields':[{'manager':'keeper','fieldsV1':{"
	     "'f:metadata':{'f:finalizers':{'v:\\'x.test/keep\\'':{}}}}}]},'spec':{}}",
	     "it has finalizer 'x.test/keep', set by 'keeper': whoever works for it has to take it "
	     "away; it has finalizer 'foregroundDeletion': what belongs to it has to go first");
}
END_TEST

START_TEST(blocked_by_users)
{
	static const struct kube_kind claims = { .group = "",
						 .version = "v1",
						 .kind = "PersistentVolumeClaim",
						 .plural = "persistentvolumeclaims",
						 .namespaced = true };

	SERVE(LIST("1", "{'metadata':{'name':'no'},'spec':{}},{'metadata':{'name':'web'},'spec':{"
			"'volumes':[{'persistentVolumeClaim':{'claimName':'c'}}]}}"));
	told(&claims,
	     "{'metadata':{'namespace':'a','name':'c','deletionTimestamp':'t','finalizers':["
	     "'kubernetes.io/pvc-protection']},'status':{'phase':'Bound'}}",
	     "a pod still uses it; pod web uses it");
}
END_TEST

START_TEST(blocked_by_pods)
{
	SERVE(LIST("1",
		   "{'metadata':{'namespace':'a','name':'old','annotations':{"
		   "'deployment.kubernetes.io/revision':'1'},'uid':'u1','ownerReferences':[{'uid':"
		   "'u-d'}]}},{'metadata':{'namespace':'a','name':'new','annotations':{"
		   "'deployment.kubernetes.io/revision':'12'},'uid':'u2','ownerReferences':["
		   "{'uid':'u-d'}]}}"),
	      LIST("1",
		   "{'metadata':{'namespace':'a','name':'d-1','ownerReferences':[{'uid':'u1'}]}},"
		   "{'metadata':{'namespace':'a','name':'d-2','ownerReferences':[{'uid':'u2'}]},"
		   "'status':{'conditions':[{'type':'PodScheduled','status':'False','reason':"
		   "'Unschedulable','message':'0/3 nodes.'}]}},{'metadata':{'namespace':'a','name':"
		   "'d-3','ownerReferences':[{'uid':'u2'}]},'status':{'conditions':[{'type':"
		   "'PodScheduled','status':'False','reason':'Unschedulable','message':'0/3 nodes.'}"
		   "]}}"),
	      LIST("1", ""));
	AUTO_JSON o = unit_json(DEPLOYMENT("5", ""));
	AUTO_STR is = ready_blocked_by(cluster, &deployments, o);
	ck_assert_str_eq(is, "pod d-2: it cannot be scheduled: Unschedulable: 0/3 nodes");
	asked(0, "/apis/apps/v1/namespaces/a/replicasets?limit=200&labelSelector=app%3Dd");
	asked(1, "/api/v1/namespaces/a/pods?limit=200&labelSelector=app%3Dd");
	asked(2, "/events?limit=200&fieldSelector=involvedObject.uid%3Du2%2Ctype%3DWarning");
}
END_TEST

/* A server that is busy or away costs the end of a wait little. */
START_TEST(blocked_by_who_knows)
{
	const int64_t began = clock_ms();

	SERVE({ FAULTY_HANG }, { FAULTY_HANG }, { FAULTY_HANG });
	AUTO_STR is = blocked_by(&deployments, DEPLOYMENT("5", ""));
	ck_assert_ptr_null(is);
	ck_assert_int_lt(clock_ms() - began, 30000);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		known_to_be_ready,
		read_and_ready,
		watched_from_what_is_known,
		made_while_waited_for,
		an_old_version_is_read_anew,
		faults_pass,
		rubbish_ends_it,
		where_we_may_only_get,
		where_we_may_nothing,
		over_at_its_deadline,
		nobody_answers,
		failed_at_once,
		taken_away,
		gone_at_last,
		gone_though_another_has_its_name,
		wrong_wishes,
		many_with_one_watch,
		many_with_deadlines_of_their_own,
		many_in_several_places,
		a_refusal_that_stays,
		a_refusal_that_heals,
		a_claim_that_binds_late,
		blocked_by_a_crash,
		blocked_by_an_image,
		blocked_by_its_readiness,
		blocked_by_a_dead_api,
		blocked_by_finalizers,
		blocked_by_users,
		blocked_by_pods,
		blocked_by_who_knows,
	};
	Suite *s = suite_create("wait");
	SRunner *r = srunner_create(s);
	TCase *t = tcase_create("wait");
	int failed;

	tcase_set_timeout(t, 300); /* against hanging, not about speed */
	tcase_add_checked_fixture(t, set_up, tear_down);
	for (size_t i = 0; i < COUNT(tests); i++)
		tcase_add_test(t, tests[i]);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
