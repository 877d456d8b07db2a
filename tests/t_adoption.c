/* What a creation may take over, and what the journal has to do with it. No server. */
#include <errno.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "adapter/journal.h"
#include "kubernetes/subject.h"
#include "sandbox.h"
#include "unit.h"

static const struct kube_kind config_maps = { .group = "",
					      .kind = "ConfigMap",
					      .namespaced = true };
static struct subject subject = { .kind = &config_maps, .ns = "a", .name = "b" };

static const char with_data[] = "{'apiVersion':'v1','kind':'ConfigMap',"
				"'metadata':{'name':'b','namespace':'a'},'data':{'x':'y'}}";
static const char bare[] = "{'apiVersion':'v1','kind':'ConfigMap',"
			   "'metadata':{'name':'b','namespace':'a'}}";

static void set_up(void)
{
	AUTO_JSON options = unit_json("{'host':'https://127.0.0.1:1','api_key':'x'}");

	sandbox_enter();
	subject.want = unit_json(with_data);
	unit_ok(cluster_new(options, &subject.c));
}

static void tear_down(void)
{
	journal_end(true);
	json_object_put(TAKE(subject.want));
	cluster_free(subject.c);
	/* Nothing is left in it. */
	ck_assert(rmdir(".terraform/treenail") == 0 || errno == ENOENT);
	sandbox_leave();
}

static struct json_object *made(const char *uid, const char *manager, int64_t ago_s)
{
	const time_t when = time(NULL) - ago_s;
	struct tm tm;
	char text[32];

	ck_assert(gmtime_r(&when, &tm) && strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm));
	AUTO_STR whole = xasprintf(
		"{'apiVersion':'v1','kind':'ConfigMap','metadata':{'name':'b','namespace':'a',"
		"'uid':'%s','creationTimestamp':'%s','managedFields':[{'manager':'%s',"
		"'operation':'Apply','apiVersion':'v1','fieldsType':'FieldsV1',"
		"'fieldsV1':{'f:data':{'f:x':{}}}}]},'data':{'x':'y'}}",
		uid, text, manager);
	return unit_json(whole);
}

static struct err *adopt(struct json_object *have, struct journal_entry *entry)
{
	return subject_may_adopt(&subject, have, "treenail", "a/b", entry);
}

/* A run that saw what `have` says, made it if `answered`, and was killed then. */
static void killed_run(struct json_object *have, bool answered)
{
	const pid_t child = fork();
	int status = -1;

	if (child == 0) {
		struct journal_entry entry = { 0 };
		struct err *e = adopt(have, &entry);

		if (answered)
			subject_created(&entry, true, NULL);
		_exit(!e == !have ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
}

static void check_adopted(struct json_object *have, bool yes)
{
	struct journal_entry entry = { 0 };
	AUTO_ERR e = adopt(have, &entry);

	ck_assert_msg(!e == yes, "%s", e ? e->text : "adopted");
	ck_assert(!e || (e->kind == ERR_CONFLICT && strstr(e->text, "ConfigMap a/b ") &&
			 strstr(e->text, "terraform import ADDRESS 'a/b'")));
	subject_created(&entry, !e, e);
}

START_TEST(strangers)
{
	AUTO_JSON have = made("u", "treenail", 0);

	set_up();
	check_adopted(have, false);
	/* A refusal makes it no more ours. */
	ck_assert(!subject_is_known(&subject));
	check_adopted(have, false);
	check_adopted(NULL, true);
	ck_assert(subject_is_known(&subject));
	tear_down();
}
END_TEST

START_TEST(after_a_kill)
{
	AUTO_JSON have = made("u", "treenail", 0);

	set_up();
	killed_run(NULL, false);
	ck_assert(subject_is_known(&subject));
	/* It may be killed more than once. */
	killed_run(NULL, false);
	check_adopted(have, true);
	tear_down();
}
END_TEST

START_TEST(of_others)
{
	AUTO_JSON have = made("u", "treenail", 0);
	AUTO_JSON theirs = made("v", "them", 0);
	AUTO_JSON late = made("w", "treenail", -3600);

	set_up();
	killed_run(NULL, false);
	check_adopted(theirs, false);
	killed_run(NULL, false);
	check_adopted(late, false);
	/* It was there before the one that was killed. */
	killed_run(have, false);
	check_adopted(have, false);
	tear_down();
}
END_TEST

/* Its managed fields are empty: that it has a name is nobody's. */
START_TEST(nothing_but_a_name)
{
	AUTO_JSON have = made("u", "treenail", 0);
	AUTO_JSON before = made("v", "treenail", 0);

	set_up();
	json_object_object_del(json_at(have, "metadata"), "managedFields");
	json_object_object_del(json_at(before, "metadata"), "managedFields");
	killed_run(NULL, false);
	check_adopted(have, false); /* it has no data, though that was to be made with it */
	journal_end(true);
	json_object_put(subject.want);
	subject.want = unit_json(bare);
	killed_run(NULL, false);
	check_adopted(have, true);
	journal_end(true);
	killed_run(before, false);
	check_adopted(before, false);
	tear_down();
}
END_TEST

START_TEST(in_the_state)
{
	AUTO_JSON have = made("u", "treenail", 0);

	set_up();
	killed_run(NULL, true);
	check_adopted(have, true);
	/* Terraform had saved it: another one of that name is a stranger. */
	killed_run(NULL, true);
	subject_seen(&subject);
	check_adopted(have, false);
	tear_down();
}
END_TEST

/* What a plan saw may be out of the state when the next one looks. */
START_TEST(seen_by_a_plan)
{
	set_up();
	journal_hand_on(true);
	subject_seen(&subject);
	ck_assert(subject_is_known(&subject));
	journal_end(true);
	ck_assert(!subject_is_known(&subject));
	tear_down();
}
END_TEST

START_TEST(without_an_answer)
{
	AUTO_JSON have = made("u", "treenail", 0);
	struct journal_entry entry = { 0 };
	AUTO_ERR lost = err_new(ERR_NETWORK, "the answer is lost");

	set_up();
	unit_ok(adopt(NULL, &entry));
	lost->ambiguous = true;
	subject_created(&entry, false, lost);
	check_adopted(have, true);
	tear_down();
}
END_TEST

UNIT_MAIN("adoption", strangers, after_a_kill, of_others, nothing_but_a_name, in_the_state,
	  seen_by_a_plan, without_an_answer)
