/*
 * treenail_cluster and what goes with it. Its attributes are the declaration's own table (cluster/cluster.h); what
 * differs is found by looking at the nodes and the API whenever it is planned, not by a state that says how it was.
 */
#include "cluster/cluster.h"

#include <pthread.h>
#include <string.h>

#include "adapter/journal.h"
#include "cluster/inspect.h"
#include "cluster/run.h"
#include "hosts.h"
#include "kinds.h"
#include "protocol/value.h"
#include "server/log.h"
#include "session/config.h"
#include "text.h"
#include "yaml.h"

enum { NODE_S = 900 };

static const struct tf_attr cluster_rows[] = {
	{ "prune", 0, "",
	  "Whether members that are not in nodes are removed, those of a treenail_cluster_node, too: it goes with "
	  "none of these. What is taken out of nodes always is.",
	  .type = "\"bool\"" },
	{ "changes", TF_COMPUTED, "",
	  "What the last apply did, line by line; null as long as the first has not come to its end.",
	  .type = "[\"list\",\"string\"]" },
	{ "server", TF_COMPUTED, "", "URL of the API, as nodes and users reach it." },
	{ 0 },
};

#define CLUSTER_ROW                                                                        \
	{                                                                                  \
		"cluster", TF_REQUIRED | TF_NESTED | TF_SINGLE, "",                        \
			"The cluster: a treenail_cluster as it is, or an object with its " \
			"arguments.",                                                      \
			.options = cluster_attrs                                           \
	}

/* ---- declarations ---- */

/* The options of the table among values, as the engine takes them; a host may be a string. Owned. */
static struct err *declaration_of(struct json_object *values, struct json_object **ret)
{
	AUTO_JSON given = json_object_new_object();
	AUTO_JSON plain = hosts_plain(values);
	struct json_object *nodes;
	struct err *e = NULL;

	for (const struct attr *a = cluster_attrs; a->name; a++)
		if (json_at(plain, a->name))
			json_set(given, a->name, json_copy(json_at(plain, a->name)));
	nodes = json_at(given, "nodes");
	if (!json_object_is_type(nodes, json_type_array))
		e = err_new(ERR_USAGE, "nodes has to be a list of objects; it is %s",
			    nodes ? json_type_words(nodes) : "not given");
	for (size_t i = 0; i < json_len(nodes) && !e; i++) {
		struct json_object *node = json_nth(nodes, i), *host = json_at(node, "host");
		struct json_object *parsed = NULL;

		if (!json_object_is_type(host, json_type_string))
			continue;
		e = err_wrap(ssh_host_parse(json_object_get_string(host), &parsed),
			     "nodes[%zu].host", i);
		if (!e)
			json_set(node, "host", parsed);
	}
	if (!e)
		*ret = TAKE(given);
	return err_at(e, "nodes");
}

/* What the provider block says is beneath what the cluster says. */
static void add_defaults(struct json_object *given, const struct login *l)
{
	struct json_object *ssh = json_at(given, "ssh");

	if (!ssh)
		json_set(given, "ssh", ssh = json_object_new_object());
	if (!json_object_is_type(ssh, json_type_object))
		return;
	json_object_object_foreach(l->defaults, key, v) {
		if (!json_has(ssh, key))
			json_set(ssh, key, json_copy(v));
	}
}

/* The attribute that a key is; NULL, with what it may have been meant to be: it is none. */
static const struct attr *attr_of(const struct attr *attrs, const char *key, struct nearest *ret)
{
	*ret = (struct nearest){ .s = key };
	for (const struct attr *a = attrs; a->name; a++) {
		if (strcmp(a->name, key) == 0 || words_have(a->aliases, key))
			return a;
		nearest_try(ret, a->name);
	}
	return NULL;
}

static struct err *no_such(const char *at, const struct nearest *n)
{
	return err_new(ERR_USAGE, "there is no '%s'%s%s%s", at, n->best ? "; was '" : "",
		       n->best ? n->best : "", n->best ? "' meant?" : "");
}

/* What is misspelled can be told even where values are not known. */
static struct err *check_names(const struct attr *attrs, struct json_object *v, const char *where)
{
	struct err *e = NULL;

