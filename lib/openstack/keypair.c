#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "terraform.h"

enum { KEY_FILE_BYTES = 64 << 10 };

static struct err *read_file(const char *path, struct buf *ret)
{
	char part[4096];
	ssize_t n = 0;
	const int fd = open(path, O_RDONLY | O_CLOEXEC);

	ret->max = KEY_FILE_BYTES;
	while (fd >= 0 && (n = read(fd, part, sizeof(part))) > 0)
		if (!buf_add(ret, part, (size_t)n))
			break;
	const int why = fd < 0 || n < 0 ? errno : 0;
	if (fd >= 0)
		(void)close(fd);
	if (why)
		return err_new(ERR_USAGE, "%s: %s", path, strerror(why));
	return n > 0 ? err_new(ERR_USAGE, "%s: more than %d bytes: no public key", path,
			       KEY_FILE_BYTES)
		     : NULL;
}

static size_t trimmed(const char *s)
{
	size_t n = strlen(s);

	while (n && strchr(" \t\r\n", s[n - 1]))
		n--;
	return n;
}

/* Files end with a newline; a key does not. */
static struct err *prepare(struct op *op)
{
	const char *file = json_str(op->want, "public_key_file");
	const char *key = json_str(op->want, "public_key");
	AUTO_BUF text = BUF_INIT;

	if (strcmp(op->state, "replace") == 0)
		op->allow_replace = true;
	if (strcmp(op->state, "absent") == 0)
		return NULL;
	if (file) {
		struct err *e = read_file(file, &text);

		if (e)
			return err_at(err_wrap(e, "public_key_file"), "public_key_file");
		key = text.s;
	}
	if (key)
		json_set(op->want, "public_key",
			 json_object_new_string_len(key, (int)trimmed(key)));
	return NULL;
}

/* Nova keeps a key as it was sent: a blank more or less at its end is no other key. */
static struct err *expand(struct op *op)
{
	const char *want = json_str(op->want, "public_key");
	const char *have = json_str(op->have, "public_key");

	if (want && have && strlen(want) == trimmed(have) && strncmp(want, have, strlen(want)) == 0)
		json_sets(op->want, "public_key", have);
	return NULL;
}

/* A key whose other half nobody has is of no use: who keeps IDs makes another one. */
static struct err *created(struct op *op)
{
	if (!op->keeper || json_at(op->want, "public_key") || json_at(op->have, "private_key"))
		return NULL;
	return err_new(ERR_REMOTE,
		       "POST %s %s: its answer, which alone has the private key, was lost: "
		       "make the key anew",
		       op->r->service, op->r->path);
}

/* Other users' key pairs are an administrator's; one's own go by their name alone. */
static char *pair_tail(struct op *op, const char *name)
{
	const char *user = json_str(op->want, "user_id");
	AUTO_BUF tail = BUF_INIT;

	buf_adds(&tail, "/");
	buf_addurl(&tail, name);
	if (user && *user) {
		buf_adds(&tail, "?user_id=");
		buf_addurl(&tail, user);
	}
	return buf_take(&tail);
}

static struct err *remove_pair(struct op *op)
{
	const char *name = json_str(op->have, "name");
	AUTO_STR tail = pair_tail(op, name ? name : op->id);

	return op_call(op, "DELETE", tail, NULL, NULL);
}

static const struct attr attrs[] = {
	{ "name", STR, REQUIRED, "Name of the key pair; unique for its user." },
	{ "public_key", STR, REPLACES,
	  "The public key; without one, Nova makes a pair and returns the private key once." },
	{ "public_key_file", STR, OPTION,
	  "File on the machine the task runs on to read the public key from." },
	{ "id", STR, READONLY, "Its name: Nova knows key pairs by that.", .read = "name" },
	{ "created_at", STR, READONLY, "When it was made." },
	{ "fingerprint", STR, READONLY, "Fingerprint of the public key." },
	{ "is_deleted", BOOL, READONLY, "Whether it is deleted.", .read = "deleted" },
	{ "private_key", STR, READONLY | ONCE, "The private key, when Nova has just made it." },
	{ "type", STR, READONLY, "ssh or x509." },
	{ "user_id", STR, INTERNAL, "ID of the user it belongs to." },
	{ 0 },
};

static const struct rule rules[] = {
	{ EXCLUSIVE, "public_key public_key_file" },
	{ 0 },
};

/* Nova goes on to the next page by itself; the user's limit is for all. */
static struct err *first_ones(struct op *op, struct json_object **list)
{
	const int64_t limit = json_int(op->want, "limit", -1);

	if (limit >= 0 && (size_t)limit < json_len(*list))
		(void)json_object_array_del_idx(*list, (size_t)limit,
						json_len(*list) - (size_t)limit);
	return NULL;
}

static const struct attr params[] = {
	{ "user_id", STR, FILTER,
	  "ID of the user whose key pairs to tell about; for administrators." },
	{ "limit", INT, OPTION, "Most key pairs to return." },
	{ "marker", STR, OPTION, "Name of the key pair after which to begin." },
	{ 0 },
};

static struct err *query(struct op *op, struct buf *query)
{
	const char *marker = json_str(op->want, "marker");

