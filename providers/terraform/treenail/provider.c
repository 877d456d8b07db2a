/* terraform-provider-treenail: machines that answer SSH, and clusters made of them. */
#include "adapter/rpc.h"
#include "adapter/targets.h"
#include "hosts.h"
#include "kinds.h"

static const struct tf_kind *const others[] = { &treenail_host_file,
						&treenail_host_exec,
						&treenail_cluster,
						&treenail_cluster_node,
						&treenail_kubeconfig,
						&treenail_cluster_health,
						NULL };

const struct provider provider = {
	.name = "treenail",
	.address = "registry.terraform.io/treenail/treenail",
	.doc = "Machines that answer SSH. The block says how they are reached, where a resource's `host` "
	       "says nothing else; what neither says is as ssh_config has it. Values that are made in the "
	       "same run may be given: nothing is connected to before it is needed.",
	.example = "provider \"treenail\" {\n"
		   "  user             = \"ops\"\n"
		   "  private_key_file = [\"~/.ssh/id_ed25519\"]\n"
		   "  jump             = \"ops@bastion.example.com\"\n"
		   "}\n",
	.others = others,
	.config = hosts_config,
	.options = ssh_host_options,
	.no_options = hosts_no_options,
	.backend = &hosts_backend,
};

int main(int argc, char **argv)
{
	return provider_main(argc, argv);
}
