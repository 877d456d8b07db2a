/* Which session a target gets. Nothing is sent: a login comes with the first request. */
#include "adapter/kind.h"
#include "adapter/targets.h"
#include "protocol/value.h"
#include "sandbox.h"
#include "session/session.h"
#include "unit.h"

static const char clouds[] = "clouds:\n"
			     "  a: {region_name: R, auth: {auth_url: http://a, token: sesame-a}}\n"
			     "  b: {region_name: R, auth: {auth_url: http://b, token: sesame-b}}\n";

static struct err *options_of(struct json_object *block, const char *cloud, const char *region,
			      struct json_object **ret)
{
	*ret = *cloud ? json_wrap("cloud", json_object_new_string(cloud)) : json_copy(block);
	if (*region)
		json_sets(*ret, "region_name", region);
	return NULL;
}

const struct provider provider = { .targets = true, .session_options = options_of };

static struct err *configure(const char *block)
{
	AUTO_JSON config = unit_json(block);

	return targets_configure(config);
}

static struct api *target(const char *cloud, const char *region)
{
	struct api *api = NULL;
	const char *in = NULL;

	unit_ok(target_get(cloud, region, &api, &in));
	ck_assert_str_eq(in, "R");
	return api;
}

static void enter(void)
{
	sandbox_enter();
	sandbox_write("clouds.yaml", clouds);
	targets_renew();
}

/* However it is named. */
START_TEST(one_session)
{
	unit_ok(configure("{'cloud': 'a'}"));
	struct api *const own = target(NULL, NULL);

	ck_assert_ptr_eq(target("", "R"), own);
	ck_assert_ptr_eq(target("a", NULL), own);
	ck_assert_ptr_eq(target("a", "R"), own);
	ck_assert_ptr_ne(target("b", NULL), own);
	ck_assert_ptr_eq(target("b", "R"), target("b", ""));
}
END_TEST

START_TEST(not_the_same)
{
	unit_ok(configure("{'cloud': 'a', 'interface': 'internal'}"));
	ck_assert_ptr_ne(target("a", NULL), target(NULL, NULL));
}
END_TEST

START_TEST(one_block)
{
	unit_ok(configure("{'cloud': 'a'}"));
	struct api *const a = target(NULL, NULL);

	unit_ok(configure("{'cloud': 'a'}"));
	unit_fails(configure("{'cloud': 'b'}"), ERR_USAGE, "one block of one Terraform at a time");
	ck_assert_ptr_eq(target(NULL, NULL), a);
}
END_TEST

START_TEST(another_terraform)
{
	unit_ok(configure("{'cloud': 'a'}"));
	struct api *const a = target(NULL, NULL), *const b = target("b", NULL);

	targets_renew();
	unit_ok(configure("{'cloud': 'b'}"));
	struct api *const now = target(NULL, NULL);

	ck_assert_ptr_ne(now, a);
	ck_assert_ptr_ne(now, b);
	ck_assert_ptr_eq(target("b", NULL), now);
	AUTO_STR text = targets_mask(xstrdup("sesame-a sesame-b"));
	ck_assert_str_eq(text, "******** ********");
}
END_TEST

START_TEST(known_at_last)
{
	AUTO_JSON block = unit_json("{'interface': 'internal'}");
	struct api *api = NULL;
	const char *region;

	json_set(block, "cloud", value_unknown());
	unit_ok(targets_configure(block));
	unit_fails(target_get(NULL, NULL, &api, &region), ERR_USAGE, "not known before");
	(void)target("b", NULL);
	unit_fails(configure("{'cloud': 'a', 'interface': 'public'}"), ERR_USAGE, "-debug");
	unit_ok(configure("{'cloud': 'a', 'interface': 'internal'}"));
	(void)target(NULL, NULL);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("targets");
	TCase *t = tcase_create("targets");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, enter, sandbox_leave);
	tcase_add_test(t, one_session);
	tcase_add_test(t, not_the_same);
	tcase_add_test(t, one_block);
	tcase_add_test(t, another_terraform);
	tcase_add_test(t, known_at_last);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
