#include "cluster/engine.h"
#include "kubernetes/objects.h"

/* Manifests of the pod network. */

static struct err *objects_of(struct engine *g, struct json_object **ret)
{
	AUTO_JSON all = json_object_new_array();
	struct json_object *list;
	struct err *e = NULL;

	pthread_mutex_lock(&g->lock);
	list = json_at(g->d, "cni.manifests");
	for (size_t i = 0; i < json_len(list) && !e; i++) {
		AUTO_STR what = xasprintf("cni.manifests[%zu]", i);
		AUTO_BUF text = BUF_INIT;
		AUTO_JSON one = NULL;

		e = declared_text(what, json_object_get_string(json_nth(list, i)), &text);
		if (!e)
			e = documents_parse(text.s, text.len, what, &one);
		for (size_t k = 0; k < json_len(one); k++)
			json_object_array_add(all, json_object_get(json_nth(one, k)));
	}
	pthread_mutex_unlock(&g->lock);
	if (!e)
		*ret = TAKE(all);
	return e;
}

static struct err *first_of(struct err **errs, size_t n)
{
	struct err *first = NULL;

	for (size_t i = 0; i < n; i++) {
		if (first)
			err_free(errs[i]);
		else
			first = errs[i];
	}
	return first;
}

struct err *engine_network(struct engine *g, bool check, struct json_object **ret_titles)
{
	AUTO_JSON objects = NULL;
	struct err *e = objects_of(g, &objects);
	const size_t n = json_len(objects);
	struct object_op *ops;
	struct err **errs;

	if (e)
		return e;
	*ret_titles = json_object_new_array();
	ops = xcalloc(n + 1, sizeof(*ops));
	errs = xcalloc(n + 1, sizeof(struct err *));
	for (size_t i = 0; i < n; i++)
		ops[i] = (struct object_op){ .cluster = g->api,
					     .want = json_nth(objects, i),
					     .way = WAY_SERVER_APPLY,
					     .check = check };
	objects_apply(ops, n, 0, errs);
	for (size_t i = 0; i < n; i++) {
		AUTO_STR title = document_title(json_nth(objects, i));

		if (ops[i].changed)
			json_object_array_add(*ret_titles, json_object_new_string(title));
		object_op_release(&ops[i]);
	}
	e = first_of(errs, n);
	free(ops);
	free(errs);
	return e;
}
