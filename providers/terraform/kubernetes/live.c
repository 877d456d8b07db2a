#include "live.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "err.h"

/* A LIST costs as much as the namespace is large, so a few objects are read without one. */
enum { READS_BEFORE_LIST = 8, OBJECTS_MAX = 20000, LATELY_MS = 5000 };

/* What is known of one kind in one namespace. */
struct shelf {
	struct cluster *c;
	const struct kube_kind *k;
	char *ns;
	unsigned reads; /* one by one, since the last LIST */
	bool busy;
	int64_t asked, listed; /* when a LIST was; 0: not yet; listed: there was one to be had */
	struct json_object *objects; /* by name; null: ours to change, or read one by one */
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

/* What was asked for before we changed something tells nothing of it. */
static void shelve(struct shelf *s, struct json_object *objects)
{
	json_object_object_foreach(s->objects, name, object) {
		if (!object)
			json_set(objects, name, NULL);
	}
	json_object_put(s->objects);
	s->objects = objects;
}

/* Called and returns with the lock held. */
static void fill(struct shelf *s)
{
	AUTO_STR version = kind_api_version(s->k);
	const struct object_query query = { .api_version = version,
					    .kind = s->k->kind,
					    .ns = *s->ns ? s->ns : NULL };
	AUTO_JSON objects = json_object_new_object();
	const int64_t now = clock_ms();
	struct err *e;

	s->busy = true;
	(void)pthread_mutex_unlock(&lock);
	e = objects_each(s->c, &query, take, objects);
	(void)pthread_mutex_lock(&lock);
	s->busy = false;
	s->asked = now;
	s->reads = 0;
	if (!e) {
		s->listed = now;
		shelve(s, TAKE(objects));
	}
	err_free(e); /* who may not list may still read each */
	(void)pthread_cond_broadcast(&done);
}

/* Whether what the LIST told will do; called and returns with the lock held. */
static bool is_listed(struct shelf *s, int64_t since)
{
	if (s->listed && s->listed >= since)
		return true;
	if (s->reads++ < READS_BEFORE_LIST)
		return false;
	while (s->busy)
		(void)pthread_cond_wait(&done, &lock);
	/* Where there is none to be had, asking again is of no use. */
	if (!s->asked || (s->listed && s->listed < since))
		fill(s);
	return s->listed && s->listed >= since;
}

/* Whether there is an answer without asking for it by itself; called and returns with the lock held. */
static bool is_known(struct shelf *s, const char *name, int64_t since, struct json_object **ret)
{
	bool told;

	*ret = NULL;
	if (!since && json_object_object_get_ex(s->objects, name, ret) && *ret)
		return true;
	told = is_listed(s, since);
	if (!told)
		return false;
	if (json_object_object_get_ex(s->objects, name, ret))
		return *ret;
	/* The list of a moment ago tells what is not there, too. */
	return since > 0;
}

/* Not what we changed: that may have been asked for before. */
static void keep(struct shelf *s, const char *name, struct json_object *object)
{
	struct json_object *old = NULL;

	if (object && (!json_object_object_get_ex(s->objects, name, &old) || old))
		json_set(s->objects, name, json_copy(object));
}

static struct err *look(struct cluster *c, const struct kube_kind *k, const char *ns,
			const char *name, int64_t since, struct json_object **ret)
{
	struct shelf *s;
	struct err *e;
	bool known;

	(void)pthread_mutex_lock(&lock);
	s = shelf_of(c, k, ns ? ns : "");
	known = is_known(s, name, since, ret);
	*ret = known ? json_copy(*ret) : NULL;
	(void)pthread_mutex_unlock(&lock);
	if (known)
		return NULL;
	e = object_get(c, k, ns, name, ret);
	(void)pthread_mutex_lock(&lock);
	keep(s, name, *ret);
	(void)pthread_mutex_unlock(&lock);
	return e;
}

struct err *live_get(struct cluster *c, const struct kube_kind *k, const char *ns, const char *name,
		     struct json_object **ret)
{
	return look(c, k, ns, name, 0, ret);
}

struct err *live_lately(struct cluster *c, const struct kube_kind *k, const char *ns,
			const char *name, struct json_object **ret)
{
	return look(c, k, ns, name, clock_ms() - LATELY_MS, ret);
}

void live_drop(struct cluster *c, const struct kube_kind *k, const char *ns, const char *name)
{
	(void)pthread_mutex_lock(&lock);
	json_set(shelf_of(c, k, ns ? ns : "")->objects, name, NULL);
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
