/*
 * Every resource, and every call it makes, failing in turn: nothing may be lost, doubled or left
 * half-made, and doing it again must get there. The sequences are tests/data/torture/NAME.json:
 *
 *   {"before": [tasks], "steps": [tasks]}, a task {"module": M, "args": {}, "changed": true}
 */
#include <glob.h>

#include "essence.h"
#include "module.h"
#include "task.h"
#include "unit.h"

static struct cloud *now; /* where the tasks connect to */

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

static struct json_object *run(struct json_object *task, bool check)
{
	AUTO_JSON given = json_copy(json_at(task, "args"));

	json_sets(given, "_ansible_module_name", json_str(task, "module"));
	json_set(given, "_ansible_check_mode", json_object_new_boolean(check));
	json_set(given, "_ansible_diff", json_object_new_boolean(true));
	return run_task(given);
}

/* ---- what is said when something is wrong ---- */

static const char *file;
static size_t step;
static const char *failed_call = "none";
static enum cloud_failure how_failed;

static void wrong(bool is, const char *what, struct json_object *result)
{
	if (!is)
		return;
	AUTO_STR log = cloud_log(now);
	AUTO_STR text = json_text(result);
	(void)printf("%.3000s\n%.20000s\n", text, log);
	ck_abort_msg("%s, step %zu, failing call %s (%d): %s", file, step, failed_call,
		     (int)how_failed, what);
}

static bool failed(struct json_object *result)
{
	return json_truth(result, "failed", false);
}

static bool changed(struct json_object *result)
{
	return json_truth(result, "changed", false);
}

/* ---- one sequence ---- */

static void fresh(struct json_object *plan)
{
	struct json_object *before = json_at(plan, "before");

	if (now)
		cloud_free(now);
	now = cloud_new(openstack_kinds, openstack_seed);
	for (step = 0; step < json_len(before); step++) {
		AUTO_JSON result = run(json_nth(before, step), false);

		wrong(failed(result), "preparing", result);
	}
	cloud_log_clear(now);
}

/* But for the titles, which may have an ID that only the real run knows. */
static bool same_diff(struct json_object *x, struct json_object *y)
{
	if (!json_object_is_type(x, json_type_array))
		return json_object_equal(json_at(x, "before"), json_at(y, "before")) &&
		       json_object_equal(json_at(x, "after"), json_at(y, "after"));
	for (size_t i = 0; i < json_len(x); i++)
		if (!same_diff(json_nth(x, i), json_nth(y, i)))
			return false;
	return json_len(x) == json_len(y);
}

/* Without faults: check mode says what happens, and once more changes nothing. */
static struct json_object *plainly(struct json_object *plan, int *calls)
{
	struct json_object *steps = json_at(plan, "steps");

	*calls = 0;
	failed_call = "none";
	fresh(plan);
	for (step = 0; step < json_len(steps); step++) {
		struct json_object *task = json_nth(steps, step);
		const bool change = json_truth(task, "changed", false);
		AUTO_JSON check = NULL;
		AUTO_JSON real = NULL;
		AUTO_JSON again = NULL;
		int writes, before;

		cloud_log_clear(now);
		check = run(task, true);
		wrong(cloud_writes(now), "written in check mode", check);
		wrong(failed(check), "failed in check mode", check);
		wrong(changed(check) != change, "changed in check mode", check);
		before = cloud_calls(now);
		real = run(task, false);
		wrong(failed(real), "failed", real);
		wrong(changed(real) != change, "changed", real);
		wrong(!change && cloud_writes(now), "written, though nothing changed", real);
		wrong(!same_diff(json_at(check, "diff"), json_at(real, "diff")),
		      "not the diff that check mode promised", check);
		*calls += cloud_calls(now) - before;
		writes = cloud_writes(now);
		if (json_has(task, "again"))
			continue;
		again = run(task, false);
		wrong(failed(again) || changed(again), "changed once more", again);
		wrong(cloud_writes(now) != writes, "written once more", again);
	}
	return essence(now);
}

static size_t objects(void)
{
	AUTO_JSON all = cloud_contents(now);
	size_t n = 0;

	json_object_object_foreach(all, path, list)
		if (!strstr(path, "quota"))
			n += (size_t)json_object_object_length(list);
	return n;
}

static bool has_id(struct json_object *result)
{
	struct json_object *results = json_at(result, "results");

	for (size_t i = 0; i < json_len(results); i++)
		if (json_has(json_nth(results, i), "id"))
			return true;
	return json_has(result, "id");
}

/* After a failure: what was done is told, and once more gets there. */
static void recover(struct json_object *task, struct json_object *result, size_t before,
		    enum cloud_failure how)
{
	AUTO_JSON more = NULL;
	const char *msg = json_str(result, "msg");

