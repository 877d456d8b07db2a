#include <check.h>
#include <pthread.h>
#include <string.h>

#include "clock.h"
#include "cluster/schedule.h"
#include "unit.h"

/* Actions begin when what they come after is done, with as many of a slot as it allows, and none after a failure in it. */

enum { ACTIONS = 60, SLOTS = 3, ROUNDS = 40 };

struct seen {
	pthread_mutex_t lock;
	struct json_object *begun, *done; /* {id: order} */
	int busy[SLOTS], most[SLOTS];
	int all, most_all;
	const char *fails; /* blanks between */
	bool wrong;        /* began too early, or twice */
};

static int slot_number(struct json_object *a)
{
	const char *slot = json_str(a, "slot");

	return slot ? slot[1] - '0' : -1;
}

static void begin(struct seen *s, struct json_object *a)
{
	struct json_object *after = json_at(a, "after");
	const int slot = slot_number(a);

	s->wrong |= json_has(s->begun, json_str(a, "id"));
	json_set(s->begun, json_str(a, "id"), NULL);
	for (size_t i = 0; i < json_len(after); i++)
		s->wrong |= !json_has(s->done, json_object_get_string(json_nth(after, i)));
	s->all++;
	s->most_all = s->all > s->most_all ? s->all : s->most_all;
	if (slot < 0)
		return;
	s->busy[slot]++;
	s->most[slot] = s->busy[slot] > s->most[slot] ? s->busy[slot] : s->most[slot];
}

static struct err *run(void *arg, struct json_object *a)
{
	struct seen *s = arg;
	const char *id = json_str(a, "id");
	bool fails = false;

	pthread_mutex_lock(&s->lock);
	begin(s, a);
	pthread_mutex_unlock(&s->lock);
	clock_sleep_ms(1);
	pthread_mutex_lock(&s->lock);
	s->all--;
	if (slot_number(a) >= 0)
		s->busy[slot_number(a)]--;
	for (const char *f = s->fails; f && !fails; f = strchr(f, ' ') ? strchr(f, ' ') + 1 : NULL)
		fails = strncmp(f, id, strlen(id)) == 0 && (f[strlen(id)] == ' ' || !f[strlen(id)]);
	if (!fails)
		json_set(s->done, id, NULL);
	pthread_mutex_unlock(&s->lock);
	return fails ? err_new(ERR_REMOTE, "%s broke", id) : NULL;
}

static void seen_init(struct seen *s, const char *fails)
{
	*s = (struct seen){ .begun = json_object_new_object(),
			    .done = json_object_new_object(),
			    .fails = fails };
	pthread_mutex_init(&s->lock, NULL);
}

static void seen_release(struct seen *s)
{
	json_object_put(s->begun);
	json_object_put(s->done);
	pthread_mutex_destroy(&s->lock);
}

static unsigned next_random(unsigned *state)
{
	*state = *state * 1103515245U + 12345U;
	return *state >> 16;
}

/* Each comes after some of those before it. */
static struct json_object *random_plan(unsigned seed)
{
	struct json_object *actions = json_object_new_array();

	for (int i = 0; i < ACTIONS; i++) {
		struct json_object *a = json_object_new_object(), *after = json_object_new_array();
		AUTO_STR id = xasprintf("a%d", i);

		json_sets(a, "id", id);
		json_set(a, "after", after);
		for (int k = 0; i && k < (int)(next_random(&seed) % 3); k++) {
			AUTO_STR other = xasprintf("a%d", (int)(next_random(&seed) % (unsigned)i));

			json_object_array_add(after, json_object_new_string(other));
		}
		const unsigned slot = next_random(&seed) % (SLOTS + 1);
		if (slot < SLOTS) {
			AUTO_STR name = xasprintf("s%u", slot);

			json_sets(a, "slot", name);
			json_set(a, "limit", json_object_new_int64(slot + 1));
		}
		json_object_array_add(actions, a);
	}
	return actions;
}

static int count(struct json_object *actions, const char *state)
{
	int n = 0;

	for (size_t i = 0; i < json_len(actions); i++)
		n += json_is_str(json_at(json_nth(actions, i), "state"), state);
	return n;
}

