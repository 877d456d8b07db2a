/* The provider treenail as Terraform uses it, in this process, on hosts that are real sshds. */
#include <sys/stat.h>
#include <unistd.h>

#include "adapter/docs.h"
#include "adapter/journal.h"
#include "adapter/targets.h"
#include "clock.h"
#include "digest.h"
#include "file.h"
#include "little_terraform.h"
#include "protocol/value.h"
#include "sandbox.h"
#include "ssh/key.h"
#include "sshd.h"
#include "treenail/hosts.h"
#include "treenail/kinds.h"
#include "unit.h"

static const struct tf_kind *const others[] = { &treenail_host_file,
						&treenail_host_exec,
						&treenail_cluster,
						&treenail_cluster_node,
						&treenail_kubeconfig,
						&treenail_cluster_health,
						NULL };

const struct provider provider = {
	.name = "treenail",
	.doc = "The tests' hosts.",
	.others = others,
	.config = hosts_config,
	.options = ssh_host_options,
	.no_options = hosts_no_options,
	.backend = &hosts_backend,
};

/* ---- a host, and Terraform ---- */

static void broken(const char *address, const char *what, struct json_object *value)
{
	ck_abort_msg("%s: %s: %s", address ? address : "", what, json_object_to_json_string(value));
}

static void process_ended(bool asked)
{
	journal_end(asked);
}

struct stage {
	struct sshd d;
	struct little_terraform t;
	struct json_object *block;
	char *dir; /* for what it makes, and Terraform's own */
};

static char *in_dir(const struct stage *s, const char *name)
{
	return xasprintf("%s/%s", s->dir, name);
}

static char *known_hosts_line(const struct sshd *d)
{
	AUTO_STR path = sshd_path("host/ed25519.pub");
	FILE *f = fopen(path, "re");
	char line[1024] = "";

	ck_assert_ptr_nonnull(f);
	ck_assert_ptr_nonnull(fgets(line, sizeof(line), f));
	(void)fclose(f);
	return xasprintf("[127.0.0.1]:%d %s", d->port, line);
}

