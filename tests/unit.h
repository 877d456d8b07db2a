#ifndef UNIT_H
#define UNIT_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

/* What the tests have in common. */

/*
 * Runs tests one by one, each in a process of its own; the program's exit code. enter and leave (NULL: nothing)
 * are called once, before the first and after the last.
 */
static inline int unit_run(const char *name, const TTest *const *tests, size_t n,
			   void (*enter)(void), void (*leave)(void))
{
	Suite *s = suite_create(name);
	SRunner *r = srunner_create(s);
	TCase *t = tcase_create(name);
	int failed;

	tcase_set_timeout(t, 600); /* against hanging, not about speed */
	tcase_add_unchecked_fixture(t, enter, leave);
	for (size_t i = 0; i < n; i++)
		tcase_add_test(t, tests[i]);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#define UNIT_MAIN_IN(name, enter, leave, ...)                             \
	int main(void)                                                    \
	{                                                                 \
		const TTest *const tests[] = { __VA_ARGS__ };             \
		return unit_run(name, tests, COUNT(tests), enter, leave); \
	}

#define UNIT_MAIN(name, ...) UNIT_MAIN_IN(name, NULL, NULL, __VA_ARGS__)

/* JSON with ' for ", for C sources that stay readable. Ends the test if it is none. */
static inline struct json_object *unit_json(const char *text)
{
	struct json_object *v = NULL;
	char *s = xstrdup(text);

	for (char *p = s; *p; p++)
		if (*p == '\'')
			*p = '"';
	AUTO_ERR e = json_parse(s, strlen(s), &v);
	if (e)
		ck_abort_msg("%s: %s", s, e->text);
	free(s);
	return v;
}

/* Compares values as JSON: what differs is seen in the message. */
#define unit_same(got, text)                                                    \
	do {                                                                    \
		struct json_object *want_ = unit_json(text), *got_ = (got);     \
		ck_assert_msg(json_object_equal(want_, got_), "got %s\nnot %s", \
			      json_object_to_json_string(got_),                 \
			      json_object_to_json_string(want_));               \
		json_object_put(want_);                                         \
	} while (0)

/* No error; its text is shown. */
#define unit_ok(error)                                                    \
	do {                                                              \
		struct err *error_ = (error);                             \
		ck_assert_msg(!error_, "%s", error_ ? error_->text : ""); \
	} while (0)

/* An error of this kind whose text has these words; ended. */
#define unit_fails(error, want_kind, words)                                                 \
	do {                                                                                \
		struct err *error_ = (error);                                               \
		ck_assert_msg(error_, "no error, but wanted: %s", words);                   \
		ck_assert_msg(strstr(error_->text, words), "'%s' lacks '%s'", error_->text, \
			      words);                                                       \
		ck_assert_int_eq(error_->kind, want_kind);                                  \
		err_free(error_);                                                           \
	} while (0)

#endif
