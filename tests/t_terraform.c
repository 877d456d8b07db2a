/*
 * The provider as Terraform uses it, over a cloud in this process: every resource made, changed,
 * replaced, imported and destroyed, then with each of its calls to the service failing in turn. The sequences
 * are tests/data/terraform/TYPE.json:
 *
 *   {"before": [tasks, as of t_torture.c], "roots": [roots, as of little_terraform.h],
 *    "import": {address: {"ignore": [attributes]}},
 *    "killed creation asks": words of the error if it is for people to say what to do then}
 *
 * A sequence ends with an empty root.
 */
#include <glob.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "adapter/journal.h"
#include "adapter/kind.h"
#include "adapter/refresh.h"
#include "adapter/rpc.h"
#include "adapter/targets.h"
#include "adapter/validate.h"
#include "clock.h"
#include "essence.h"
#include "little_terraform.h"
#include "module.h"
#include "pool.h"
#include "protocol/message.h"
#include "protocol/value.h"
#include "task.h"
#include "unit.h"

/* ---- the provider: all there is, on one cloud ---- */

static struct cloud *now;
static bool unknown; /* the provider block is not known yet */

static const struct tf_attr no_config[] = { { 0 } };

const struct provider provider = {
	.name = "openstack",
	.doc = "The tests' cloud.",
	.objects = resources,
	.config = no_config,
	.targets = true,
};

struct err *targets_configure(struct json_object *config)
{
	(void)config;
	return NULL;
}

void targets_renew(void)
{
}

char *targets_mask(char *text)
{
	return text;
}

struct err *target_get(const char *cloud, const char *region, struct api **ret,
		       const char **ret_region)
{
	(void)cloud;
	if (unknown)
		return err_new(ERR_USAGE, "the provider block is not known yet");
	*ret = cloud_api(now);
	*ret_region = region ? region : "RegionOne";
	return NULL;
}

/* ---- a clock that waits for nobody ---- */

static atomic_bool sleeps;
static atomic_int_fast64_t slept_ms;

int64_t clock_ms(void)
{
	const struct timespec t = clock_in_ms(0);

	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000 + atomic_load(&slept_ms);
}

void clock_sleep_ms(int64_t ms)
{
	const struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	if (atomic_load(&sleeps))
		(void)nanosleep(&t, NULL);
	else
		(void)atomic_fetch_add(&slept_ms, ms);
}

/* ---- what is said when something is wrong ---- */

static const char *file = "";
static size_t step;
static const char *failed_call = "none";
static enum cloud_failure how_failed;

static void broken(const char *address, const char *what, struct json_object *value)
{
	AUTO_STR log = cloud_log(now);

	(void)printf("%.20000s\n%.5000s\n", log,
		     json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN));
	ck_abort_msg("%s, root %zu, failing call %s (%d): %s: %s", file, step, failed_call,
		     (int)how_failed, address ? address : "", what);
}

static void wrong(bool is, const char *what, const struct little_terraform *t)
{
	if (!is)
		return;
	(void)printf("actions: %s\nstate: %s\n", json_object_to_json_string(t->actions),
		     json_object_to_json_string(t->state));
	broken(NULL, what, t->error ? json_object_new_string(t->error) : NULL);
}

/* ---- the provider's processes ---- */

static char home[] = "/tmp/t_terraform.XXXXXX";
static bool revived;

static bool is_dead(void)
{
	return how_failed == CLOUD_DEAD && cloud_failed(now) && !revived;
}

static void process_ended(bool asked)
{
	journal_end(asked);
	refresh_end();
}

/* The number of journals that were left behind; removes them. */
static size_t journals(void)
{
	AUTO_STR pattern = xasprintf("%s/treenail/*", home);
	glob_t found;
	size_t n = 0;

	if (glob(pattern, 0, NULL, &found) == 0) {
		n = found.gl_pathc;
		for (size_t i = 0; i < n; i++)
			(void)unlink(found.gl_pathv[i]);
		globfree(&found);
	}
	return n;
}

