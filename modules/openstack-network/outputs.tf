output "network_id" {
  description = "ID of the network."
  value       = openstack_networking_network_v2.nodes.id
}

output "subnet_id" {
  description = "ID of the subnet; who uses it waits for the router, too."
  value       = openstack_networking_subnet_v2.nodes.id

  depends_on = [openstack_networking_router_interface_v2.nodes]
}

output "external_network" {
  description = "Name of the network to the world, for floating IPs; null without a router."
  value       = var.external_network
}

output "security_group_ids" {
  description = "IDs of the groups: of control-plane, worker and, if there is one, bastion."
  value       = { for name, group in openstack_networking_secgroup_v2.nodes : name => group.id }

  depends_on = [openstack_networking_secgroup_rule_v2.nodes]
}

output "address_pairs" {
  description = "What else may come from the nodes' ports, by group: the API's address, which one control plane at a time holds, and pods whose packets are not wrapped."
  value = { for name in local.nodes : name => concat(
    name == "control-plane" && var.api_address ? [openstack_networking_port_v2.api[0].all_fixed_ips[0]] : [],
    contains(var.pod_network, "routes") ? [var.pod_cidr] : []
  ) }
}

output "api_address" {
  description = "Address set apart for the API, for kube-vip to hold; null without."
  value       = one(openstack_networking_port_v2.api[*].all_fixed_ips[0])
}

output "api_floating_ip" {
  description = "Its floating IP; null without."
  value       = one(openstack_networking_floatingip_v2.api[*].address)
}

output "rules" {
  description = "What is let in: \"to/what/from\"."
  value       = keys(local.rules)
}
