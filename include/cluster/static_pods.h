#ifndef CLUSTER_STATIC_PODS_H
#define CLUSTER_STATIC_PODS_H

#include "json.h"

/*
 * Restarts programs of a control plane, which are static pods: their processes end, and the kubelet starts them anew.
 * The words of a command for that; the programs' names are to follow (static_pods_name()). Owned.
 *   note     writes down which processes there are, and ends none
 *   end      ends those that were there then and have not ended since, as some do while there is no API: for who ends often
 *            the kubelet waits longer each time. Done when others are there; it says which is not after two minutes.
 *   restart  both
 *   gone     ends none, and is done when there are none: their manifests have been taken away
 */
struct json_object *static_pods_argv(const char *what);
/* As the kernel knows it; owned. */
char *static_pods_name(const char *program);

#endif