static void fresh_cloud(const struct cloud_kind *kinds)
{
	process_ended(false);
	(void)journals();
	if (now)
		cloud_free(now);
	now = cloud_new(kinds, openstack_seed);
	how_failed = CLOUD_REFUSED;
	failed_call = "none";
	revived = false;
}

static struct err *connect_cloud(struct json_object *options, struct connection *ret)
{
	(void)options;
	*ret = (struct connection){ .api = cloud_api(now) };
	return NULL;
}

static struct json_object *run_task(struct json_object *given)
{
	struct system with = openstack_system;

	with.connect = connect_cloud;
	return task_run(&with, given, "module", NULL);
}

static struct little_terraform fresh(struct json_object *plan)
{
	struct json_object *before = json_at(plan, "before");
	struct little_terraform t = { .wrong = broken, .dead = is_dead, .ended = process_ended };

	fresh_cloud(openstack_kinds);
	for (step = 0; step < json_len(before); step++) {
		struct json_object *task = json_nth(before, step);
		AUTO_JSON given = json_copy(json_at(task, "args"));
		AUTO_JSON result = NULL;

		json_sets(given, "_ansible_module_name", json_str(task, "module"));
		result = run_task(given);
		if (json_truth(result, "failed", false))
			broken(NULL, "preparing", result);
	}
	cloud_log_clear(now);
	return t;
}

/* ---- one sequence ---- */

static bool acts(const struct little_terraform *t)
{
	return json_object_object_length(t->actions) > 0;
}

static void expect_no_change(struct little_terraform *t, struct json_object *root, const char *when)
{
	const int writes = cloud_writes(now);
	AUTO_STR error = xasprintf("%s: failed", when);
	AUTO_STR change = xasprintf("%s: something is to change", when);

	terraform_apply(t, root);
	wrong(t->error, error, t);
	wrong(acts(t), change, t);
	wrong(cloud_writes(now) != writes, "written, though nothing changed", t);
}

/* Without faults. *calls: of all applies, without what is looked at in between. */
static struct json_object *plainly(struct json_object *plan, int *calls)
{
	struct json_object *roots = json_at(plan, "roots"), *goals = json_object_new_array();
	struct little_terraform t = fresh(plan);

	*calls = 0;
	for (step = 0; step < json_len(roots); step++) {
		struct json_object *root = json_nth(roots, step);

		cloud_log_clear(now);
		terraform_apply(&t, root);
		wrong(t.error, "failed", &t);
		wrong(!acts(&t), "a root that changes nothing", &t);
		*calls += cloud_calls(now);
		expect_no_change(&t, root, "once more");
		terraform_import(&t, root, json_at(plan, "import"));
		json_object_array_add(goals, essence(now));
	}
	wrong(json_object_object_length(t.state) > 0, "something is left in the state", &t);
	wrong(journals() > 0, "a journal is left", &t);
	terraform_release(&t);
	return goals;
}

static void compare(struct json_object *goal, const struct little_terraform *t)
{
	AUTO_JSON end = essence(now);

	if (json_object_equal(end, goal))
		return;
	print_missing("lacks", goal, end);
	print_missing("has", end, goal);
	wrong(true, "not what there was without the failure", t);
}

enum loss { NOTHING, ALL }; /* of the state that Terraform had not written down yet */

/* After a failure: it is told, and twice more at most gets there. False: the kind rather asks people. */
static bool recover(struct little_terraform *t, struct json_object *root,
		    struct json_object *before, enum loss loss, const char *asks)
{
	wrong(!cloud_failed(now), "failed without a cause", t);
	failed_call = cloud_failed(now);
	if (!is_dead()) {
		wrong(!strstr(t->error, failed_call), "the error does not name the call", t);
	} else {
		revived = true;
		cloud_revive(now);
		if (loss == ALL) {
			json_object_put(t->state);
			t->state = json_copy(before);
		}
	}
	terraform_apply(t, root);
	/* What was found may be of no use, and is tainted then. */
	if (t->error)
		terraform_apply(t, root);
	if (t->error && revived && asks && strstr(t->error, asks))
		return false;
	wrong(t->error, "failed twice more", t);
	return true;
}

