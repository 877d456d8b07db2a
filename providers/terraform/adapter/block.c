#include "block.h"

#include "buf.h"
#include "mem.h"
#include "protocol/value.h"

void block_lock(struct block *b)
{
	(void)pthread_mutex_lock(&b->lock);
}

void block_unlock(struct block *b)
{
	(void)pthread_mutex_unlock(&b->lock);
}

static void adopt(struct block *b, struct json_object *config)
{
	b->forget();
	json_object_put(b->config);
	b->config = config;
}

/* What was not known in the plan may be known at last. */
static bool may_follow(struct block *b, struct json_object *config)
{
	json_object_object_foreach(b->config, key, was) {
		struct json_object *is = json_at(config, key);

		if (!value_has_unknown(was) && !value_has_unknown(is) && !value_equal(was, is))
			return false;
	}
	return true;
}

struct err *block_configure(struct block *b, struct json_object *config)
{
	struct err *e = NULL;

	block_lock(b);
	if (b->config && !may_follow(b, config))
		e = err_new(
			ERR_USAGE,
			"this process already works for a provider block with other values, and "
			"calls do not say to which block they belong: what is run with -debug "
			"serves one block of one Terraform at a time; install the provider to "
			"use aliases");
	else if (!b->config || !value_equal(b->config, config))
		adopt(b, json_copy(config));
	block_unlock(b);
	return e;
}

void block_renew(struct block *b)
{
	block_lock(b);
	adopt(b, NULL);
	block_unlock(b);
}

char *block_unknown(struct block *b)
{
	AUTO_BUF names = BUF_INIT;

	if (!b->config)
		return NULL;
	json_object_object_foreach(b->config, key, v) {
		if (value_has_unknown(v))
			buf_addf(&names, "%s%s", names.len ? ", " : "", key);
	}
	return names.len
		       ? xasprintf(
				 "the provider block is not known before something else is applied (%s)",
				 names.s)
		       : NULL;
}
