/*
 * terraform-provider-kubernetes: what the Kubernetes and the kubectl providers do, in one program. The
 * types of both are there under whichever name it is installed (kubectl_manifest with the
 * local name kubectl for the same source); the name decides only whether ~/.kube/config is read unasked.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adapter/rpc.h"
#include "adapter/targets.h"
#include "clusters.h"
#include "data.h"
#include "kubectl.h"
#include "manifest.h"
#include "typed.h"

static const struct tf_kind *const others[] = {
	&kubernetes_manifest,       &kubernetes_resource,
	&kubernetes_resources,      &kubernetes_server_version,
	&kubernetes_all_namespaces, &kubernetes_nodes,
	&kubernetes_token_request,  &kubectl_manifest,
	&kubectl_server_version,    &kubectl_version_data,
	&kubectl_manifest_data,     &kubectl_manifest_ephemeral,
	&kubectl_file_documents,    &kubectl_path_documents,
	&kubectl_filename_list,     NULL,
};

const struct provider provider = {
	.name = "kubernetes",
	.address = "registry.terraform.io/treenail/kubernetes",
	.doc = "Kubernetes: objects of any kind, in any number of clusters.",
	.example =
		"provider \"kubernetes\" {\n"
		"  config_path    = \"~/.kube/config\"\n"
		"  config_context = \"demo\"\n"
		"}\n"
		"\n"
		"# Further clusters, which may be made in the same run: cluster = \"east\" in a resource.\n"
		"provider \"kubernetes\" {\n"
		"  alias       = \"many\"\n"
		"  config_path = \"~/.kube/config\"\n"
		"\n"
		"  clusters = {\n"
		"    east = {\n"
		"      host                   = \"https://east.example.com:6443\"\n"
		"      cluster_ca_certificate = \"from a module\"\n"
		"      token                  = \"from a vault\"\n"
		"    }\n"
		"  }\n"
		"}\n",
	.others = others,
	.more = typed_kinds,
	.config = clusters_config,
	.backend = &clusters_backend,
	.functions = kubernetes_functions,
};

/* Variables of another tool's must not send us to another cluster than the one that was named. */
static void forget_variables(void)
{
	static const char prefix[] = "K8S_AUTH_";

	for (char **p = environ; *p;) {
		const bool ours = strncmp(*p, prefix, sizeof(prefix) - 1) == 0;
		AUTO_STR name = xstrndup(*p, strcspn(*p, "="));

		if (ours && unsetenv(name) == 0)
			p = environ;
		else
			p++;
	}
}

int main(int argc, char **argv)
{
	const char *slash = argc ? strrchr(argv[0], '/') : NULL;
	const char *name = slash ? slash + 1 : argc ? argv[0] : "";

	forget_variables();
	clusters_default_config(strncmp(name, "terraform-provider-kubectl", 26) == 0);
	return provider_main(argc, argv);
}
