# Network, router and security groups of a Kubernetes cluster.

locals {
  groups = toset(concat(["control-plane", "worker"], var.bastion ? ["bastion"] : []))
  nodes  = ["control-plane", "worker"]

  # What is let in: to whom, from which groups or networks. Nothing else is; out goes all.
  # Controller manager and scheduler listen on their own host only.
  tables = concat([
    { what = "api", to = ["control-plane"], protocol = "tcp", ports = [6443, 6443], groups = local.groups, cidrs = var.api_cidrs },
    { what = "etcd", to = ["control-plane"], protocol = "tcp", ports = [2379, 2380], groups = ["control-plane"], cidrs = [] },
    { what = "kubelet", to = local.nodes, protocol = "tcp", ports = [10250, 10250], groups = local.nodes, cidrs = [] },
    { what = "ping", to = local.nodes, protocol = "icmp", ports = null, groups = local.nodes, cidrs = [] },
    { what = "node-port-tcp", to = ["worker"], protocol = "tcp", ports = [30000, 32767], groups = [], cidrs = var.node_port_cidrs },
    { what = "node-port-udp", to = ["worker"], protocol = "udp", ports = [30000, 32767], groups = [], cidrs = var.node_port_cidrs },
    { what = "ssh", to = local.nodes, protocol = "tcp", ports = [22, 22], groups = var.bastion ? ["bastion"] : [], cidrs = var.bastion ? [] : var.ssh_cidrs },
    { what = "ssh", to = var.bastion ? ["bastion"] : [], protocol = "tcp", ports = [22, 22], groups = [], cidrs = var.ssh_cidrs },
  ], [for name in var.pod_network : local.pod_networks[name]])

  pod_networks = {
    vxlan      = { what = "vxlan", to = local.nodes, protocol = "udp", ports = [8472, 8472], groups = local.nodes, cidrs = [] }
    vxlan-iana = { what = "vxlan-iana", to = local.nodes, protocol = "udp", ports = [4789, 4789], groups = local.nodes, cidrs = [] }
    geneve     = { what = "geneve", to = local.nodes, protocol = "udp", ports = [6081, 6081], groups = local.nodes, cidrs = [] }
    wireguard  = { what = "wireguard", to = local.nodes, protocol = "udp", ports = [51820, 51821], groups = local.nodes, cidrs = [] }
    ipip       = { what = "ipip", to = local.nodes, protocol = "ipip", ports = null, groups = local.nodes, cidrs = [] }
    bgp        = { what = "bgp", to = local.nodes, protocol = "tcp", ports = [179, 179], groups = local.nodes, cidrs = [] }
    routes     = { what = "routes", to = local.nodes, protocol = null, ports = null, groups = [], cidrs = [var.pod_cidr] }
  }

  # One for each pair, called by what it lets in: a source that goes takes its rules along, and no others.
  rules = merge(flatten([for t in local.tables : [for to in t.to : concat(
    [for g in t.groups : { "${to}/${t.what}/${g}" = { to = to, what = t.what, protocol = t.protocol, ports = t.ports, group = g, cidr = null } }],
    [for c in t.cidrs : { "${to}/${t.what}/${c}" = { to = to, what = t.what, protocol = t.protocol, ports = t.ports, group = null, cidr = c } }],
  )]])...)
}

data "openstack_networking_network_v2" "external" {
  count = var.external_network == null ? 0 : 1

  name     = var.external_network
  external = true
}

resource "openstack_networking_network_v2" "nodes" {
  name = var.name
  mtu  = var.mtu
  tags = var.tags
}

resource "openstack_networking_subnet_v2" "nodes" {
  name            = var.name
  network_id      = openstack_networking_network_v2.nodes.id
  cidr            = var.cidr
  ip_version      = 4
  dns_nameservers = var.dns_nameservers
  tags            = var.tags
}

resource "openstack_networking_router_v2" "nodes" {
  count = var.external_network == null ? 0 : 1

  name                = var.name
  external_network_id = data.openstack_networking_network_v2.external[0].id
  tags                = var.tags
}

resource "openstack_networking_router_interface_v2" "nodes" {
  count = var.external_network == null ? 0 : 1

  router_id = openstack_networking_router_v2.nodes[0].id
  subnet_id = openstack_networking_subnet_v2.nodes.id
}

resource "openstack_networking_secgroup_v2" "nodes" {
  for_each = local.groups

  name        = "${var.name}-${each.key}"
  description = "Hosts of ${var.name}: ${each.key}"
  tags        = var.tags
}

resource "openstack_networking_secgroup_rule_v2" "nodes" {
  for_each = local.rules

  security_group_id = openstack_networking_secgroup_v2.nodes[each.value.to].id
  description       = each.value.what
  direction         = "ingress"
  ethertype         = strcontains(coalesce(each.value.cidr, "."), ":") ? "IPv6" : "IPv4"
  protocol          = each.value.protocol
  port_range_min    = try(each.value.ports[0], null)
  port_range_max    = try(each.value.ports[1], null)
  remote_group_id   = each.value.group == null ? null : openstack_networking_secgroup_v2.nodes[each.value.group].id
  remote_ip_prefix  = each.value.cidr
}

# Belongs to no server: kube-vip announces it from one of the control planes, whose ports must let that pass.
resource "openstack_networking_port_v2" "api" {
  count = var.api_address ? 1 : 0

  name               = "${var.name}-api"
  network_id         = openstack_networking_network_v2.nodes.id
  security_group_ids = [openstack_networking_secgroup_v2.nodes["control-plane"].id]
  tags               = var.tags

  fixed_ip {
    subnet_id = openstack_networking_subnet_v2.nodes.id
  }
}

resource "openstack_networking_floatingip_v2" "api" {
  count = var.api_floating_ip ? 1 : 0

  pool        = var.external_network
  port_id     = openstack_networking_port_v2.api[0].id
  description = "API of ${var.name}"
  tags        = var.tags

  lifecycle {
    precondition {
      condition     = var.api_address && var.external_network != null
      error_message = "api_floating_ip: wants api_address and an external_network."
    }
  }
  depends_on = [openstack_networking_router_interface_v2.nodes]
}