static void with_failure(struct json_object *plan, int call, enum cloud_failure how, enum loss loss,
			 struct json_object *goals)
{
	struct json_object *roots = json_at(plan, "roots");
	struct little_terraform t = fresh(plan);
	AUTO_STR left = NULL;
	bool hit = false;

	failed_call = "to come";
	how_failed = how;
	cloud_fail_at(now, call, how);
	for (step = 0; step < json_len(roots); step++) {
		struct json_object *root = json_nth(roots, step);
		AUTO_JSON before = json_copy(t.state);

		terraform_apply(&t, root);
		if (t.error &&
		    !recover(&t, root, before, loss, json_str(plan, "killed creation asks"))) {
			terraform_release(&t);
			return;
		}
		if (cloud_failed(now) && !hit) {
			failed_call = cloud_failed(now);
			expect_no_change(&t, root, "the third run");
			compare(json_nth(goals, step), &t);
			hit = true;
		}
	}
	wrong(!hit, "the call never came", &t);
	wrong(json_object_object_length(t.state) > 0, "something is left in the state", &t);
	/* What was made anew under an ID that the state had already is not known to be found. */
	wrong(journals() > 0 && loss == NOTHING, "a journal is left", &t);
	left = cloud_unsettled(now);
	wrong(left, left, &t);
	compare(json_nth(goals, json_len(goals) - 1), &t);
	terraform_release(&t);
}

/* Answers of no sense may end in any error, or in none, but keep to Terraform's rules. */
static void with_nonsense(struct json_object *plan, int call, int how)
{
	struct json_object *roots = json_at(plan, "roots");
	struct little_terraform t = fresh(plan);

	failed_call = "none, but nonsense";
	cloud_mangle_at(now, call, how);
	for (step = 0; step < json_len(roots) && cloud_calls(now) < call; step++)
		terraform_apply(&t, json_nth(roots, step));
	terraform_release(&t);
}

static glob_t files;

START_TEST(sequence)
{
	AUTO_JSON plan = NULL;
	AUTO_JSON goals = NULL;
	int calls, runs = 1;

	file = files.gl_pathv[_i];
	plan = read_json(file);
	goals = plainly(plan, &calls);
	for (int call = 1; call <= calls; call++) {
		with_failure(plan, call, CLOUD_LOST, NOTHING, goals);
		with_failure(plan, call, CLOUD_DEAD, NOTHING, goals);
		with_failure(plan, call, CLOUD_DEAD, ALL, goals);
		if (call % 3 == 0)
			with_failure(plan, call, call % 2 ? CLOUD_REFUSED : CLOUD_UNREACHABLE,
				     NOTHING, goals);
		with_nonsense(plan, call, call % CLOUD_NONSENSE);
		runs += 4 + (call % 3 == 0);
	}
	(void)printf("%-60s %3zu roots %4d calls %4d runs\n", file,
		     json_len(json_at(plan, "roots")), calls, runs);
}
END_TEST

START_TEST(none_is_left_out)
{
	AUTO_BUF missing = BUF_INIT;
	size_t n;
	const struct kind *const *all = kinds(&n);

	for (size_t i = 0; i < n; i++) {
		AUTO_STR name = xasprintf("tests/data/terraform/%s.json", all[i]->k->name);

		if (all[i]->k->what == TF_RESOURCE && access(name, R_OK) < 0)
			buf_addf(&missing, " %s", all[i]->k->name);
	}
	ck_assert_msg(!missing.len, "no sequence has%s", missing.s);
}
END_TEST

