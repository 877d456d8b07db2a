#include <pthread.h>
#include <string.h>

#include "protocol/value.h"
#include "session/session.h"
#include "targets.h"

struct target {
	char *cloud, *region;    /* as asked for; "": not */
	struct session *session; /* of several targets, if they come to the same */
	bool is_old;             /* of another block: only calls that are under way have it */
	struct target *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct json_object *block; /* NULL: none since the first client came */
static struct target *targets;

/* With the lock held. */
static void configure(struct json_object *config)
{
	for (struct target *t = targets; t; t = t->next)
		t->is_old = true;
	json_object_put(block);
	block = config;
}

void targets_renew(void)
{
	(void)pthread_mutex_lock(&lock);
	configure(NULL);
	(void)pthread_mutex_unlock(&lock);
}

/* What was not known in the plan is known at last. */
static bool may_follow(struct json_object *config)
{
	json_object_object_foreach(block, key, was) {
		struct json_object *is = json_at(config, key);

		if (!value_has_unknown(was) && !value_has_unknown(is) && !value_equal(was, is))
			return false;
	}
	return true;
}

struct err *targets_configure(struct json_object *config)
{
	struct err *e = NULL;

	(void)pthread_mutex_lock(&lock);
	if (block && !may_follow(config))
		e = err_new(
			ERR_USAGE,
			"this process already works for a provider block with other values, and "
			"calls do not say to which block they belong: what is run with -debug "
			"serves one block of one Terraform at a time; install the provider to "
			"use aliases");
	else if (!block || !value_equal(block, config))
		configure(json_copy(config));
	(void)pthread_mutex_unlock(&lock);
	return e;
}

static struct err *not_known(void)
{
	AUTO_BUF names = BUF_INIT;

	json_object_object_foreach(block, key, v) {
		if (value_has_unknown(v))
			buf_addf(&names, "%s%s", names.len ? ", " : "", key);
	}
	return err_new(ERR_USAGE,
		       "the provider block is not known before something else is applied (%s): "
		       "apply that first, or give the provider values that are known",
		       names.s);
}

/* The one there is that was configured the same; takes the session. */
static struct session *only_once(struct session *session)
{
	for (const struct target *t = targets; t; t = t->next) {
		if (!t->is_old && session_alike(t->session, session)) {
			session_free(session);
			return t->session;
		}
	}
	return session;
}

static struct err *begin(const char *cloud, const char *region, struct target **ret)
{
	AUTO_JSON options = NULL;
	struct target *t;
	struct session *session = NULL;
	struct err *e = !*cloud && value_has_unknown(block)
				? not_known()
				: provider_session_options(block, cloud, region, &options);

	if (!e)
		e = session_new(options, &session);
	if (e)
		return e;
	t = xcalloc(1, sizeof(*t));
	t->cloud = xstrdup(cloud);
	t->region = xstrdup(region);
	t->session = only_once(session);
	t->next = targets;
	targets = t;
	*ret = t;
	return NULL;
}

struct err *target_get(const char *cloud, const char *region, struct api **ret,
		       const char **ret_region)
{
	struct err *e = NULL;
	struct target *t;

	cloud = cloud ? cloud : "";
	region = region ? region : "";
	(void)pthread_mutex_lock(&lock);
	t = targets;
	while (t && (t->is_old || strcmp(t->cloud, cloud) != 0 || strcmp(t->region, region) != 0))
		t = t->next;
	if (!t)
		e = begin(cloud, region, &t);
	(void)pthread_mutex_unlock(&lock);
	if (e)
		return e;
	*ret = session_api(t->session);
	*ret_region = session_region(t->session);
	return NULL;
}

static void mask(char *text, const char *secret)
{
	const size_t len = strlen(secret);

	for (char *s = len >= 4 ? strstr(text, secret) : NULL; s; s = strstr(s, secret)) {
		memset(s, '*', len);
		s += len;
	}
}

char *targets_mask(char *text)
{
	(void)pthread_mutex_lock(&lock);
	for (const struct target *t = targets; t; t = t->next)
		for (const char *const *s = session_secrets(t->session); *s; s++)
			mask(text, *s);
	(void)pthread_mutex_unlock(&lock);
	return text;
}
