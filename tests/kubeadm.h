#ifndef KUBEADM_H
#define KUBEADM_H

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

#include "mem.h"

/*
 * The real kubeadm: KUBEADM names it, else it is the one that the lab was built with. Owned; NULL, after
 * saying that `what` is left out: there is none. Before sandbox_enter(), which hides where the cache is.
 */
static inline char *kubeadm_find(const char *what)
{
	const char *own = getenv("KUBEADM"), *cache = getenv("TREENAIL_BUILD_CACHE");
	const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	AUTO_STR folder = cache ? xstrdup(cache)
			  : xdg ? xasprintf("%s/treenail-build", xdg)
				: xasprintf("%s/.cache/treenail-build", home ? home : "");
	AUTO_STR pattern = xasprintf("%s/lab-kube-*/kubeadm", folder);
	glob_t found = { 0 };
	char *path = NULL;

	if (own)
		path = xstrdup(own);
	else if (glob(pattern, 0, NULL, &found) == 0)
		path = xstrdup(found.gl_pathv[0]);
	globfree(&found);
	if (!path)
		(void)fprintf(stderr,
			      "LEFT OUT: %s: there is no kubeadm here (KUBEADM=PATH names one)\n",
			      what);
	return path;
}

#endif
