# Without a cloud: what would be made.

mock_provider "openstack" {
  mock_data "openstack_images_image_v2" {
    defaults = { id = "11111111-1111-4111-8111-111111111111" }
  }
  mock_resource "openstack_networking_port_v2" {
    defaults = { all_fixed_ips = ["10.20.0.7"] }
  }
  mock_resource "openstack_networking_floatingip_v2" {
    defaults = { address = "203.0.113.7" }
  }
}

variables {
  name       = "k"
  public_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1p4sSCBS2w0A5c0XfjNhmWwnZK8jLrVvXv0ptLQw0E demo"
  network = {
    network_id         = "22222222-2222-4222-8222-222222222222"
    subnet_id          = "33333333-3333-4333-8333-333333333333"
    external_network   = "public"
    security_group_ids = { control-plane = "cp", worker = "w", bastion = "b" }
    address_pairs      = { control-plane = ["10.20.0.99"] }
  }
  pools = {
    cp = { role = "control_plane", nodes = ["1"], flavor = "small", image = "debian" }
    w = {
      nodes   = ["a", "b"], flavor = "large", image = "debian", disk_gb = 40, labels = { disk = "ssd" }, taints = ["batch:NoSchedule"]
      volumes = { data = { size_gb = 10 }, logs = { size_gb = 1, type = "slow" } }
    }
  }
}

run "made" {
  # Mocked, so that what is known only after is there, too.
  command = apply

  assert {
    condition     = sort(keys(openstack_compute_instance_v2.node)) == tolist(["k-cp-1", "k-w-a", "k-w-b"])
    error_message = "Hosts are called NAME-POOL-NODE."
  }
  assert {
    condition = ([for h in output.hosts : h.role] == ["control_plane", "worker", "worker"]
      && [for h in output.hosts : h.group] == ["cp", "w", "w"]
      && output.hosts[1].labels == tomap({ disk = "ssd" }) && output.hosts[1].taints == tolist(["batch:NoSchedule"]) && output.hosts[0].taints == null
    && alltrue([for h in output.hosts : h.host.address == "10.20.0.7" && h.node_ip == "10.20.0.7" && h.host.user == "debian" && h.host.sudo && h.host.booting]))
    error_message = "Hosts: ${jsonencode(output.hosts)}"
  }
  assert {
    condition     = alltrue([for h in output.hosts : h.host.known_hosts == null && h.host.host_key_checking == null && length(h.host.bastions) == 0])
    error_message = "Nothing is believed that nobody has said: ${jsonencode(output.hosts)}"
  }
  assert {
    condition = (length(openstack_networking_port_v2.node["k-cp-1"].allowed_address_pairs) == 1
    && length(openstack_networking_port_v2.node["k-w-a"].allowed_address_pairs) == 0)
    error_message = "Control planes alone hold the API's address."
  }
  assert {
    condition = (openstack_networking_port_v2.node["k-cp-1"].security_group_ids == toset(["cp"])
    && openstack_networking_port_v2.node["k-w-b"].security_group_ids == toset(["w"]))
    error_message = "Each role has a group of its own."
  }
  assert {
    condition     = sort(keys(output.volume_ids)) == tolist(["k-w-a/data", "k-w-a/logs", "k-w-b/data", "k-w-b/logs"]) && openstack_blockstorage_volume_v3.node["k-w-b/logs"].volume_type == "slow"
    error_message = "Volumes: ${jsonencode(output.volume_ids)}"
  }
  assert {
    condition = (openstack_compute_instance_v2.node["k-w-a"].block_device[0].volume_size == 40
    && length(openstack_compute_instance_v2.node["k-cp-1"].block_device) == 0)
    error_message = "Disks."
  }
  assert {
    condition     = alltrue([for i in openstack_compute_instance_v2.node : length(i.scheduler_hints) == 1]) && length(openstack_compute_servergroup_v2.pool) == 2
    error_message = "Each pool is spread."
  }
  assert {
    condition     = yamldecode(openstack_compute_instance_v2.node["k-w-a"].user_data) == { hostname = "k-w-a", manage_etc_hosts = true, prefer_fqdn_over_hostname = false, ssh_deletekeys = true, ssh_pwauth = false }
    error_message = "For cloud-init: ${openstack_compute_instance_v2.node["k-w-a"].user_data}"
  }
}

