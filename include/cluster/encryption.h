#ifndef CLUSTER_ENCRYPTION_H
#define CLUSTER_ENCRYPTION_H

#include "buf.h"
#include "err.h"
#include "json.h"

/*
 * What encrypts objects in etcd: the text of an EncryptionConfiguration, as the API server's file has it. Here it is one group of
 * resources with a list of keys, of which the first encrypts and all decrypt; at its end what is not encrypted stays readable.
 * While encryption begins that is the first: nothing is encrypted yet by keys that some of the servers may not know.
 * A key is named "PROVIDER:NAME". All texts are secret: buf_wipe() them. Pure, but for random numbers.
 */

/* A new key, as it stands in a configuration; secret: json_wipe() it. ERR_USAGE: no such provider, or no name. */
MUST_USE struct err *encryption_key(const char *provider, const char *name,
				    struct json_object **ret);
/*
 * {"keys": ["secretbox:key1", ...], "resources": ["secrets"]}, which is not secret; keys begin with "identity" where nothing is
 * encrypted. Owned. ERR_PROTOCOL: it is none of ours, or (NULL) no text.
 */
MUST_USE struct err *encryption_shown(const char *text, struct json_object **ret);
/* A text's key of this name, as encryption_key() makes them; secret, owned; NULL: it has none, or is none of ours. */
struct json_object *encryption_find(const char *text, const char *key);

/* In this order one key follows another, where several API servers run: each stage on all of them before the next. */
enum encryption_stage {
	ENCRYPTION_SECOND, /* all can read what it encrypts; where there was none, nothing is encrypted yet */
	ENCRYPTION_FIRST, /* it encrypts; two keys stand there until all is written anew, if need be one by two names */
	ENCRYPTION_ONLY, /* nothing is left that another one has encrypted */
};
/* A text (NULL: there is none yet) with this key and, but at the first stage, these resources beside those it has. */
MUST_USE struct err *encryption_with(const char *text, struct json_object *key,
				     struct json_object *resources, enum encryption_stage stage,
				     struct buf *ret);

#endif
