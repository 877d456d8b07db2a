#include "live.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"

/* A LIST costs as much as the namespace is large, so a few objects are read without one. */
enum { READS_BEFORE_LIST = 8, OBJECTS_MAX = 20000 };

/* What is known of one kind in one namespace. */
struct shelf {
	struct cluster *c;
	const struct kube_kind *k;
	char *ns;
	unsigned reads;
	bool busy, listed;           /* listed: also if there was no list to be had */
	struct json_object *objects; /* by name */
	struct shelf *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t done = PTHREAD_COND_INITIALIZER;
static struct shelf *shelves;

static struct shelf *shelf_of(struct cluster *c, const struct kube_kind *k, const char *ns)
{
	struct shelf *s = shelves;

	while (s && (s->c != c || s->k != k || strcmp(s->ns, ns) != 0))
		s = s->next;
	if (!s) {
		s = xcalloc(1, sizeof(*s));
		*s = (struct shelf){ .c = c,
				     .k = k,
				     .ns = xstrdup(ns),
				     .objects = json_object_new_object(),
				     .next = shelves };
		shelves = s;
	}
	return s;
}

static struct err *take(void *arg, struct json_object *object)
{
	struct json_object *objects = arg;
	const char *name = json_str(object, "metadata.name");

	if (json_object_object_length(objects) >= OBJECTS_MAX)
		return err_new(ERR_REMOTE, "too many");
	if (name)
		json_set(objects, name, json_object_get(object));
	return NULL;
}

/* Called and returns with the lock held. */
static void fill(struct shelf *s)
{
	AUTO_STR version = kind_api_version(s->k);
	const struct object_query query = { .api_version = version,
					    .kind = s->k->kind,
					    .ns = *s->ns ? s->ns : NULL };
	AUTO_JSON objects = json_object_new_object();
	struct err *e;

	s->busy = true;
	(void)pthread_mutex_unlock(&lock);
	e = objects_each(s->c, &query, take, objects);
	(void)pthread_mutex_lock(&lock);
	s->busy = false;
	s->listed = true;
	if (!e) {
		json_object_put(s->objects);
		s->objects = TAKE(objects);
	}
	err_free(e); /* who may not list may still read each */
	(void)pthread_cond_broadcast(&done);
}

static struct json_object *from_shelf(struct shelf *s, const char *name)
{
	struct json_object *object = NULL;

	(void)json_object_object_get_ex(s->objects, name, &object);
	if (!object && s->reads++ >= READS_BEFORE_LIST) {
		while (s->busy)
			(void)pthread_cond_wait(&done, &lock);
		if (!s->listed)
			fill(s);
		(void)json_object_object_get_ex(s->objects, name, &object);
	}
	return json_copy(object);
}

struct err *live_get(struct cluster *c, const struct kube_kind *k, const char *ns, const char *name,
		     struct json_object **ret)
{
	struct shelf *s;
	struct err *e;

	(void)pthread_mutex_lock(&lock);
	s = shelf_of(c, k, ns ? ns : "");
	*ret = from_shelf(s, name);
	(void)pthread_mutex_unlock(&lock);
	if (*ret)
		return NULL;
	e = object_get(c, k, ns, name, ret);
	if (e || !*ret)
		return e;
	(void)pthread_mutex_lock(&lock);
	json_set(s->objects, name, json_copy(*ret));
	(void)pthread_mutex_unlock(&lock);
	return NULL;
}

void live_drop(struct cluster *c, const struct kube_kind *k, const char *ns, const char *name)
{
	(void)pthread_mutex_lock(&lock);
	json_object_object_del(shelf_of(c, k, ns ? ns : "")->objects, name);
	(void)pthread_mutex_unlock(&lock);
}

void live_end(void)
{
	(void)pthread_mutex_lock(&lock);
	while (shelves) {
		struct shelf *s = shelves;

		shelves = s->next;
		json_object_put(s->objects);
		free(s->ns);
		free(s);
	}
	(void)pthread_mutex_unlock(&lock);
}
