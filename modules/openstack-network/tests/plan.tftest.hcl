# Without a cloud: what would be made.

mock_provider "openstack" {}

variables {
  name = "k"
}

run "alone" {
  command = plan

  assert {
    condition     = length(openstack_networking_router_v2.nodes) == 0 && length(openstack_networking_floatingip_v2.api) == 0
    error_message = "Without a network to the world there is no router and no floating IP."
  }
  # Every pair that may talk, and what about: a rule more or less is a decision.
  assert {
    condition = toset(output.rules) == toset([
      "control-plane/api/control-plane", "control-plane/api/worker",
      "control-plane/etcd/control-plane",
      "control-plane/kubelet/control-plane", "control-plane/kubelet/worker",
      "worker/kubelet/control-plane", "worker/kubelet/worker",
      "control-plane/ping/control-plane", "control-plane/ping/worker",
      "worker/ping/control-plane", "worker/ping/worker",
      "control-plane/vxlan/control-plane", "control-plane/vxlan/worker",
      "worker/vxlan/control-plane", "worker/vxlan/worker",
    ])
    error_message = "Rules: ${jsonencode(output.rules)}"
  }
  assert {
    condition     = alltrue([for r in openstack_networking_secgroup_rule_v2.nodes : r.direction == "ingress" && r.ethertype == "IPv4"])
    error_message = "What comes out is not said here."
  }
}

run "to_the_world" {
  command = plan

  variables {
    external_network = "public"
    bastion          = true
    api_floating_ip  = true
    api_cidrs        = ["198.51.100.0/24", "2001:db8::/32"]
    ssh_cidrs        = ["203.0.113.7/32"]
    node_port_cidrs  = ["0.0.0.0/0"]
    pod_network      = ["wireguard", "ipip"]
  }

  assert {
    condition = alltrue([for r in [
      "bastion/ssh/203.0.113.7/32", "control-plane/ssh/bastion", "worker/ssh/bastion", "control-plane/api/bastion",
      "control-plane/api/198.51.100.0/24", "worker/node-port-udp/0.0.0.0/0", "worker/wireguard/worker", "worker/ipip/control-plane",
    ] : contains(output.rules, r)])
    error_message = "Rules: ${jsonencode(output.rules)}"
  }
  assert {
    condition     = [for r in output.rules : r if length(regexall("203.0.113.7|vxlan|control-plane/node-port", r)) > 0] == ["bastion/ssh/203.0.113.7/32"]
    error_message = "SSH from the world reaches the bastion alone: ${jsonencode(output.rules)}"
  }
  assert {
    condition = (openstack_networking_secgroup_rule_v2.nodes["control-plane/api/2001:db8::/32"].ethertype == "IPv6"
    && openstack_networking_secgroup_rule_v2.nodes["control-plane/api/198.51.100.0/24"].port_range_min == 6443)
    error_message = "Families and ports."
  }
  assert {
    condition     = length(openstack_networking_floatingip_v2.api) == 1 && openstack_networking_floatingip_v2.api[0].pool == "public"
    error_message = "The API's floating IP."
  }
}

run "routes" {
  command = plan

  variables {
    pod_network = ["routes"]
    pod_cidr    = "10.99.0.0/16"
    api_address = false
  }

  assert {
    condition     = alltrue([for n in ["control-plane", "worker"] : output.address_pairs[n] == tolist(["10.99.0.0/16"])]) && contains(output.rules, "worker/routes/10.99.0.0/16")
    error_message = "Pods are let through as they are: ${jsonencode(output.address_pairs)}"
  }
  assert {
    condition     = output.api_address == null && length(openstack_networking_port_v2.api) == 0
    error_message = "No address for the API."
  }
}

run "refused" {
  command = plan

  variables {
    name            = "Upper"
    cidr            = "10.0.0.0"
    pod_cidr        = "x"
    api_cidrs       = ["198.51.100.0/40"]
    ssh_cidrs       = ["home"]
    node_port_cidrs = [""]
    pod_network     = ["pigeons"]
  }

  expect_failures = [var.name, var.cidr, var.pod_cidr, var.api_cidrs, var.ssh_cidrs, var.node_port_cidrs, var.pod_network]
}

run "floating_ip_of_nothing" {
  command = plan

  variables {
    api_floating_ip = true
  }

  expect_failures = [openstack_networking_floatingip_v2.api]
}
