#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "json.h"
#include "kubernetes/cluster.h"
#include "kubernetes/credentials.h"
#include "kubernetes/kubeconfig.h"

/* A kubeconfig somebody else wrote: it is read or refused, with a text, and nothing is run or sent. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int file = -1;

/* Whatever it is that there are two of: of the merge, of one file and two of the same, the outcome is the same. */
static void merge_twice(const char *path)
{
	AUTO_STR paths = xasprintf("%s:%s", path, path);
	AUTO_JSON once = NULL;
	AUTO_JSON twice = NULL;
	AUTO_ERR e1 = kubeconfig_merge(path, &once);
	AUTO_ERR e2 = kubeconfig_merge(paths, &twice);

	if (!e1 != !e2 || (!e1 && !json_object_equal(once, twice)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_JSON options = json_object_new_object();
	struct cluster *c = NULL;
	AUTO_STR path = NULL;

	if (file < 0) {
		file = memfd_create("kubeconfig", MFD_CLOEXEC);
		(void)setenv("TREENAIL_CACHE", "off", 1);
	}
	if (ftruncate(file, 0) < 0 || pwrite(file, data, size, 0) != (ssize_t)size)
		return 0;
	path = xasprintf("/proc/self/fd/%d", file);
	merge_twice(path);
	json_sets(options, "kubeconfig", path);
	AUTO_ERR e = cluster_new(options, &c);
	if (e && (!*e->text || c))
		abort();
	if (!e && (strncmp(cluster_server(c), "http", 4) != 0 || !cluster_secrets(c)))
		abort();
	cluster_free(c);
	return 0;
}