static void stage_init(struct stage *s)
{
	AUTO_STR key = sshd_path("keys/ed25519");
	AUTO_STR known = NULL;

	*s = (struct stage){ .d = sshd_start(""),
			     .t = { .wrong = broken, .ended = process_ended },
			     .block = json_object_new_object() };
	known = known_hosts_line(&s->d);
	json_sets(s->block, "user", sshd_user());
	json_sets(s->block, "ssh_config", "none");
	json_sets(s->block, "known_hosts", known);
	json_set(s->block, "private_key_file", json_object_new_array());
	json_object_array_add(json_at(s->block, "private_key_file"), json_object_new_string(key));
	json_set(s->block, "connecting", NULL);
	s->dir = sshd_path("stage.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(s->dir));
	ck_assert_int_eq(setenv("TF_DATA_DIR", s->dir, 1), 0);
	hosts_backend.renew();
	unit_ok(hosts_backend.configure(s->block));
}

static void stage_end(struct stage *s)
{
	hosts_backend.end();
	terraform_release(&s->t);
	json_object_put(s->block);
	sshd_stop(&s->d);
	free(s->dir);
}

/* A root in which PORT and DIR are written out. Owned. */
static struct json_object *root_of(const struct stage *s, const char *text)
{
	AUTO_BUF all = BUF_INIT;

	for (const char *at = text; *at;) {
		if (strncmp(at, "PORT", 4) == 0) {
			buf_addf(&all, "%d", s->d.port);
			at += 4;
		} else if (strncmp(at, "DIR", 3) == 0) {
			buf_adds(&all, s->dir);
			at += 3;
		} else {
			(void)buf_add(&all, at++, 1);
		}
	}
	return unit_json(all.s);
}

static void apply(struct stage *s, const char *text, const char *actions)
{
	AUTO_JSON root = root_of(s, text);

	terraform_apply(&s->t, root);
	ck_assert_msg(!s->t.error, "%s", s->t.error ? s->t.error : "");
	unit_same(s->t.actions, actions);
	terraform_apply(&s->t, root);
	ck_assert_msg(!s->t.error, "%s", s->t.error ? s->t.error : "");
	unit_same(s->t.actions, "{}");
}

static void apply_fails(struct stage *s, const char *text, const char *words)
{
	AUTO_JSON root = root_of(s, text);

	terraform_apply(&s->t, root);
	ck_assert_msg(s->t.error && strstr(s->t.error, words), "%s lacks %s",
		      s->t.error ? s->t.error : "no error", words);
}

static void has(const struct stage *s, const char *name, const char *content)
{
	AUTO_STR path = in_dir(s, name);
	FILE *f = fopen(path, "re");
	char text[4096] = "";
	size_t n;

	ck_assert_msg((f != NULL) == (content != NULL), "%s", path);
	if (!f)
		return;
	n = fread(text, 1, sizeof(text) - 1, f);
	(void)fclose(f);
	ck_assert_uint_lt(n, sizeof(text) - 1);
	ck_assert_str_eq(text, content);
}

static const char *value(const struct stage *s, const char *address, const char *name)
{
	struct json_object *entry = NULL;

	(void)json_object_object_get_ex(s->t.state, address, &entry);
	return json_str(json_at(entry, "values"), name);
}

#define HOST            "'host':{'address':'127.0.0.1','port':PORT}"
#define FILE_ROOT(more) "{'f':{'type':'treenail_host_file','config':{" HOST "," more "}}}"
#define EXEC_ROOT(more) "{'c':{'type':'treenail_host_exec','config':{" HOST "," more "}}}"

/* ---- files ---- */

START_TEST(files_are_made_changed_and_removed)
{
	struct stage s;
	struct stat st;
	AUTO_STR path = NULL;
	AUTO_STR sum = digest_text("sha256", "two", 3);

	NEED_SSHD;
	stage_init(&s);
	path = in_dir(&s, "one");
	apply(&s, FILE_ROOT("'path':'DIR/one','content':'one','mode':'600'"), "{'f':'create'}");
	has(&s, "one", "one");
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0600);
	apply(&s, FILE_ROOT("'path':'DIR/one','content':'two','mode':'0600'"), "{'f':'update'}");
	has(&s, "one", "two");
	ck_assert_str_eq(value(&s, "f", "sha256"), sum);
	ck_assert_ptr_null(value(&s, "f", "content"));
	/* Drift. */
	FILE *f = fopen(path, "we");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs("three", f), 0);
	ck_assert_int_eq(fclose(f), 0);
	apply(&s, FILE_ROOT("'path':'DIR/one','content':'two','mode':'0600'"), "{'f':'update'}");
	has(&s, "one", "two");
	ck_assert_int_eq(unlink(path), 0);
	apply(&s, FILE_ROOT("'path':'DIR/one','content':'two','mode':'0600'"), "{'f':'create'}");
	apply(&s, FILE_ROOT("'path':'DIR/two','content':''"), "{'f':'replace'}");
	has(&s, "one", NULL);
	has(&s, "two", "");
	apply(&s, "{}", "{'f':'delete'}");
	has(&s, "two", NULL);
	stage_end(&s);
}
END_TEST

START_TEST(a_group_alone_is_compared)
{
	struct stage s;
	AUTO_STR root =
		xasprintf(FILE_ROOT("'path':'DIR/one','content':'','owner':':%d'"), (int)getgid());

	NEED_SSHD;
	stage_init(&s);
	apply(&s, root, "{'f':'create'}");
	stage_end(&s);
}
END_TEST

