# A project's infrastructure on OpenStack, by the native provider; a second apply changes nothing.
#
#   terraform init && terraform apply -var cloud=NAME
#
# NAME is an entry of your clouds.yaml. `make providers` makes what `terraform init` installs.

terraform {
  required_version = ">= 1.8" # functions of providers
  required_providers {
    openstack = { source = "treenail/openstack" }
  }
}

variable "cloud" {
  type        = string
  description = "Entry of clouds.yaml."
}

variable "prefix" {
  type    = string
  default = "tn-tf"
}

variable "external_network" {
  type    = string
  default = "public"
}

variable "image" {
  type    = string
  default = "cirros"
}

variable "flavor_ram" {
  type    = number
  default = 512
}

variable "servers" {
  type    = number
  default = 3
}

provider "openstack" {
  cloud = var.cloud
}

data "openstack_networking_network_v2" "external" {
  name     = var.external_network
  external = true
}

data "openstack_images_image_v2" "system" {
  name        = var.image
  most_recent = true
}

data "openstack_compute_flavor_v2" "smallest" {
  ram = var.flavor_ram
}

# ---- the network ----

resource "openstack_networking_network_v2" "web" {
  name = var.prefix
  mtu  = 1400
  tags = ["web"]
}

resource "openstack_networking_subnet_v2" "web" {
  name            = var.prefix
  network_id      = openstack_networking_network_v2.web.id
  cidr            = "10.21.0.0/24"
  dns_nameservers = ["192.0.2.53"]
}

resource "openstack_networking_router_v2" "web" {
  name                = var.prefix
  external_network_id = data.openstack_networking_network_v2.external.id
}

resource "openstack_networking_router_interface_v2" "web" {
  router_id = openstack_networking_router_v2.web.id
  subnet_id = openstack_networking_subnet_v2.web.id
}

resource "openstack_networking_secgroup_v2" "web" {
  name        = var.prefix
  description = "Web servers"
}

resource "openstack_networking_secgroup_rule_v2" "web" {
  for_each = { ssh = [22, "198.51.100.0/24"], http = [80, "0.0.0.0/0"], https = [443, "0.0.0.0/0"] }

  security_group_id = openstack_networking_secgroup_v2.web.id
  description       = each.key
  direction         = "ingress"
  ethertype         = "IPv4"
  protocol          = "tcp"
  port_range_min    = each.value[0]
  port_range_max    = each.value[0]
  remote_ip_prefix  = each.value[1]
}

# ---- servers ----

resource "openstack_compute_keypair_v2" "admin" {
  name       = var.prefix
  public_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1p4sSCBS2w0A5c0XfjNhmWwnZK8jLrVvXv0ptLQw0E demo"
}

resource "openstack_networking_port_v2" "web" {
  count = var.servers

  name               = "${var.prefix}-${count.index + 1}"
  network_id         = openstack_networking_network_v2.web.id
  security_group_ids = [openstack_networking_secgroup_v2.web.id]

  fixed_ip {
    subnet_id = openstack_networking_subnet_v2.web.id
  }
}

resource "openstack_compute_instance_v2" "web" {
  count = var.servers

  name      = "${var.prefix}-${count.index + 1}"
  image_id  = data.openstack_images_image_v2.system.id
  flavor_id = data.openstack_compute_flavor_v2.smallest.id
  key_pair  = openstack_compute_keypair_v2.admin.name

  user_data = provider::openstack::user_data([
    { content = "#cloud-config\npackages: [nginx]\n" },
    { content = "#!/bin/sh\necho ${var.prefix}-${count.index + 1} >/var/www/html/index.html\n" },
  ])

  network {
    port = openstack_networking_port_v2.web[count.index].id
  }
}

# ---- what the first of them has ----

resource "openstack_blockstorage_volume_v3" "data" {
  name = var.prefix
  size = 1
}

resource "openstack_compute_volume_attach_v2" "data" {
  instance_id = openstack_compute_instance_v2.web[0].id
  volume_id   = openstack_blockstorage_volume_v3.data.id
}

resource "openstack_networking_floatingip_v2" "web" {
  pool = var.external_network
}

resource "openstack_networking_floatingip_associate_v2" "web" {
  floating_ip = openstack_networking_floatingip_v2.web.address
  port_id     = openstack_networking_port_v2.web[0].id

  depends_on = [openstack_networking_router_interface_v2.web]
}

output "addresses" {
  value = { for s in openstack_compute_instance_v2.web : s.name => s.access_ip_v4 }
}

output "floating_ip" {
  value = openstack_networking_floatingip_v2.web.address
}
