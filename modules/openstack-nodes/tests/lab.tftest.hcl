# On a real cloud, the one of OS_CLOUD, with an image "cirros", a flavor "m1.tiny" and a network "public" to the world.

provider "openstack" {}

variables {
  name       = "tn-hosts"
  public_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1p4sSCBS2w0A5c0XfjNhmWwnZK8jLrVvXv0ptLQw0E demo"
}

run "network" {
  module {
    source = "../openstack-network"
  }
  variables {
    external_network = "public"
    bastion          = true
    pod_network      = ["routes"]
  }
}

run "made" {
  variables {
    network = run.network
    bastion = { flavor = "m1.tiny", image = "cirros" }
    pools = {
      cp = { role = "control_plane", nodes = ["1"], flavor = "m1.tiny", image = "cirros", floating_ip = true }
      w  = { nodes = ["a", "b"], flavor = "m1.tiny", image = "cirros", labels = { disk = "ssd" }, volumes = { data = { size_gb = 1 } } }
    }
  }

  assert {
    condition     = [for h in output.hosts : h.name] == ["tn-hosts-cp-1", "tn-hosts-w-a", "tn-hosts-w-b"]
    error_message = "Hosts: ${jsonencode(output.hosts)}"
  }
  assert {
    condition     = alltrue([for h in output.hosts : cidrhost("${h.node_ip}/24", 0) == "10.20.0.0" && openstack_compute_instance_v2.node[h.name].access_ip_v4 != ""])
    error_message = "Addresses: ${jsonencode(output.hosts)}"
  }
  assert {
    condition = (cidrhost("${output.hosts[0].host.address}/24", 0) == "203.0.113.0" && length(output.hosts[0].host.bastions) == 0
    && output.hosts[1].host.address == output.hosts[1].node_ip && output.hosts[1].host.bastions[0].address == output.bastion.address)
    error_message = "Ways to them: ${jsonencode(output.hosts)}"
  }
  assert {
    condition = (toset([for p in openstack_networking_port_v2.node["tn-hosts-cp-1"].allowed_address_pairs : p.ip_address]) == toset([run.network.api_address, "10.244.0.0/16"])
    && toset([for p in openstack_networking_port_v2.node["tn-hosts-w-a"].allowed_address_pairs : p.ip_address]) == toset(["10.244.0.0/16"]))
    error_message = "What may come from ports."
  }
  assert {
    condition     = length(openstack_compute_volume_attach_v2.node) == 2 && alltrue([for a in openstack_compute_volume_attach_v2.node : a.device != ""])
    error_message = "Volumes are attached."
  }
}

run "one_goes_one_comes" {
  variables {
    network = run.network
    bastion = { flavor = "m1.tiny", image = "cirros" }
    pools = {
      cp = { role = "control_plane", nodes = ["1"], flavor = "m1.tiny", image = "cirros", floating_ip = true }
      w  = { nodes = ["b", "c"], flavor = "m1.tiny", image = "cirros", labels = { disk = "ssd" }, volumes = { data = { size_gb = 1 } } }
    }
  }

  assert {
    condition = (output.server_ids["tn-hosts-w-b"] == run.made.server_ids["tn-hosts-w-b"] && output.server_ids["tn-hosts-cp-1"] == run.made.server_ids["tn-hosts-cp-1"]
    && sort(keys(output.server_ids)) == tolist(["tn-hosts-cp-1", "tn-hosts-w-b", "tn-hosts-w-c"]))
    error_message = "The others stay what they are: ${jsonencode(output.server_ids)}"
  }
}