run "one_goes" {
  command = plan

  variables {
    pools = {
      cp = { role = "control_plane", nodes = ["1"], flavor = "small", image = "debian" }
      w  = { nodes = ["b"], flavor = "large", image = "debian", disk_gb = 40 }
    }
  }

  assert {
    condition     = output.server_ids["k-w-b"] == run.made.server_ids["k-w-b"] && !contains(keys(output.server_ids), "k-w-a")
    error_message = "The others stay what they are."
  }
}

run "another_image_and_key" {
  command = plan

  variables {
    cloud_init = "timezone: UTC"
    public_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1p4sSCBS2w0A5c0XfjNhmWwnZK8jLrVvXv0ptLQw0F other"
  }

  assert {
    condition     = alltrue([for n, id in run.made.server_ids : output.server_ids[n] == id])
    error_message = "Hosts outlive a change of what new ones are made of."
  }
}

run "bastion_and_host_keys" {
  command = apply

  variables {
    name              = "n" # what is there already keeps its data for cloud-init
    bastion           = { flavor = "small", image = "debian", user = "ops" }
    host_key_checking = "accept-new"
    cloud_init        = "{timezone: UTC, hostname: other}"
    host_keys = {
      n-cp-1    = { private = "-----BEGIN OPENSSH PRIVATE KEY-----\ncanary\n", public = "ssh-ed25519 AAAAcp" }
      n-bastion = { private = "-----BEGIN OPENSSH PRIVATE KEY-----\ncanary\n", public = "ssh-ed25519 AAAAb" }
    }
    pools = {
      cp = { role = "control_plane", nodes = ["1"], flavor = "small", image = "debian" }
      w  = { nodes = ["a"], flavor = "large", image = "debian", floating_ip = true, anti_affinity = "none" }
    }
  }

  assert {
    condition = (output.hosts[0].host.known_hosts == "ssh-ed25519 AAAAcp" && output.hosts[0].host.host_key_checking == "yes"
    && output.hosts[1].host.known_hosts == null && output.hosts[1].host.host_key_checking == "accept-new")
    error_message = "Who has a key is known by it: ${jsonencode(output.hosts)}"
  }
  assert {
    condition = (output.bastion == { name = "n-bastion", address = "203.0.113.7", user = "ops", known_hosts = "ssh-ed25519 AAAAb", host_key_checking = "yes" }
    && output.hosts[0].host.bastions[0] == output.bastion && length(output.hosts[1].host.bastions) == 0 && output.hosts[1].host.address == "203.0.113.7")
    error_message = "A host with a floating IP needs no bastion: ${jsonencode(output.hosts)}"
  }
  assert {
    condition     = !strcontains(jsonencode(output.hosts), "canary")
    error_message = "No private key goes along."
  }
  assert {
    condition = (nonsensitive(yamldecode(openstack_compute_instance_v2.node["n-cp-1"].user_data)).ssh_keys.ed25519_private == "-----BEGIN OPENSSH PRIVATE KEY-----\ncanary\n"
      && nonsensitive(yamldecode(openstack_compute_instance_v2.node["n-cp-1"].user_data)).timezone == "UTC"
    && nonsensitive(yamldecode(openstack_compute_instance_v2.node["n-cp-1"].user_data)).hostname == "n-cp-1")
    error_message = "Keys, and more for cloud-init, whose keys do not take the place of ours."
  }
  assert {
    condition     = length(openstack_compute_servergroup_v2.pool) == 1 && length(openstack_compute_instance_v2.node["n-w-a"].scheduler_hints) == 0
    error_message = "anti_affinity = none."
  }
}

run "refused" {
  command = plan

  variables {
    name              = "K"
    public_key        = "-----BEGIN OPENSSH PRIVATE KEY-----"
    host_key_checking = "no"
    cloud_init        = "[1]"
    host_keys         = { x = { private = "x", public = "ssh-rsa x" } }
    pools             = { cp = { role = "master", nodes = ["1", "2"], flavor = "small", image = "debian" } }
  }

  expect_failures = [var.name, var.public_key, var.host_key_checking, var.cloud_init, var.host_keys, var.pools]
}

run "even_control_planes" {
  command = plan

  variables {
    pools = { cp = { role = "control_plane", nodes = ["1", "2"], flavor = "small", image = "debian" } }
  }

  expect_failures = [var.pools]
}

run "no_network_for_a_bastion" {
  command = plan

  variables {
    bastion = { flavor = "small", image = "debian" }
    network = {
      network_id         = "22222222-2222-4222-8222-222222222222"
      subnet_id          = "33333333-3333-4333-8333-333333333333"
      security_group_ids = { control-plane = "cp", worker = "w", bastion = "b" }
    }
  }

  expect_failures = [openstack_networking_port_v2.bastion]
}
