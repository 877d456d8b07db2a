#ifndef SYSTEM_H
#define SYSTEM_H

#include "resource.h"

/*
 * What one program for Ansible serves: a system (OpenStack, Kubernetes), the options that lead to it,
 * and the tables of what can be done there. Adapters get it handed in and name none.
 */
struct connection {
	struct api *api;                                     /* NULL: it is no OpenStack */
	struct cluster *cluster;                             /* NULL: it is no Kubernetes */
	struct ssh_hosts *hosts;                             /* NULL: it works on no hosts */
	const char *const *(*secrets)(struct connection *c); /* values no output may hold */
	struct json_object *(*warnings)(
		struct connection *c); /* array; owned by the caller; may be NULL */
	void (*close)(struct connection *c);
	void *self;
};

struct system {
	const char *name;       /* "openstack" */
	const char *collection; /* "treenail.openstack" */
	const char *program;    /* "treenail-openstack" */
	const char *peer;       /* the collection whose modules these take the place of */
	const struct attr *connection;
	const struct resource *const *resources; /* ends with NULL */
	/* The modules have the engine's options: wait, timeout, items, state, allow_replace, filters. */
	bool common;
	MUST_USE struct err *(*connect)(struct json_object *options, struct connection *ret);
};

extern const struct system openstack_system;  /* lib/openstack/common/system.c */
extern const struct system kubernetes_system; /* ansible_modules/kubernetes/common/system.c */
extern const struct system host_system;       /* ansible_modules/host/common/system.c */

#endif
