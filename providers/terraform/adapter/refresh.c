#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "refresh.h"

enum { READS_BEFORE_LIST = 1 };

/* What one LIST told. */
struct shelf {
	struct api *api;
	const struct resource *r;
	char *project;
	unsigned reads;
	bool busy, refused; /* refused: there is no list to be had, so each is read alone */
	struct json_object *objects; /* by ID; NULL: not listed yet */
	struct shelf *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t listed = PTHREAD_COND_INITIALIZER;
static struct shelf *shelves;

static struct shelf *shelf_of(struct api *api, const struct resource *r, const char *project)
{
	struct shelf *s = shelves;

	while (s && (s->api != api || s->r != r || strcmp(s->project, project) != 0))
		s = s->next;
	if (!s) {
		s = xcalloc(1, sizeof(*s));
		*s = (struct shelf){ .api = api, .r = r, .next = shelves };
		s->project = xstrdup(project);
		shelves = s;
	}
	return s;
}

static struct json_object *by_id(const struct resource *r, struct json_object *list)
{
	struct json_object *map = json_object_new_object();

	for (size_t i = 0; i < json_len(list); i++)
		json_set(map, json_str(json_nth(list, i), resource_key(r)),
			 json_object_get(json_nth(list, i)));
	return map;
}

/* Called and returns with the lock held. */
static void fill(struct shelf *s)
{
	const struct attr *owner = attr_named(s->r->attrs, "project_id");
	AUTO_STR query =
		owner && *s->project ? xasprintf("%s=%s", attr_wire(owner), s->project) : NULL;
	AUTO_JSON list = NULL;
	struct err *e;

	s->busy = true;
	(void)pthread_mutex_unlock(&lock);
	e = resource_list(s->api, s->r, NULL, query, &list);
	(void)pthread_mutex_lock(&lock);
	s->busy = false;
	if (e)
		s->refused = true;
	else
		s->objects = by_id(s->r, list);
	err_free(e);
	(void)pthread_cond_broadcast(&listed);
}

static struct json_object *from_shelf(struct api *api, const struct resource *r, const char *id,
				      const char *project)
{
	struct json_object *object = NULL;
	struct shelf *s;

	(void)pthread_mutex_lock(&lock);
	s = shelf_of(api, r, project);
	if (s->reads++ >= READS_BEFORE_LIST) {
		while (s->busy)
			(void)pthread_cond_wait(&listed, &lock);
		if (!s->objects && !s->refused)
			fill(s);
		object = json_copy(json_at(s->objects, id));
	}
	(void)pthread_mutex_unlock(&lock);
	return object;
}

struct err *refresh_get(struct api *api, const struct resource *r, const char *id,
			const char *project, struct json_object **ret)
{
	const bool listable =
		r->keys && !(r->flags & (GET_TO_READ | ID_IS_NAME)) && !strchr(r->path, '{');

	*ret = listable ? from_shelf(api, r, id, project ? project : "") : NULL;
	return *ret ? NULL : resource_try_get(api, r, id, ret);
}

void refresh_drop(struct api *api, const struct resource *r, const char *id)
{
	(void)pthread_mutex_lock(&lock);
	for (struct shelf *s = shelves; s; s = s->next)
		if (s->api == api && s->r == r && json_has(s->objects, id))
			json_object_object_del(s->objects, id);
	(void)pthread_mutex_unlock(&lock);
}

void refresh_end(void)
{
	(void)pthread_mutex_lock(&lock);
	while (shelves) {
		struct shelf *s = shelves;

		shelves = s->next;
		json_object_put(s->objects);
		free(s->project);
		free(s);
	}
	(void)pthread_mutex_unlock(&lock);
}