START_TEST(all_in_order)
{
	AUTO_JSON actions = random_plan((unsigned)_i);
	struct seen s;
	const struct schedule all = { run, &s, 8 };
	size_t begun = 0;

	seen_init(&s, NULL);
	unit_ok(schedule_run(&all, actions, &begun));
	ck_assert_msg(!s.wrong, "one began too early, or twice");
	ck_assert_int_eq(count(actions, "done"), ACTIONS);
	ck_assert_uint_eq(begun, ACTIONS);
	ck_assert_int_le(s.most_all, 8);
	for (int i = 0; i < SLOTS; i++)
		ck_assert_int_le(s.most[i], i + 1);
	seen_release(&s);
}
END_TEST

/* Whatever fails: what is skipped has a reason, what is done had all that it needs, and nothing is left over. */
START_TEST(some_fail)
{
	AUTO_JSON actions = random_plan((unsigned)_i + 1000);
	struct seen s;
	const struct schedule all = { run, &s, 0 };
	size_t begun = 0;

	seen_init(&s, "a7 a20 a41");
	AUTO_ERR e = schedule_run(&all, actions, &begun);
	ck_assert_ptr_nonnull(e);
	ck_assert_ptr_nonnull(strstr(e->text, "broke"));
	ck_assert(!s.wrong);
	ck_assert_int_eq(count(actions, "done") + count(actions, "failed"), (int)begun);
	ck_assert_int_eq(count(actions, "skipped"), ACTIONS - (int)begun);
	for (size_t i = 0; i < json_len(actions); i++) {
		struct json_object *a = json_nth(actions, i);

		if (!json_is_str(json_at(a, "state"), "done"))
			ck_assert_msg(json_str(a, "error"), "%s", json_str(a, "id"));
		if (json_is_str(json_at(a, "state"), "skipped"))
			ck_assert_ptr_nonnull(strstr(json_str(a, "error"), "not done"));
	}
	seen_release(&s);
}
END_TEST

START_TEST(a_failure_ends_its_slot)
{
	AUTO_JSON actions = unit_json("[{'id':'a','slot':'s1','limit':1,'after':[]},"
				      "{'id':'b','slot':'s1','limit':1,'after':[]},"
				      "{'id':'c','after':['b']},{'id':'d','after':[]},"
				      "{'id':'e','slot':'s2','limit':1,'after':['not-planned']}]");
	struct seen s;
	const struct schedule all = { run, &s, 4 };
	size_t begun = 0;

	seen_init(&s, "a");
	unit_fails(schedule_run(&all, actions, &begun), ERR_REMOTE, "a broke");
	ck_assert_uint_eq(begun, 3);
	ck_assert_str_eq(json_str(json_nth(actions, 1), "state"), "skipped");
	ck_assert_ptr_nonnull(strstr(json_str(json_nth(actions, 1), "error"), "of its group"));
	ck_assert_ptr_nonnull(strstr(json_str(json_nth(actions, 2), "error"), "'b'"));
	ck_assert_str_eq(json_str(json_nth(actions, 3), "state"), "done");
	ck_assert_str_eq(json_str(json_nth(actions, 4), "state"), "done");
	ck_assert_ptr_null(json_at(json_nth(actions, 1), "ms"));
	ck_assert_ptr_nonnull(json_at(json_nth(actions, 0), "ms"));
	seen_release(&s);
}
END_TEST

static struct err *cut(void *arg, struct json_object *a)
{
	(void)arg;
	(void)a;
	clock_cut();
	return NULL;
}

START_TEST(told_to_end)
{
	AUTO_JSON actions = unit_json("[{'id':'a','after':[]},{'id':'b','after':['a']}]");
	const struct schedule all = { cut, NULL, 1 };
	size_t begun = 0;

	unit_fails(schedule_run(&all, actions, &begun), ERR_CONFLICT, "told to end");
	clock_uncut();
	ck_assert_uint_eq(begun, 1);
	ck_assert_str_eq(json_str(json_nth(actions, 0), "state"), "done");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("schedule");
	TCase *t = tcase_create("schedule");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_set_timeout(t, 300);
	tcase_add_loop_test(t, all_in_order, 0, ROUNDS);
	tcase_add_loop_test(t, some_fail, 0, ROUNDS);
	tcase_add_test(t, a_failure_ends_its_slot);
	tcase_add_test(t, told_to_end);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
