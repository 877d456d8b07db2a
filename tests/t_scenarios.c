/*
 * Tasks against answers written down: tests/data/NAME.t. A file has several runs; what is given in
 * one holds for those after it, too.
 *
 *   == title            begins a run; "(check)" in it: check mode, "(diff)": with diff
 *   args {...}          the module's arguments
 *   > METHOD ...        the requests that must come, and what is answered: see script.h
 *   = {...}             what must be in the result; arrays have the same length
 *   msg words           it must fail with these words (several: all of them)
 *
 * A line that begins with a blank goes on with the one before; # is for people.
 */
#include <glob.h>

#include "script.h"
#include "task.h"
#include "unit.h"

struct run {
	char *title;
	struct buf script;
	struct json_object *want;
	struct json_object *words; /* array of strings */
};

struct scenario {
	const char *file;
	struct json_object *args;
	struct run run;
	int runs;
};

static struct script *now; /* where the task connects to */

static struct err *connect_script(struct json_object *options, struct connection *ret)
{
	(void)options;
	*ret = (struct connection){ .api = script_api(now) };
	return NULL;
}

static struct json_object *run_task(struct json_object *given)
{
	struct system with = openstack_system;

	with.connect = connect_script;
	return task_run(&with, given, "module", NULL);
}

/* ---- results ---- */

/* Where `got` lacks what `want` says; NULL: nowhere. */
static char *lacks(struct json_object *want, struct json_object *got, const char *where)
{
	char *found = NULL;

	if (json_object_is_type(want, json_type_object) &&
	    json_object_is_type(got, json_type_object)) {
		json_object_object_foreach(want, key, v) {
			AUTO_STR inner = xasprintf("%s.%s", where, key);
			struct json_object *g = NULL;

			(void)json_object_object_get_ex(got, key, &g);
			if (!found)
				found = lacks(v, g, inner);
		}
		return found;
	}
	if (json_object_is_type(want, json_type_array) && json_len(want) == json_len(got)) {
		for (size_t i = 0; i < json_len(want) && !found; i++) {
			AUTO_STR inner = xasprintf("%s[%zu]", where, i);

			found = lacks(json_nth(want, i), json_nth(got, i), inner);
		}
		return found;
	}
	return json_object_equal(want, got) ? NULL : xstrdup(*where ? where : ".");
}

static void judge(const struct scenario *s, struct json_object *result)
{
	const struct run *r = &s->run;
	const char *msg = json_str(result, "msg");
	AUTO_STR text = json_text(result);
	AUTO_STR missing = lacks(r->want, result, "");

	(void)printf("%s: %s\n", s->file, r->title);
	ck_assert_msg(!script_problem(now), "%s: %s: %s\n%.1500s", s->file, r->title,
		      script_problem(now), text);
	ck_assert_msg(json_len(r->words) || json_truth(r->want, "failed", false) ||
			      !json_truth(result, "failed", false),
		      "%s: %s: failed: %s", s->file, r->title, msg);
	ck_assert_msg(!r->want || !missing, "%s: %s: %s is not as wanted: %.3000s", s->file,
		      r->title, missing, text);
	for (size_t i = 0; i < json_len(r->words); i++) {
		const char *word = json_object_get_string(json_nth(r->words, i));

		ck_assert_msg(msg && strstr(msg, word), "%s: %s: '%s' is not in: %s", s->file,
			      r->title, word, msg);
	}
}

static void run_release(struct run *r)
{
	free(r->title);
	buf_release(&r->script);
	json_object_put(r->want);
	json_object_put(r->words);
	*r = (struct run){ .script = BUF_INIT };
}

static void play(struct scenario *s)
{
	AUTO_JSON given = json_copy(s->args);
	AUTO_JSON result = NULL;

	if (!s->run.title)
		return;
	ck_assert_msg(given, "%s: %s: no args", s->file, s->run.title);
	json_set(given, "_ansible_check_mode",
		 json_object_new_boolean(!!strstr(s->run.title, "(check)")));
	json_set(given, "_ansible_diff", json_object_new_boolean(!!strstr(s->run.title, "(diff)")));
	now = script_new(s->run.script.s, s->run.script.len);
	result = run_task(given);
	judge(s, result);
	script_free(now);
	s->runs++;
	run_release(&s->run);
}

/* ---- files ---- */

static struct json_object *parse(const struct scenario *s, const char *text)
{
	struct json_object *v = NULL;
	AUTO_ERR e = json_parse(text, strlen(text), &v);

	ck_assert_msg(!e, "%s: %s: %s", s->file, text, e ? e->text : "");
	return v;
}

static void take_line(struct scenario *s, const char *line)
{
	if (strncmp(line, "== ", 3) == 0) {
		play(s);
		s->run.title = xstrdup(line + 3);
	} else if (strncmp(line, "args ", 5) == 0) {
		json_object_put(s->args);
		s->args = parse(s, line + 5);
	} else if (script_line(line)) {
		buf_addf(&s->run.script, "%s\n", line);
	} else if (strncmp(line, "= ", 2) == 0) {
		s->run.want = parse(s, line + 2);
	} else if (strncmp(line, "msg ", 4) == 0) {
		if (!s->run.words)
			s->run.words = json_object_new_array();
		json_object_array_add(s->run.words, json_object_new_string(line + 4));
	} else {
		ck_abort_msg("%s: what is '%s'?", s->file, line);
	}
}

static void read_file(struct scenario *s)
{
	AUTO_BUF line = BUF_INIT;
	FILE *f = fopen(s->file, "re");
	char *text = NULL;
	size_t cap = 0;
	ssize_t n;

	ck_assert_msg(f, "%s", s->file);
	while ((n = getline(&text, &cap, f)) > 0) {
		text[strcspn(text, "\n")] = '\0';
		if (*text == '#' || !*text)
			continue;
		if (*text != ' ' && *text != '\t' && line.len) {
			take_line(s, line.s);
			buf_wipe(&line);
		}
		buf_adds(&line, text);
	}
	if (line.len)
		take_line(s, line.s);
	play(s);
	free(text);
	(void)fclose(f);
}

static glob_t files;

START_TEST(scenario)
{
	struct scenario s = { .file = files.gl_pathv[_i], .run = { .script = BUF_INIT } };

	read_file(&s);
	ck_assert_int_gt(s.runs, 0);
	json_object_put(s.args);
	run_release(&s.run);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("scenarios");
	SRunner *r = srunner_create(s);
	TCase *t = tcase_create("scenarios");
	const char *only = getenv("SCENARIO"); /* "network": tests/data/network.t alone */
	AUTO_STR pattern = xasprintf("tests/data/%s.t", only ? only : "*");
	int bad;

	if (glob(pattern, 0, NULL, &files) != 0)
		return EXIT_FAILURE;
	tcase_set_timeout(t, 300);
	tcase_add_loop_test(t, scenario, 0, (int)files.gl_pathc);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	globfree(&files);
	return bad ? EXIT_FAILURE : EXIT_SUCCESS;
}