	wrong(!cloud_failed(now), "failed without a cause", result);
	if (how == CLOUD_DEAD) /* of a run that was killed nobody hears anything */
		cloud_revive(now);
	else
		wrong(!msg || !strstr(msg, cloud_failed(now)), "the error does not name the call",
		      result);
	wrong(how != CLOUD_DEAD && objects() > before && !has_id(result),
	      "there is an object, but no ID is told", result);
	more = run(task, false);
	wrong(failed(more), "failed once more", more);
}

/* With one call failing. What `again` marks makes another object each time. */
static void with_failure(struct json_object *plan, int call, enum cloud_failure how,
			 struct json_object *goal)
{
	struct json_object *steps = json_at(plan, "steps");
	AUTO_JSON end = NULL;
	AUTO_STR left = NULL;

	failed_call = "to come";
	fresh(plan);
	cloud_fail_at(now, call, how);
	for (step = 0; step < json_len(steps); step++) {
		struct json_object *task = json_nth(steps, step);
		const bool hit = cloud_failed(now);
		const size_t before = objects();
		AUTO_JSON result = run(task, false);
		AUTO_JSON again = NULL;
		int writes;

		failed_call = cloud_failed(now) ? cloud_failed(now) : "to come";
		how_failed = how;
		if (failed(result))
			recover(task, result, before, how);
		if (hit || !cloud_failed(now) || json_has(task, "again"))
			continue;
		writes = cloud_writes(now);
		again = run(task, false);
		wrong(failed(again) || changed(again), "the third run changed something", again);
		wrong(cloud_writes(now) != writes, "the third run wrote something", again);
	}
	wrong(!cloud_failed(now), "the call never came", NULL);
	end = essence(now);
	left = cloud_unsettled(now);
	wrong(left, left, NULL);
	if (json_object_equal(end, goal))
		return;
	print_missing("lacks", goal, end);
	print_missing("has", end, goal);
	wrong(true, "not what there was without the failure", NULL);
}

/* Answers of no sense may end in any error, or in none, but always end. */
static void with_nonsense(struct json_object *plan, int call, int how)
{
	struct json_object *steps = json_at(plan, "steps");

	failed_call = "none, but nonsense";
	how_failed = (enum cloud_failure)how;
	fresh(plan);
	cloud_mangle_at(now, call, how);
	for (step = 0; step < json_len(steps) && cloud_calls(now) < call; step++)
		json_object_put(run(json_nth(steps, step), false));
}

static int sequence(const char *path)
{
	AUTO_JSON plan = read_json(path);
	AUTO_JSON goal = NULL;
	int calls, runs = 1;

	file = path;
	goal = plainly(plan, &calls);
	wrong(!calls, "no calls at all", NULL);
	for (int call = 1; call <= calls; call++) {
		with_failure(plan, call, CLOUD_REFUSED, goal);
		with_failure(plan, call, CLOUD_UNREACHABLE, goal);
		with_failure(plan, call, CLOUD_LOST, goal);
		with_failure(plan, call, CLOUD_DEAD, goal);
		for (int how = 0; how < CLOUD_NONSENSE; how++)
			with_nonsense(plan, call, how);
		runs += 4 + CLOUD_NONSENSE;
	}
	(void)printf("%-50s %3zu steps %4d calls %4d runs\n", path,
		     json_len(json_at(plan, "steps")), calls, runs);
	return runs;
}

/* ---- all ---- */

static glob_t files;

START_TEST(torture)
{
	(void)sequence(files.gl_pathv[_i]);
}
END_TEST

static void note_tasks(struct json_object *tasks, struct json_object *seen)
{
	for (size_t i = 0; i < json_len(tasks); i++)
		json_set(seen, json_str(json_nth(tasks, i), "module"), NULL);
}

START_TEST(none_is_left_out)
{
	AUTO_JSON seen = json_object_new_object();
	AUTO_BUF missing = BUF_INIT;

	for (size_t i = 0; i < files.gl_pathc; i++) {
		AUTO_JSON plan = read_json(files.gl_pathv[i]);

		note_tasks(json_at(plan, "steps"), seen);
	}
	for (const struct resource *const *r = resources; *r; r++)
		if ((*r)->name && strcmp((*r)->name, "auth") != 0 && !json_has(seen, (*r)->name))
			buf_addf(&missing, " %s", (*r)->name);
	ck_assert_msg(!missing.len, "no sequence has%s", missing.s);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("torture");
	SRunner *r = srunner_create(s);
	TCase *t = tcase_create("torture");
	const char *only = getenv("TORTURE"); /* "server": tests/data/torture/server.json alone */
	AUTO_STR pattern = xasprintf("tests/data/torture/%s.json", only ? only : "*");
	int bad;

	if (glob(pattern, 0, NULL, &files) != 0)
		return EXIT_FAILURE;
	tcase_set_timeout(t, 600);
	tcase_add_loop_test(t, torture, 0, (int)files.gl_pathc);
	if (!only)
		tcase_add_test(t, none_is_left_out);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	globfree(&files);
	if (now)
		cloud_free(now);
	return bad ? EXIT_FAILURE : EXIT_SUCCESS;
}