	if (marker && !json_at(op->want, "name")) {
		buf_addf(query, "%smarker=", query->len ? "&" : "");
		buf_addurl(query, marker);
	}
	return NULL;
}

static const struct info info = {
	.name = "keypair_info",
	.doc = "Tell about key pairs.",
	.returns = "keypairs",
	.params = params,
	.no_filters = true,
	.glob = true,
	.query = query,
	.select = first_ones,
	.example = "- name: All key pairs of mine\n"
		   "  treenail.openstack.keypair_info:\n"
		   "    cloud: demo\n",
};

/* ---- in Terraform files ---- */

/* An imported key, or one the replaced provider made, may have another blank at its end. */
static struct err *keep_key(struct tf_op *t)
{
	const char *key = json_str(t->planned, "public_key");
	const char *was = json_str(t->prior, "public_key");

	if (key && was && trimmed(key) == trimmed(was) && strncmp(key, was, trimmed(key)) == 0)
		tf_keep(t, "public_key");
	return NULL;
}

/* What is imported is there by its ID only: NAME, or USER:NAME. */
static struct err *read_pair(struct tf_op *t)
{
	const char *name = json_str(t->op->want, "name"), *id = json_str(t->prior, "id");
	const char *mark = id && !name ? strchr(id, ':') : NULL;
	AUTO_JSON answer = NULL;
	struct err *e;

	if (mark)
		json_set(t->op->want, "user_id", json_object_new_string_len(id, (int)(mark - id)));
	AUTO_STR tail = pair_tail(t->op, name ? name : mark ? mark + 1 : id);
	e = op_call(t->op, "GET", tail, NULL, &answer);
	if (e && e->kind == ERR_NOT_FOUND && e->status == 404) {
		err_free(e);
		return NULL;
	}
	if (!e)
		t->op->have = attrs_decode(attrs, json_at(answer, "keypair"));
	return e;
}

static struct err *show_pair(struct tf_op *t)
{
	const char *user = json_str(t->config, "user_id");

	if (user && *user && !t->prior) {
		AUTO_STR id = xasprintf("%s:%s", user, json_str(t->op->have, "name"));

		json_sets(t->state, "id", id);
	}
	return NULL;
}

static const struct tf_attr rows[] = {
	{ "name", TF_REQUIRED },
	{ "public_key", TF_OC },
	{ "user_id", TF_OC, .doc = "ID of another user, for administrators." },
	{ "value_specs", TF_NEW | TF_KEPT, "",
	  "Further attributes of the creation, by their names in the API.",
	  .type = "[\"map\",\"string\"]" },
	{ "private_key", TF_COMPUTED | TF_SENSITIVE | TF_KEPT },
	{ "fingerprint", TF_COMPUTED },
	{ 0 },
};

static const struct tf_kind compute_keypair_v2 = {
	.name = "compute_keypair_v2",
	.doc = "A key pair for logging in to instances; without a public key, Nova makes both keys.",
	.attrs = rows,
	.import_doc = "The name; of another user's key pair, the user's ID, a colon and the name.",
	.plan = keep_key,
	.read = read_pair,
	.show = show_pair,
	.example = "resource \"openstack_compute_keypair_v2\" \"login\" {\n"
		   "  name = \"example-login\"\n"
		   "}\n",
};

static const struct tf_attr data_rows[] = {
	{ "name", TF_REQUIRED },
	{ "user_id", TF_OC, .doc = "ID of another user, for administrators." },
	{ "public_key", TF_COMPUTED, .doc = "The public key." },
	{ "fingerprint", TF_COMPUTED },
	{ 0 },
};

static const struct tf_kind data_keypair_v2 = {
	.name = "compute_keypair_v2",
	.what = TF_DATA,
	.doc = "A key pair that is there already.",
	.attrs = data_rows,
	.example = "resource \"openstack_compute_keypair_v2\" \"login\" {\n"
		   "  name = \"example-found\"\n"
		   "}\n"
		   "\n"
		   "data \"openstack_compute_keypair_v2\" \"login\" {\n"
		   "  name = openstack_compute_keypair_v2.login.name\n"
		   "}\n",
	.read = read_pair,
};

static const struct tf_kind *const terraform[] = { &compute_keypair_v2, &data_keypair_v2, NULL };

const struct resource os_keypair = {
	.name = "keypair",
	.doc = "Manage a key pair for logging in to servers.",
	.service = "compute",
	.path = "/os-keypairs",
	.key = "keypair",
	.keys = "keypairs",
	.microversion = "2.35", /* from 2.92 on Nova makes no keys any more */
	.flags = ID_IS_NAME,
	.attrs = attrs,
	.rules = rules,
	.states = "present absent replace",
	.prepare = prepare,
	.expand = expand,
	.created = created,
	.remove = remove_pair,
	.info = &info,
	.terraform = terraform,
	.example = "- name: A key that Nova makes\n"
		   "  treenail.openstack.keypair:\n"
		   "    cloud: demo\n"
		   "    name: tn-example-key\n"
		   "  register: made\n"
		   "- name: Remove it\n"
		   "  treenail.openstack.keypair:\n"
		   "    cloud: demo\n"
		   "    name: tn-example-key\n"
		   "    state: absent\n",
};