/* ---- many at once ---- */

enum { MANY = 100, THREADS = 10, CROWD = 1000 };

static struct little_terraform some[MANY];

static struct json_object *network_root(size_t first, size_t n)
{
	struct json_object *root = json_object_new_object();

	for (size_t i = first; i < first + n; i++) {
		AUTO_STR name = xasprintf("n%zu", i);
		struct json_object *block = json_object_new_object();
		struct json_object *config = json_object_new_object();

		json_sets(config, "name", name);
		json_sets(block, "type", "openstack_networking_network_v2");
		json_set(block, "config", config);
		json_set(root, name, block);
	}
	return root;
}

static size_t count_lines(const char *begin)
{
	AUTO_STR log = cloud_log(now);
	size_t n = 0;

	for (const char *s = log; *s; s += strcspn(s, "\n"), s += *s == '\n')
		n += strncmp(s, begin, strlen(begin)) == 0;
	return n;
}

static void apply_one(void *arg, size_t i)
{
	AUTO_JSON root = network_root(i, 1);

	(void)arg;
	terraform_apply(&some[i], root);
}

static void fresh_some(void)
{
	for (size_t i = 0; i < MANY; i++)
		some[i] = (struct little_terraform){ .wrong = broken };
}

static void release_some(void)
{
	for (size_t i = 0; i < MANY; i++)
		terraform_release(&some[i]);
	process_ended(true);
}

static struct err *not_number_7(struct cloud *c, struct json_object *object)
{
	(void)c;
	return json_is_str(json_at(object, "name"), "n7") ? cloud_fault(409, "Quota exceeded.")
							  : NULL;
}

START_TEST(creations_become_one_request)
{
	struct cloud_kind table[64];
	size_t n = 0;

	do {
		table[n] = openstack_kinds[n];
		if (table[n].path && strcmp(table[n].path, "/v2.0/networks") == 0)
			table[n].born = not_number_7;
		ck_assert_uint_lt(n, COUNT(table) - 1);
	} while (openstack_kinds[n++].path);
	fresh_cloud(table);
	fresh_some();
	const size_t before = cloud_count(now, "/v2.0/networks");
	atomic_store(&sleeps, true);
	pool_run(MANY, THREADS, apply_one, NULL);
	atomic_store(&sleeps, false);
	for (size_t i = 0; i < MANY; i++) {
		AUTO_STR name = xasprintf("n%zu", i);
		struct json_object *made = json_at(json_at(some[i].state, name), "values");

		if (i == 7) {
			ck_assert_ptr_nonnull(strstr(some[i].error, "Quota exceeded."));
			ck_assert_ptr_null(made);
			continue;
		}
		ck_assert_msg(!some[i].error, "%s", some[i].error);
		ck_assert_str_eq(json_str(made, "name"), name);
		AUTO_STR path = xasprintf("/v2.0/networks/%s", json_str(made, "id"));
		AUTO_JSON answer = NULL;
		unit_ok(cloud_api(now)->call(
			cloud_api(now),
			&(struct request){ .method = "GET", .service = "network", .path = path },
			&answer));
		ck_assert_str_eq(json_str(answer, "network.name"), name);
	}
	ck_assert_uint_eq(cloud_count(now, "/v2.0/networks"), before + MANY - 1);
	ck_assert_uint_lt(count_lines("POST "), MANY / 2);
	release_some();
	ck_assert_uint_eq(journals(), 0);
	cloud_free(TAKE(now));
}
END_TEST

static void delete_behind(const char *id)
{
	AUTO_STR path = xasprintf("/v2.0/networks/%s", id);

	unit_ok(cloud_api(now)->call(
		cloud_api(now),
		&(struct request){ .method = "DELETE", .service = "network", .path = path }, NULL));
}

