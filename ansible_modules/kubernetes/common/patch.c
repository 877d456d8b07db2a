#include "tasks.h"

struct err *object_patch(struct op *op, const struct kube_kind *k, struct json_object *object,
			 const char *sub, const char *type, struct json_object *body,
			 struct json_object **ret)
{
	AUTO_STR path = kind_path(k, json_str(object, "metadata.namespace"),
				  json_str(object, "metadata.name"), sub);
	AUTO_STR whole =
		xasprintf("%s?fieldManager=treenail%s", path, op->check ? "&dryRun=All" : "");
	AUTO_STR content = xasprintf("application/%s-patch+json", type);

	return cluster_call(
		op->cluster,
		&(struct kube_request){
			.method = "PATCH", .path = whole, .body = body, .content_type = content },
		ret);
}

struct err *object_there(struct op *op, const struct kube_kind *k, const char *ns, const char *name,
			 struct json_object **ret)
{
	struct json_object *found = NULL;
	struct err *e = object_get(op->cluster, k, k->namespaced ? ns : NULL, name, &found);

	if (e)
		return e;
	if (!found)
		return k->namespaced
			       ? err_new(ERR_NOT_FOUND, "there is no %s '%s' in namespace '%s'",
					 k->kind, name, ns)
			       : err_new(ERR_NOT_FOUND, "there is no %s '%s'", k->kind, name);
	*ret = found;
	return NULL;
}