START_TEST(files_are_imported)
{
	struct stage s;
	AUTO_JSON special = NULL;
	AUTO_JSON root = NULL;
	AUTO_STR path = NULL;
	AUTO_STR id = NULL;

	NEED_SSHD;
	stage_init(&s);
	path = in_dir(&s, "one");
	root = root_of(&s, "{'f':{'type':'treenail_host_file','config':{'host':'127.0.0.1:PORT',"
			   "'path':'DIR/one','content':'one'}}}");
	terraform_apply(&s.t, root);
	ck_assert_msg(!s.t.error, "%s", s.t.error ? s.t.error : "");
	id = xasprintf("127.0.0.1:%d:%s", s.d.port, path);
	ck_assert_str_eq(value(&s, "f", "id"), id);
	special = unit_json("{}");
	terraform_import(&s.t, root, special);
	ck_assert_msg(!s.t.error, "%s", s.t.error ? s.t.error : "");
	stage_end(&s);
}
END_TEST

/* ---- commands ---- */

START_TEST(commands_run_once_and_again_by_triggers)
{
	struct stage s;

	NEED_SSHD;
	stage_init(&s);
#define LIFE \
	"'command':'cat >>DIR/log; echo $v; echo it >&2','stdin':'fed ','destroy_command':'echo out >>DIR/log'"
	apply(&s, EXEC_ROOT(LIFE ",'environment':{'v':'secret-value'}"), "{'c':'create'}");
	has(&s, "log", "fed ");
	ck_assert_str_eq(value(&s, "c", "stdout"), "************\n");
	ck_assert_str_eq(value(&s, "c", "stderr"), "it\n");
	apply(&s, EXEC_ROOT(LIFE ",'triggers':{'a':'b'}"), "{'c':'replace'}");
	has(&s, "log", "fed out\nfed ");
	apply(&s, EXEC_ROOT(LIFE ",'triggers':{'a':'c'},'update_command':'echo up >>DIR/log'"),
	      "{'c':'update'}");
	has(&s, "log", "fed out\nfed up\n");
	apply(&s, "{}", "{'c':'delete'}");
	has(&s, "log", "fed out\nfed up\nout\n");
	stage_end(&s);
}
END_TEST

START_TEST(commands_that_are_done_are_not_run)
{
	struct stage s;
	AUTO_STR made = NULL;

	NEED_SSHD;
	stage_init(&s);
	made = in_dir(&s, "made");
#define GUARDED "'command':'echo x >>DIR/log; touch DIR/made','creates':'DIR/made'"
	apply(&s, EXEC_ROOT(GUARDED), "{'c':'create'}");
	has(&s, "log", "x\n");
	ck_assert_int_eq(unlink(made), 0);
	apply(&s, EXEC_ROOT(GUARDED), "{'c':'create'}");
	has(&s, "log", "x\nx\n");
	apply(&s, "{}", "{'c':'delete'}");
	apply(&s, EXEC_ROOT(GUARDED ",'unless':'false'"), "{'c':'create'}");
	apply(&s,
	      EXEC_ROOT(
		      "'command':'echo y >>DIR/log','unless':'grep -q x DIR/log','triggers':{'a':'b'}"),
	      "{'c':'replace'}");
	has(&s, "log", "x\nx\n");
	stage_end(&s);
}
END_TEST

/* The process is killed after the command has ended, and before Terraform has written that down. */
START_TEST(journal_knows_what_was_done)
{
	struct stage s;
	struct little_terraform again = { .wrong = broken, .ended = process_ended };

	NEED_SSHD;
	stage_init(&s);
	s.t.ended = NULL;
	AUTO_JSON root = root_of(&s, EXEC_ROOT("'command':'echo x >>DIR/log'"));
	terraform_apply(&s.t, root);
	ck_assert_msg(!s.t.error, "%s", s.t.error ? s.t.error : "");
	journal_end(false);
	terraform_apply(&again, root);
	ck_assert_msg(!again.error, "%s", again.error ? again.error : "");
	unit_same(again.actions, "{'c':'create'}");
	has(&s, "log", "x\n");
	terraform_release(&again);
	stage_end(&s);
}
END_TEST

