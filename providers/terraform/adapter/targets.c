#include <pthread.h>
#include <string.h>

#include "protocol/value.h"
#include "session/session.h"
#include "targets.h"

struct target {
	char *cloud, *region; /* as asked for; "": not */
	struct session *session;
	struct target *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct json_object *block;
static struct target *targets;

void targets_configure(struct json_object *config)
{
	(void)pthread_mutex_lock(&lock);
	json_object_put(block);
	block = json_copy(config);
	(void)pthread_mutex_unlock(&lock);
}

bool targets_unknown(void)
{
	(void)pthread_mutex_lock(&lock);
	const bool unknown = value_has_unknown(block);
	(void)pthread_mutex_unlock(&lock);
	return unknown;
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
	t->session = session;
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
	while (t && (strcmp(t->cloud, cloud) != 0 || strcmp(t->region, region) != 0))
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