START_TEST(a_list_refreshes_all)
{
	AUTO_JSON root = network_root(0, CROWD);
	AUTO_JSON nothing = json_object_new_object();
	struct little_terraform t = { .wrong = broken, .ended = process_ended };

	fresh_cloud(openstack_kinds);
	terraform_apply(&t, root);
	wrong(t.error, "failed", &t);
	cloud_page_size(now, 100);
	cloud_log_clear(now);
	expect_no_change(&t, root, "once more");
	ck_assert_int_le(cloud_calls(now), 20);

	AUTO_STR gone = xstrdup(json_str(json_at(json_at(t.state, "n500"), "values"), "id"));
	AUTO_STR confirmed = xasprintf("GET network /v2.0/networks/%s ", gone);
	delete_behind(gone);
	cloud_log_clear(now);
	terraform_apply(&t, root);
	wrong(t.error, "failed", &t);
	ck_assert_int_eq(json_object_object_length(t.actions), 1);
	ck_assert_str_eq(json_str(t.actions, "n500"), "create");
	ck_assert_uint_eq(count_lines(confirmed), 1);
	ck_assert_int_le(cloud_calls(now), 22);
	terraform_apply(&t, nothing);
	wrong(t.error, "failed", &t);
	ck_assert_uint_eq(cloud_count(now, "/v2.0/networks"), 1);
	terraform_release(&t);
}
END_TEST

/* One LIST for however many wait for it. */
START_TEST(threads_share_a_list)
{
	fresh_cloud(openstack_kinds);
	fresh_some();
	pool_run(MANY, THREADS, apply_one, NULL);
	process_ended(true);
	cloud_log_clear(now);
	pool_run(MANY, THREADS, apply_one, NULL);
	for (size_t i = 0; i < MANY; i++) {
		ck_assert_msg(!some[i].error, "%s", some[i].error);
		ck_assert(!acts(&some[i]));
	}
	ck_assert_uint_eq(count_lines("GET network /v2.0/networks?"), 1);
	ck_assert_int_eq(cloud_calls(now), 2);
	release_some();
}
END_TEST

static struct json_object *family;

static void apply_family(void *arg, size_t i)
{
	AUTO_JSON nothing = json_object_new_object();
	struct json_object *roots = json_nth(family, i);

	(void)arg;
	for (size_t k = 0; k < json_len(roots) && !some[i].error; k++)
		terraform_apply(&some[i], json_nth(roots, k));
	if (!some[i].error)
		terraform_apply(&some[i], nothing);
}

/* All that the first sequences do, side by side. */
START_TEST(threads)
{
	AUTO_JSON plan = read_json("tests/data/terraform/networking_network_v2.json");
	const size_t width = THREADS;

	fresh_cloud(openstack_kinds);
	fresh_some();
	family = json_object_new_array();
	for (size_t i = 0; i < width; i++) {
		/* json-c's objects belong to one thread each. */
		json_object_array_add(family, json_copy(json_at(plan, "roots")));
	}
	const size_t before = cloud_count(now, "/v2.0/networks");
	pool_run(width, THREADS, apply_family, NULL);
	for (size_t i = 0; i < width; i++)
		ck_assert_msg(!some[i].error, "%s", some[i].error);
	ck_assert_uint_eq(cloud_count(now, "/v2.0/networks"), before);
	release_some();
	json_object_put(family);
}
END_TEST

/* ---- what is not known yet ---- */

START_TEST(planning_needs_no_cloud)
{
	AUTO_JSON root = network_root(0, 1);
	struct little_terraform t = { .wrong = broken, .ended = process_ended };

	fresh_cloud(openstack_kinds);
	unknown = true;
	terraform_apply(&t, root);
	unknown = false;
	ck_assert_str_eq(json_str(t.actions, "n0"), "create");
	ck_assert_ptr_nonnull(strstr(t.error, "the provider block is not known yet"));
	ck_assert_int_eq(cloud_calls(now), 0);
	ck_assert_int_eq(json_object_object_length(t.state), 0);
	terraform_apply(&t, root);
	wrong(t.error, "failed", &t);
	ck_assert_int_eq(json_object_object_length(t.state), 1);
	terraform_release(&t);
}
END_TEST

