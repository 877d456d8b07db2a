#ifndef AGENT_FACTS_H
#define AGENT_FACTS_H

#include "agent/agent.h"

/*
 * What step "facts" can tell, by name; only what is asked for is looked at, so that it stays cheap:
 *   os           {"id", "version_id", "name", "pretty_name", ...}: /etc/os-release
 *   kernel, arch, hostname, machine_id, boot_id   text
 *   cpu          {"count", "model"}
 *   memory       {"total_mb", "available_mb"}
 *   mounts       [{"device", "path", "type", "options", "size_mb", "free_mb"}] of what lies on a device
 *   interfaces   {name: {"index", "mac", "mtu", "up", "addresses": ["10.0.0.5/24"]}}
 *   packages     {name: version}; of those in the step's "packages" (null: not installed) or of all
 *   held         [name, ...] of packages
 *   services     {unit: {"load", "active", "sub", "enabled", "since_s": how long it is active}} of those in "services"
 *   files        {path: {"mode", "owner", "size", "sha256"}} of those in "files", which may be patterns
 *                (glob(7)); null: not there
 *   certificates {path: [PEM, ...]} of those in "certificates", which may be patterns: the certificates in
 *                a file, or embedded in a kubeconfig as client-certificate-data; never a key
 *   clock        {"now", "offset_s" against the controller's, "synchronized"}
 *   cgroup       1 or 2
 *   swap         [{"device", "size_mb"}]
 *   user         {"uid", "name"} that the agent runs as
 */
struct fact {
	const char *name;
	struct err *(*find)(struct step *s,
			    struct json_object **ret); /* *ret is owned by the caller */
	const char *needs; /* the field that has to be there, too; NULL: none */
};
extern const struct fact facts[]; /* facts.c; ends with a name of NULL */

/* By file. */
struct err *fact_interfaces(struct step *s, struct json_object **ret); /* fact_interfaces.c */
struct err *fact_mounts(struct step *s, struct json_object **ret);     /* fact_system.c */
struct err *fact_os(struct step *s, struct json_object **ret);
struct err *fact_memory(struct step *s, struct json_object **ret);
struct err *fact_cpu(struct step *s, struct json_object **ret);
struct err *fact_swap(struct step *s, struct json_object **ret);
struct err *fact_files(struct step *s, struct json_object **ret); /* fact_files.c */
struct err *fact_certificates(struct step *s, struct json_object **ret);

/* The kernel takes its clock for kept as long as it knows an error under 16 s (adjtimex(2)). */
bool clock_is_kept(void);
/* Seconds that it is fast. Only if the controller told its own (agent.now). */
double clock_offset(const struct agent *a);
/* {"load", "active", "sub", "enabled"} by unit. */
MUST_USE struct err *units_ask(struct agent *a, struct json_object *units,
			       struct json_object **ret);

#endif