	v = value_inner(v);
	for (size_t i = 0; i < json_len(v) && !e; i++) {
		AUTO_STR at = xasprintf("%s[%zu]", where, i);

		e = check_names(attrs, json_nth(v, i), at);
	}
	if (!json_object_is_type(v, json_type_object) || value_is_unknown(v))
		return e;
	json_object_object_foreach(v, key, one) {
		AUTO_STR at = xasprintf("%s.%s", where, key);
		struct nearest n;
		const struct attr *a = attr_of(attrs, key, &n);

		if (!e && !a)
			e = no_such(at, &n);
		else if (!e && a->sub)
			e = check_names(a->sub, one, at);
	}
	return e;
}

static struct err *check_rows(struct json_object *values)
{
	struct err *e = NULL;

	for (const struct attr *a = cluster_attrs; a->name && !e; a++)
		if (a->sub)
			e = err_at(check_names(a->sub, json_at(values, a->name), a->name), a->name);
	return e;
}

static struct err *validate(struct tf_op *t)
{
	AUTO_JSON given = NULL;
	AUTO_JSON whole = NULL;
	struct err *e = check_rows(t->config);

	if (e || value_has_unknown(t->config))
		return e;
	e = declaration_of(t->config, &given);
	return e ? e : cluster_declaration(given, &whole, NULL);
}

/* ---- runs ---- */

typedef struct err *run_fn(struct json_object *given, const struct cluster_options_run *o,
			   struct cluster_outcome *ret);

static void said(void *arg, const char *line)
{
	log_write(LOG_INFO, line, "cluster", arg, NULL);
}

/* Nodes of before that are declared no more: they are still needed, to be reached once more. Names; owned. */
static struct json_object *add_removed(struct json_object *given, struct json_object *before)
{
	struct json_object *names = json_object_new_array(), *nodes = json_at(given, "nodes");
	struct json_object *old = json_at(before, "nodes");
	const size_t declared = json_len(nodes);

	for (size_t i = 0; i < json_len(old); i++) {
		const char *name = json_str(json_nth(old, i), "name");
		bool there = !name;

		for (size_t k = 0; k < declared && !there; k++)
			there = json_is_str(json_at(json_nth(nodes, k), "name"), name);
		if (there)
			continue;
		json_object_array_add(nodes, json_copy(json_nth(old, i)));
		json_object_array_add(names, json_object_new_string(name));
	}
	return names;
}

struct wish {
	struct json_object *values; /* rows */
	struct json_object *before; /* rows of the state; NULL: creation */
	struct json_object *node; /* rows of a treenail_cluster_node that is meant; NULL: all is */
	bool leaves;              /* it is to go */
	bool check;
};

/* A node that the cluster itself need not declare. Its name in a list; owned. */
static struct err *add_node(struct json_object *given, struct json_object *rows_of_node,
			    struct json_object **ret)
{
	AUTO_JSON node = json_object_new_object();
	AUTO_JSON plain = hosts_plain(rows_of_node);
	AUTO_JSON alone = json_object_new_object();
	AUTO_JSON parsed = NULL;
	struct json_object *nodes = json_at(given, "nodes"), *list = json_object_new_array();
	struct err *e;

	for (const struct attr *a = cluster_node_attrs; a->name; a++)
		if (json_at(plain, a->name))
			json_set(node, a->name, json_copy(json_at(plain, a->name)));
	json_object_array_add(list, json_copy(node));
	json_set(alone, "nodes", list);
	e = declaration_of(alone, &parsed);
	if (e)
		return e;
	for (size_t i = json_len(nodes); i-- > 0;)
		if (json_is_str(json_at(json_nth(nodes, i), "name"), json_str(node, "name")))
			(void)json_object_array_del_idx(nodes, i, 1);
	json_object_array_add(nodes, json_copy(json_nth(json_at(parsed, "nodes"), 0)));
	*ret = json_object_new_array();
	json_object_array_add(*ret, json_copy(json_at(node, "name")));
	return NULL;
}

/* Who changes a cluster: its nodes may be resources that Terraform works on side by side, but its journal is for one. */
struct turn {
	char *name;
	pthread_mutex_t taken;
	struct turn *next;
};

static struct turn *turn_of(const char *name)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static struct turn *all;
	struct turn *turn;

	(void)pthread_mutex_lock(&lock);
	for (turn = all; turn && strcmp(turn->name, name) != 0;)
		turn = turn->next;
	if (!turn) {
		turn = xcalloc(1, sizeof(*turn));
		*turn = (struct turn){ .name = xstrdup(name), .next = all };
		(void)pthread_mutex_init(&turn->taken, NULL);
		all = turn;
	}
	(void)pthread_mutex_unlock(&lock);
	return turn;
}