/* ---- what is wrong ---- */

static const struct {
	const char *root, *words;
} refused[] = {
	{ FILE_ROOT("'path':'DIR/x','content':'','mode':'8'"), "no mode" },
	{ FILE_ROOT("'path':'','content':''"), "it is empty" },
	{ FILE_ROOT("'path':'DIR/x','content':'','source':'x'"),
	  "only one of content and source can be given" },
	{ FILE_ROOT("'path':'DIR/x'"), "one of these has to be given" },
	{ FILE_ROOT("'path':'DIR/x','content_base64':'?'"), "no base64" },
	{ "{'f':{'type':'treenail_host_file','config':{'host':{'netwrok':'x'},'path':'/x',"
	  "'content':''}}}",
	  "netwrok" },
	{ "{'f':{'type':'treenail_host_file','config':{'host':7,'path':'/x','content':''}}}",
	  "a host is an address, or an object" },
	{ EXEC_ROOT("'command':'true','environment':{'a-b':'c'}"), "'a-b' is no name" },
};

START_TEST(bad_input_is_refused_before_anything_is_done)
{
	struct stage s;

	NEED_SSHD;
	stage_init(&s);
	for (size_t i = 0; i < COUNT(refused); i++)
		apply_fails(&s, refused[i].root, refused[i].words);
	AUTO_STR log = sshd_log(&s.d);
	AUTO_BUF text = BUF_INIT;
	unit_ok(file_text(log, 1 << 20, &text));
	ck_assert_ptr_null(strstr(text.s, "Accepted"));
	stage_end(&s);
}
END_TEST

START_TEST(host_that_is_down_is_not_gone)
{
	struct stage s;

	NEED_SSHD;
	stage_init(&s);
	apply(&s, FILE_ROOT("'path':'DIR/one','content':'one'"), "{'f':'create'}");
	hosts_backend.renew();
	unit_ok(hosts_backend.configure(s.block));
	sshd_stop(&s.d);
	apply_fails(&s, FILE_ROOT("'path':'DIR/one','content':'one'"), "nobody listens");
	ck_assert_ptr_nonnull(value(&s, "f", "sha256"));
	has(&s, "one", "one");
	stage_end(&s);
}
END_TEST

START_TEST(unknown_block_is_no_error_before_it_matters)
{
	struct stage s;
	AUTO_STR why = NULL;
	AUTO_JSON early = NULL;

	NEED_SSHD;
	stage_init(&s);
	early = json_copy(s.block);
	json_set(early, "user", value_unknown());
	hosts_backend.renew();
	unit_ok(hosts_backend.configure(early));
	ck_assert(!hosts_known(&why));
	ck_assert_ptr_nonnull(strstr(why, "(user)"));
	apply_fails(&s, FILE_ROOT("'path':'DIR/one','content':'one'"), "(user)");
	unit_ok(hosts_backend.configure(s.block));
	apply(&s, FILE_ROOT("'path':'DIR/one','content':'one'"), "{'f':'create'}");
	json_sets(s.block, "user", "another");
	unit_fails(hosts_backend.configure(s.block), ERR_USAGE, "other values");
	stage_end(&s);
}
END_TEST

/* ---- clusters; made on real hosts by tests/system/hosts_cluster_terraform.py ---- */

#define CLUSTER_ROOT(version, node)                                                       \
	"{'c':{'type':'treenail_cluster','config':{'name':'lab','version':'" version "'," \
	"'journal':'DIR/journal','nodes':[{'name':'c1','role':'control_plane'," node "}]}}}"
#define C1 "'host':'127.0.0.1:PORT'"

