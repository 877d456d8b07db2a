locals {
  bastions = [for host, b in local.bastion : merge(local.trust[host], {
    name    = host
    address = openstack_networking_floatingip_v2.bastion[host].address
    user    = coalesce(b.user, var.user)
  })]
}

output "hosts" {
  description = "The nodes, by name, as treenail_cluster and treenail.kubernetes.cluster take them. A host is reached by its floating IP, else by the bastion, else as it is."
  value = [for host, h in local.hosts : {
    name    = host
    role    = h.role
    group   = h.pool
    labels  = h.labels
    taints  = h.taints
    node_ip = openstack_networking_port_v2.node[host].all_fixed_ips[0]
    host = merge(local.trust[host], {
      address  = h.floating_ip ? openstack_networking_floatingip_v2.node[host].address : openstack_networking_port_v2.node[host].all_fixed_ips[0]
      user     = var.user
      sudo     = true
      booting  = true
      bastions = h.floating_ip ? [] : local.bastions
    })
  }]

  # An address answers no sooner than its server is there.
  depends_on = [openstack_compute_instance_v2.node, openstack_compute_instance_v2.bastion, openstack_networking_floatingip_v2.node]
}

output "groups" {
  description = "The pools, as the same take groups."
  value       = [for name, p in var.pools : { name = name, max_unavailable = p.max_unavailable }]
}

output "bastion" {
  description = "The bastion's host; null without."
  value       = one(local.bastions)
}

output "server_ids" {
  description = "IDs of the servers, by name."
  value       = { for host, s in openstack_compute_instance_v2.node : host => s.id }
}

output "volume_ids" {
  description = "IDs of the volumes attached, as \"host/volume\"."
  value       = { for name, v in openstack_blockstorage_volume_v3.node : name => v.id }
}