static struct err *run_in_turn(struct json_object *given, const struct cluster_options_run *o,
			       run_fn *fn, struct cluster_outcome *ret)
{
	struct turn *turn = o->check ? NULL : turn_of(json_str(given, "name"));
	struct err *e;

	if (turn)
		(void)pthread_mutex_lock(&turn->taken);
	e = fn(given, o, ret);
	if (turn)
		(void)pthread_mutex_unlock(&turn->taken);
	return e;
}

/* What one action on a node may take: of an hour, which is the default, a quarter; of less than that no more than all. */
static int node_s(const struct tf_op *t)
{
	const int64_t s = t->op->timeout_ms / 1000, usual = s < NODE_S ? s : NODE_S;

	return (int)(s / 4 > usual ? s / 4 : usual);
}

static struct err *run(const struct tf_op *t, const struct wish *w, run_fn *fn,
		       struct cluster_outcome *ret)
{
	struct login l = { .block = NULL };
	AUTO_JSON given = NULL;
	AUTO_JSON before = NULL;
	AUTO_JSON removed = NULL;
	AUTO_JSON only = NULL;
	AUTO_STR name = NULL;
	struct err *e = hosts_login(&l);

	if (!e)
		e = declaration_of(w->values, &given);
	/* Of what was only imported no nodes are known. */
	if (!e && json_at(w->before, "nodes"))
		e = declaration_of(w->before, &before);
	if (!e && w->node)
		e = add_node(given, w->node, &only);
	if (!e) {
		add_defaults(given, &l);
		name = xstrdup(json_str(given, "name"));
		removed = w->leaves ? json_copy(only) : add_removed(given, before);
		const struct cluster_options_run o = {
			.wish = { .prune = !w->node && json_truth(w->values, "prune", false),
				  .only = only,
				  .remove = json_len(removed) ? removed : NULL },
			.check = w->check,
			.node_s = node_s(t),
			.secrets = &l.secrets,
			.said = said,
			.arg = name,
		};
		e = run_in_turn(given, &o, fn, ret);
	}
	login_release(&l);
	return e;
}

/* What a plan has, or what was done of it; owned. */
static struct json_object *lines_of(const struct cluster_outcome *out, bool done)
{
	struct json_object *lines = json_object_new_array(), *all = json_at(out->plan, "actions");

	for (size_t i = 0; i < json_len(all); i++) {
		struct json_object *a = json_nth(all, i);

		if (done && !json_is_str(json_at(a, "state"), "done"))
			continue;
		AUTO_STR words = action_words(a);
		json_object_array_add(lines, json_object_new_string(words));
	}
	return lines;
}

static void warn(struct tf_op *t, const struct cluster_outcome *out)
{
	for (size_t i = 0; i < json_len(out->warnings); i++)
		op_warn(t->op, "%s", json_object_get_string(json_nth(out->warnings, i)));
}

/* ---- the cluster ---- */

static struct err *plan_name(const struct tf_op *t)
{
	const char *is = json_str(t->planned, "name"), *was = json_str(t->prior, "name");

	if (!was || (is && strcmp(is, was) == 0))
		return NULL;
	return err_at(
		err_new(ERR_USAGE, "its name stays '%s': another one is another resource", was),
		"name");
}

/*
 * What was begun and failed is in the state, so that it can be destroyed, but tainted: Terraform then plans to destroy it and
 * to make it anew, which would throw away all that was done. So the two are told apart: the plan of a
 * creation is noted, and comes along where something is destroyed for its sake; a destruction that is meant has no note.
 */
static void note_creation(struct tf_op *t)
{
	if (t->prior)
		return;
	json_object_put(t->kept);
	t->kept = json_wrap("creation", json_object_new_boolean(true));
}

/* Of what is to be destroyed: its creation never came to its end, and is about to go on. */
static bool goes_on(const struct tf_op *t)
{
	return !json_at(t->prior, "changes") && json_truth(t->kept, "creation", false);
}

/* What an apply would do is in a plan as a warning: it is no value, and need not be true of the next one. */
static void say_plan(struct tf_op *t, struct json_object *lines)
{
	AUTO_BUF text = BUF_INIT;

	for (size_t i = 0; i < json_len(lines); i++)
		buf_addf(&text, "\n- %s", json_object_get_string(json_nth(lines, i)));
	op_warn(t->op, "cluster '%s': what differs, and is done by an apply:%s",
		json_str(t->planned, "name"), text.s);
}