static const struct {
	const char *root, *words;
} declarations[] = {
	{ CLUSTER_ROOT("1.33.13", "'hots':'127.0.0.1'"),
	  "there is no 'nodes[0].hots'; was 'host' meant?" },
	{ CLUSTER_ROOT("1.33.13", "'host':{'netwrok':'127.0.0.1'}"),
	  "there is no 'nodes[0].host.netwrok'" },
	{ CLUSTER_ROOT("newest", C1), "newest" },
	{ CLUSTER_ROOT("1.33.13", C1 ",'taints':['a b']"), "nodes[0].taints[0]" },
	{ CLUSTER_ROOT("1.33.13", "'host':'a b'"), "nodes[0].host" },
	{ "{'c':{'type':'treenail_cluster','config':{'name':'lab','version':'1.33.13','nodes':'c1'}}}",
	  "nodes has to be a list of objects; it is a string" },
	{ "{'n':{'type':'treenail_cluster_node','config':{'cluster':{'name':'lab'},'name':'w2'}}}",
	  "nodes has to be a list of objects; it is not given" },
};

START_TEST(declarations_are_checked_before_anything_is_done)
{
	struct stage s;

	NEED_SSHD;
	stage_init(&s);
	sshd_stop(&s.d);
	for (size_t i = 0; i < COUNT(declarations); i++)
		apply_fails(&s, declarations[i].root, declarations[i].words);
	/* This one is right, but for its host. What was not made is in no state. */
	apply_fails(&s, CLUSTER_ROOT("1.33.13", C1),
		    "the next apply goes on where this one stopped");
	ck_assert_ptr_nonnull(strstr(s.t.error, "nobody listens"));
	ck_assert_int_eq(json_object_object_length(s.t.state), 0);
	stage_end(&s);
}
END_TEST

START_TEST(cluster_keeps_its_name)
{
	struct stage s;
	AUTO_JSON root = NULL;

	NEED_SSHD;
	stage_init(&s);
	root = root_of(&s, CLUSTER_ROOT("1.33.13", C1));
	s.t.state = unit_json("{'c':{'type':'treenail_cluster','private':'','values':{'name':'old',"
			      "'id':'old','version':'1.33.13','nodes':null}}}");
	const struct kind *k = kind_named("treenail_cluster", TF_RESOURCE);
	for (const struct row *row = k->rows; row->name; row++)
		if (!json_has(json_at(json_at(s.t.state, "c"), "values"), row->name))
			json_set(json_at(json_at(s.t.state, "c"), "values"), row->name, NULL);
	terraform_apply(&s.t, root);
	ck_assert_ptr_nonnull(s.t.error);
	ck_assert_msg(strstr(s.t.error, "its name stays 'old'") != NULL, "%s", s.t.error);
	stage_end(&s);
}
END_TEST

/* ---- what readers get ---- */

START_TEST(rows_come_out_of_the_table_of_hosts)
{
	const struct row *rows = kind_provider()->rows;
	const struct kind *k = kind_named("treenail_host_file", TF_RESOURCE);

	for (const struct attr *a = ssh_host_options; a->name; a++) {
		const bool left_out = strstr(hosts_no_options, a->name) != NULL;

		ck_assert_msg((row_named(rows, a->name) == NULL) == left_out, "%s", a->name);
		ck_assert_msg(row_named(row_named(k->rows, "host")->nested, a->name) != NULL, "%s",
			      a->name);
	}
	ck_assert_str_eq(json_object_get_string(row_named(k->rows, "host")->type), "dynamic");
	ck_assert_ptr_nonnull(row_named(rows, "private_key"));
}
END_TEST

UNIT_MAIN_IN("treenail", sshd_enter, sandbox_leave, files_are_made_changed_and_removed,
	     a_group_alone_is_compared, files_are_imported, commands_run_once_and_again_by_triggers,
	     commands_that_are_done_are_not_run, journal_knows_what_was_done,
	     bad_input_is_refused_before_anything_is_done, host_that_is_down_is_not_gone,
	     unknown_block_is_no_error_before_it_matters,
	     declarations_are_checked_before_anything_is_done, cluster_keeps_its_name,
	     rows_come_out_of_the_table_of_hosts)