static const struct tf_attr block_rows[] = {
	{ "host" }, { "token", TF_SENSITIVE }, { "clusters", TF_SENSITIVE }, { 0 }
};

/* Blocks whose journals are the same ones. */
static bool same_block(const char *program, const char *x, const char *other, const char *y)
{
	AUTO_JSON a = unit_json(x);
	AUTO_JSON b = unit_json(y);
	AUTO_STR one = provider_block_digest(program, block_rows, a);
	AUTO_STR two = provider_block_digest(other, block_rows, b);

	return strcmp(one, two) == 0;
}

START_TEST(blocks_have_journals)
{
	static const char east[] = "{'host':'a','token':null,'clusters':{'east':{'token':'x'}}}";
	static const char renewed[] = "{'host':'a','token':'y','clusters':{'east':{'token':'z'}}}";
	static const char west[] = "{'host':'a','token':null,'clusters':{'west':{'token':'x'}}}";
	static const char host[] = "{'host':'b','token':null,'clusters':{'east':{'token':'x'}}}";

	ck_assert(same_block("kubernetes", east, "kubernetes", renewed));
	ck_assert(!same_block("kubernetes", east, "kubernetes", west));
	ck_assert(!same_block("kubernetes", east, "kubernetes", host));
	ck_assert(!same_block("kubernetes", east, "kubectl", east));
}
END_TEST

/* What has to be given with something, while it is not known whether that is there. */
START_TEST(what_is_unknown_needs_nothing)
{
	static const struct {
		const char *config;
		bool wrong;
	} all[] = {
		{ "{'sort_direction':'asc'}", true },
		{ "{'sort_direction':'asc','sort_key':'name'}", false },
		{ "{}", false },
		{ NULL, false },
	};
	const struct kind *k = kind_named("openstack_networking_port_ids_v2", TF_DATA);

	for (size_t i = 0; i < COUNT(all); i++) {
		AUTO_JSON config = unit_json(all[i].config ? all[i].config : "{}");
		struct arena mem = { 0 };
		struct diags d = { .mem = &mem };

		if (!all[i].config)
			json_set(config, "sort_direction", value_unknown());
		validate(k, config, &d);
		ck_assert_msg(diags_failed(&d) == all[i].wrong, "%zu", i);
		arena_release(&mem);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("terraform");
	SRunner *r = srunner_create(s);
	TCase *t = tcase_create("terraform");
	const char *only = getenv("TORTURE"); /* "networking_port_v2": no other sequence */
	AUTO_STR pattern = xasprintf("tests/data/terraform/%s.json", only ? only : "*_v[0-9]");
	int bad;

	if (glob(pattern, 0, NULL, &files) != 0 || !mkdtemp(home) || setenv("TF_DATA_DIR", home, 1))
		return EXIT_FAILURE;
	tcase_set_timeout(t, 600);
	tcase_add_loop_test(t, sequence, 0, (int)files.gl_pathc);
	if (!only)
		tcase_add_test(t, none_is_left_out);
	tcase_add_test(t, creations_become_one_request);
	tcase_add_test(t, a_list_refreshes_all);
	tcase_add_test(t, threads_share_a_list);
	tcase_add_test(t, threads);
	tcase_add_test(t, planning_needs_no_cloud);
	tcase_add_test(t, what_is_unknown_needs_nothing);
	tcase_add_test(t, blocks_have_journals);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	globfree(&files);
	process_ended(false);
	(void)journals();
	if (now)
		cloud_free(now);
	AUTO_STR dir = xasprintf("%s/treenail", home);
	(void)rmdir(dir);
	(void)rmdir(home);
	return bad ? EXIT_FAILURE : EXIT_SUCCESS;
}