/* Looks, if it can. A creation is planned without: hosts may be on their way up. */
static struct err *look(struct tf_op *t, const struct wish *w)
{
	struct cluster_outcome out = { .plan = NULL };
	AUTO_STR why = NULL;
	struct err *e;

	if (!t->prior)
		return NULL;
	if (value_has_unknown(t->planned) || !hosts_known(&why) || journal_applies()) {
		json_set(t->planned, "changes", tf_unknown(t));
		return NULL;
	}
	e = run(t, w, cluster_make, &out);
	if (!e && (out.changed || !json_at(t->prior, "changes"))) /* what was imported has none */
		json_set(t->planned, "changes", tf_unknown(t));
	if (!e && out.changed) {
		AUTO_JSON lines = lines_of(&out, false);

		say_plan(t, lines);
	}
	warn(t, &out);
	cluster_outcome_release(&out);
	return e;
}

static struct err *plan(struct tf_op *t)
{
	const struct wish w = { .values = t->planned, .before = t->prior, .check = true };
	struct err *e = plan_name(t);

	note_creation(t);
	return e ? e : look(t, &w);
}

/* What the endpoint of a declaration is for its users; owned. */
static struct err *server_of(struct json_object *values, char **ret)
{
	AUTO_JSON given = NULL;
	AUTO_JSON whole = NULL;
	AUTO_STR endpoint = NULL;
	struct err *e = declaration_of(values, &given);

	if (!e)
		e = cluster_declaration(given, &whole, NULL);
	if (e)
		return e;
	endpoint = cluster_endpoint(whole);
	*ret = xasprintf("https://%s", endpoint);
	return NULL;
}

/* `changes` is null as long as the creation has not come to its end. */
static void show(struct tf_op *t, const struct cluster_outcome *out, bool whole)
{
	t->state = json_copy(t->planned);
	json_sets(t->state, "id", json_str(t->planned, "name"));
	json_set(t->state, "changes", whole ? lines_of(out, true) : NULL);
}

/* Something may be on the nodes. */
static bool has_begun(const struct cluster_outcome *out)
{
	struct json_object *all = json_at(out->plan, "actions");

	for (size_t i = 0; i < json_len(all); i++) {
		struct json_object *state = json_at(json_nth(all, i), "state");

		if (json_is_str(state, "done") || json_is_str(state, "failed"))
			return true;
	}
	return false;
}

static struct err *make(struct tf_op *t, const struct wish *w)
{
	struct cluster_outcome out = { .plan = NULL };
	struct err *e = run(t, w, cluster_make, &out);
	const bool begun = has_begun(&out);

	warn(t, &out);
	if (!e || begun)
		show(t, &out, !e);
	cluster_outcome_release(&out);
	return err_wrap(e, "the next apply goes on where this one stopped%s",
			begun && !t->prior
				? ", and resets nothing, though Terraform calls it replacing"
				: "");
}

static struct err *unmake(struct tf_op *t, const struct wish *w, run_fn *fn)
{
	struct cluster_outcome out = { .plan = NULL };
	struct err *e = goes_on(t) ? NULL : run(t, w, fn, &out);

	warn(t, &out);
	cluster_outcome_release(&out);
	return e;
}

static struct err *apply(struct tf_op *t)
{
	const struct wish w = { .values = t->planned, .before = t->prior };
	AUTO_STR server = NULL;
	struct err *e = server_of(t->planned, &server);

	if (!e)
		e = make(t, &w);
	if (t->state)
		json_sets(t->state, "server", server);
	return e;
}

static struct err *remove_it(struct tf_op *t)
{
	const struct wish w = { .values = t->prior };

	return unmake(t, &w, cluster_reset);
}

/* It is looked at when it is planned. */
static struct err *read_it(struct tf_op *t)
{
	t->state = json_copy(t->prior);
	return NULL;
}

static struct err *import(struct tf_op *t, const char *id)
{
	json_sets(t->state, "id", id);
	json_sets(t->state, "name", id);
	return NULL;
}

static const struct tf_worker worker = {
	.validate = validate,
	.plan = plan,
	.create = apply,
	.update = apply,
	.remove = remove_it,
	.read = read_it,
	.import = import,
};

