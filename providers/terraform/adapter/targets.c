#include <string.h>

#include "block.h"
#include "kind.h"
#include "session/session.h"
#include "targets.h"

struct target {
	char *cloud, *region;    /* as asked for; "": not */
	struct session *session; /* of several targets, if they come to the same */
	bool is_old;             /* of another block: only calls that are under way have it */
	struct target *next;
};

static struct target *targets;

static void forget(void)
{
	for (struct target *t = targets; t; t = t->next)
		t->is_old = true;
}

static struct block block = BLOCK_OF(forget);

void targets_renew(void)
{
	block_renew(&block);
}

struct err *targets_configure(struct json_object *config)
{
	return block_configure(&block, config);
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
	AUTO_STR unknown = *cloud ? NULL : block_unknown(&block);
	struct err *e = unknown ? err_new(ERR_USAGE,
					  "%s: apply that first, or give the provider values that "
					  "are known",
					  unknown)
				: provider.session_options(block.config, cloud, region, &options);

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
	block_lock(&block);
	t = targets;
	while (t && (t->is_old || strcmp(t->cloud, cloud) != 0 || strcmp(t->region, region) != 0))
		t = t->next;
	if (!t)
		e = begin(cloud, region, &t);
	block_unlock(&block);
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
	block_lock(&block);
	for (const struct target *t = targets; t; t = t->next)
		for (const char *const *s = session_secrets(t->session); *s; s++)
			mask(text, *s);
	block_unlock(&block);
	return text;
}
