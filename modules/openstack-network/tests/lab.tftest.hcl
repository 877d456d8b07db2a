# On a real cloud, the one of OS_CLOUD, which has a network "public" to the world.

provider "openstack" {}

variables {
  name             = "tn-module"
  external_network = "public"
  bastion          = true
  api_floating_ip  = true
  ssh_cidrs        = ["198.51.100.0/24"]
  mtu              = 1400
  tags             = ["tn-module"]
}

run "made" {
  assert {
    condition     = openstack_networking_network_v2.nodes.mtu == 1400 && openstack_networking_subnet_v2.nodes.cidr == "10.20.0.0/24"
    error_message = "The network."
  }
  assert {
    condition     = cidrhost("${output.api_address}/24", 0) == "10.20.0.0" && cidrhost("${output.api_floating_ip}/24", 0) == "203.0.113.0"
    error_message = "The API's addresses: ${output.api_address}, ${output.api_floating_ip}"
  }
  assert {
    condition     = openstack_networking_floatingip_v2.api[0].fixed_ip == output.api_address
    error_message = "One leads to the other."
  }
  assert {
    condition = alltrue([for key, r in openstack_networking_secgroup_rule_v2.nodes :
    r.security_group_id == output.security_group_ids[split("/", key)[0]] && length(compact([r.remote_group_id, r.remote_ip_prefix])) == 1])
    error_message = "Each rule belongs to its group, and has one source."
  }
}

run "more_may_come" {
  variables {
    api_cidrs       = ["198.51.100.0/24"]
    node_port_cidrs = ["192.0.2.0/24"]
    pod_network     = ["geneve"]
  }

  assert {
    condition     = output.network_id == run.made.network_id && output.security_group_ids == run.made.security_group_ids && output.api_address == run.made.api_address
    error_message = "What was there stays."
  }
  assert {
    condition     = toset(keys(openstack_networking_secgroup_rule_v2.nodes)) == toset(output.rules) && contains(output.rules, "worker/node-port-tcp/192.0.2.0/24")
    error_message = "Rules: ${jsonencode(output.rules)}"
  }
}