const struct tf_kind treenail_cluster = {
	.name = "cluster",
	.doc = "A Kubernetes cluster on machines that answer SSH, made with kubeadm. What differs from its "
	       "declaration is looked for on its nodes whenever it is planned, and made true by an apply; an apply "
	       "that failed or was killed is finished by the next one.",
	.attrs = cluster_rows,
	.options = cluster_attrs,
	.minutes = { .create = 60, .update = 120, .remove = 30 },
	.worker = &worker,
	.import_doc =
		"The ID is the cluster's name; its nodes are those of the configuration. Where a kubeconfig or the health of it "
		"is asked for, only an `import` block will do: `terraform import` would ask before it "
		"knows of any nodes.",
	.example =
		"resource \"treenail_cluster\" \"demo\" {\n"
		"  name    = \"demo\"\n"
		"  version = \"1.33.13\"\n"
		"\n"
		"  nodes = [\n"
		"    { name = \"c1\", role = \"control_plane\", host = { address = \"10.0.0.11\" } },\n"
		"    { name = \"w1\", host = { address = \"10.0.0.21\" } },\n"
		"  ]\n"
		"}\n",
};

/* ---- one node of it ---- */

static const struct tf_attr node_rows[] = {
	CLUSTER_ROW,
	{ "changes", TF_COMPUTED, "",
	  "What the last apply did, line by line; null as long as the first has not come to its end.",
	  .type = "[\"list\",\"string\"]" },
	{ 0 },
};

static struct err *validate_node(struct tf_op *t)
{
	return hosts_check(json_at(t->config, "host"));
}

static struct json_object *cluster_of(struct json_object *values)
{
	return value_inner(json_at(values, "cluster"));
}

static struct err *plan_node(struct tf_op *t)
{
	const struct wish w = { .values = cluster_of(t->planned),
				.node = t->planned,
				.check = true };
	struct err *e = plan_name(t);

	note_creation(t);
	return e ? e : look(t, &w);
}

static struct err *apply_node(struct tf_op *t)
{
	const struct wish w = { .values = cluster_of(t->planned), .node = t->planned };

	return make(t, &w);
}

static struct err *remove_node(struct tf_op *t)
{
	const struct wish w = { .values = cluster_of(t->prior), .node = t->prior, .leaves = true };

	return unmake(t, &w, cluster_make);
}

static const struct tf_worker node_worker = {
	.validate = validate_node,
	.plan = plan_node,
	.create = apply_node,
	.update = apply_node,
	.remove = remove_node,
	.read = read_it,
	.import = import,
};

const struct tf_kind treenail_cluster_node = {
	.name = "cluster_node",
	.doc = "A node beside those that a treenail_cluster declares: joined, kept as declared, and when it is "
	       "destroyed drained and taken out. No other worker is connected to.",
	.attrs = node_rows,
	.options = cluster_node_attrs,
	.minutes = { .create = 30, .update = 60, .remove = 30 },
	.worker = &node_worker,
	.import_doc = "The ID is the node's name.",
	.example = "resource \"treenail_cluster_node\" \"w2\" {\n"
		   "  cluster = treenail_cluster.demo\n"
		   "  name    = \"w2\"\n"
		   "  host    = { address = \"10.0.0.22\" }\n"
		   "}\n",
};

/* ---- its kubeconfig ---- */

static const struct tf_attr kubeconfig_rows[] = {
	CLUSTER_ROW,
	{ "kubeconfig", TF_COMPUTED | TF_SENSITIVE, "", "All of it, as YAML." },
	{ "host", TF_COMPUTED, "", "URL of the API." },
	{ "cluster_ca_certificate", TF_COMPUTED, "", "Certificates it is trusted by, as PEM." },
	{ "client_certificate", TF_COMPUTED, "", "The administrator's certificate, as PEM." },
	{ "client_key", TF_COMPUTED | TF_SENSITIVE, "", "Its key, as PEM." },
	{ 0 },
};

/* A row of base64 as text. */
static void show_pem(struct tf_op *t, const char *row, struct json_object *from, const char *key)
{
	AUTO_BUF text = BUF_INIT;
	const char *coded = json_str(from, key);

	if (coded && base64_text(coded, strlen(coded), &text))
		json_sets(t->state, row, text.s);
	buf_wipe(&text);
}

static struct json_object *first(struct json_object *config, const char *list, const char *what)
{
	return json_at(json_nth(json_at(config, list), 0), what);
}

static void show_kubeconfig(struct tf_op *t, struct json_object *config)
{
	struct json_object *cluster = first(config, "clusters", "cluster");
	struct json_object *user = first(config, "users", "user");
	AUTO_BUF text = BUF_INIT;

	yaml_write(config, &text);
	json_sets(t->state, "kubeconfig", text.s);
	json_sets(t->state, "host", json_str(cluster, "server"));
	show_pem(t, "cluster_ca_certificate", cluster, "certificate-authority-data");
	show_pem(t, "client_certificate", user, "client-certificate-data");
	show_pem(t, "client_key", user, "client-key-data");
	buf_wipe(&text);
}

/* For run(): the kubeconfig in place of an outcome's plan. */
static struct err *fetch_kubeconfig(struct json_object *given, const struct cluster_options_run *o,
				    struct cluster_outcome *ret)
{
	return cluster_kubeconfig(given, o, &ret->plan);
}

static struct err *open_kubeconfig(struct tf_op *t)
{
	const struct wish w = { .values = value_inner(json_at(t->config, "cluster")) };
	struct cluster_outcome out = { .plan = NULL };
	struct err *e = err_at(run(t, &w, fetch_kubeconfig, &out), "cluster");

	if (!e)
		show_kubeconfig(t, out.plan);
	json_wipe(out.plan);
	cluster_outcome_release(&out);
	return e;
}

const struct tf_kind treenail_kubeconfig = {
	.name = "kubeconfig",
	.what = TF_EPHEMERAL,
	.doc = "The administrator's kubeconfig of a cluster, read off a control plane whenever it is needed: it is in "
	       "no plan and no state.",
	.attrs = kubeconfig_rows,
	.open = open_kubeconfig,
	.example = "ephemeral \"treenail_kubeconfig\" \"demo\" {\n"
		   "  cluster = treenail_cluster.demo\n"
		   "}\n",
};

/* ---- how it is ---- */

#define LIST_TYPE "[\"list\",\"string\"]"

static const struct tf_attr health_rows[] = {
	CLUSTER_ROW,
	{ "healthy", TF_COMPUTED, "", "Whether there is nothing in problems.", .type = "\"bool\"" },
	{ "version", TF_COMPUTED, "", "Version of the API server." },
	{ "nodes_ready", TF_COMPUTED, "", "How many nodes are Ready.", .type = "\"number\"" },
	{ "nodes_total", TF_COMPUTED, "", "How many there are.", .type = "\"number\"" },
	{ "certificates_days_left", TF_COMPUTED, "",
	  "Whole days until the first certificate ends, of files and of what is served.",
	  .type = "\"number\"" },
	{ "problems", TF_COMPUTED, "", "What is wrong.", .type = LIST_TYPE },
	{ "warnings", TF_COMPUTED, "", "What is going to be wrong, or unusual.",
	  .type = LIST_TYPE },
	{ "health", TF_COMPUTED, "", "All of it: nodes, control plane, etcd, certificates.",
	  .type = "\"dynamic\"" },
	{ 0 },
};

static struct err *fetch_health(struct json_object *given, const struct cluster_options_run *o,
				struct cluster_outcome *ret)
{
	return cluster_inspect(given, o, &ret->observed);
}

static struct err *open_health(struct tf_op *t)
{
	const struct wish w = { .values = cluster_of(t->config), .check = true };
	struct cluster_outcome out = { .plan = NULL };
	struct err *e = err_at(run(t, &w, fetch_health, &out), "cluster");
	struct json_object *health = json_at(out.observed, "health");

	if (!e && !health)
		e = err_new(ERR_NOT_FOUND, "there is no such cluster on its nodes");
	for (const struct tf_attr *row = health_rows + 1; row->name && !e; row++)
		json_set(t->state, row->name, json_copy(json_at(health, row->name)));
	if (!e) {
		json_set(t->state, "health", json_copy(health));
		json_sets(t->state, "id", json_str(w.values, "name"));
	}
	cluster_outcome_release(&out);
	return e;
}

const struct tf_kind treenail_cluster_health = {
	.name = "cluster_health",
	.what = TF_DATA,
	.doc = "How a cluster is: its API server, nodes, control plane, etcd, and the certificates that are in files and "
	       "that are served.",
	.attrs = health_rows,
	.open = open_health,
	.example = "data \"treenail_cluster_health\" \"demo\" {\n"
		   "  cluster = treenail_cluster.demo\n"
		   "}\n"
		   "\n"
		   "output \"problems\" {\n"
		   "  value = data.treenail_cluster_health.demo.problems\n"
		   "}\n",
};
