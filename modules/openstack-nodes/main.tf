# Hosts of a Kubernetes cluster, by pools.

locals {
  hosts = merge([for pool, p in var.pools : {
    for node in p.nodes : "${var.name}-${pool}-${node}" => merge(p, { pool = pool, group = replace(p.role, "_", "-") })
  }]...)
  bastion = var.bastion == null ? {} : { "${var.name}-bastion" = var.bastion }
  volumes = merge([for host, h in local.hosts : { for name, v in h.volumes : "${host}/${name}" => merge(v, { host = host }) }]...)

  # Which hosts have a key is no secret, nor is its public half.
  public_keys = { for host in nonsensitive(keys(var.host_keys)) : host => nonsensitive(var.host_keys[host].public) }

  cloud_init = {
    for host in concat(keys(local.hosts), keys(local.bastion)) : host => join("\n", ["#cloud-config", yamlencode(merge(
      var.cloud_init == "" ? {} : yamldecode(var.cloud_init),
      { hostname = host, prefer_fqdn_over_hostname = false, manage_etc_hosts = true, ssh_pwauth = false, ssh_deletekeys = true },
      contains(keys(local.public_keys), host) ? { ssh_keys = {
        ed25519_private = var.host_keys[host].private
        ed25519_public  = var.host_keys[host].public
      } } : {},
    ))])
  }

  # How SSH is to know a host.
  trust = {
    for host in concat(keys(local.hosts), keys(local.bastion)) : host => {
      known_hosts       = lookup(local.public_keys, host, null)
      host_key_checking = contains(keys(local.public_keys), host) ? "yes" : var.host_key_checking
    }
  }
}

data "openstack_images_image_v2" "system" {
  for_each = toset(concat([for p in var.pools : p.image], [for b in local.bastion : b.image]))

  name        = each.key
  most_recent = true
}

resource "openstack_compute_keypair_v2" "admin" {
  name       = var.name
  public_key = var.public_key
}

resource "openstack_compute_servergroup_v2" "pool" {
  for_each = { for name, p in var.pools : name => p if p.anti_affinity != "none" }

  name     = "${var.name}-${each.key}"
  policies = [each.value.anti_affinity]
}

# ---- nodes ----

resource "openstack_networking_port_v2" "node" {
  for_each = local.hosts

  name               = each.key
  network_id         = var.network.network_id
  security_group_ids = [var.network.security_group_ids[each.value.group]]
  tags               = var.tags

  fixed_ip {
    subnet_id = var.network.subnet_id
  }

  dynamic "allowed_address_pairs" {
    for_each = lookup(var.network.address_pairs, each.value.group, [])
    content {
      ip_address = allowed_address_pairs.value
    }
  }
}

resource "openstack_compute_instance_v2" "node" {
  for_each = local.hosts

  name              = each.key
  flavor_name       = each.value.flavor
  image_id          = each.value.disk_gb == null ? data.openstack_images_image_v2.system[each.value.image].id : null
  key_pair          = openstack_compute_keypair_v2.admin.name
  availability_zone = each.value.availability_zone
  user_data         = local.cloud_init[each.key]
  metadata          = each.value.metadata
  tags              = var.tags

  network {
    port = openstack_networking_port_v2.node[each.key].id
  }

  dynamic "block_device" {
    for_each = each.value.disk_gb == null ? [] : [each.value]
    content {
      uuid                  = data.openstack_images_image_v2.system[each.value.image].id
      source_type           = "image"
      destination_type      = "volume"
      boot_index            = 0
      volume_size           = each.value.disk_gb
      volume_type           = each.value.disk_type
      delete_on_termination = true
    }
  }

  dynamic "scheduler_hints" {
    for_each = each.value.anti_affinity == "none" ? [] : [openstack_compute_servergroup_v2.pool[each.value.pool].id]
    content {
      group = scheduler_hints.value
    }
  }

  # A newer image of the same name, or another line for cloud-init, is no reason to lose a node: it is for the next ones.
  # terraform apply -replace says so if it is meant.
  lifecycle {
    ignore_changes = [image_id, user_data, block_device, key_pair]
  }
}

resource "openstack_networking_floatingip_v2" "node" {
  for_each = { for host, h in local.hosts : host => h if h.floating_ip }

  pool        = var.network.external_network
  port_id     = openstack_networking_port_v2.node[each.key].id
  description = each.key
  tags        = var.tags

  lifecycle {
    precondition {
      condition     = var.network.external_network != null
      error_message = "pools: floating_ip wants a network with an external_network."
    }
  }
}

resource "openstack_blockstorage_volume_v3" "node" {
  for_each = local.volumes

  name        = replace(each.key, "/", "-")
  size        = each.value.size_gb
  volume_type = each.value.type
}

resource "openstack_compute_volume_attach_v2" "node" {
  for_each = local.volumes

  instance_id = openstack_compute_instance_v2.node[each.value.host].id
  volume_id   = openstack_blockstorage_volume_v3.node[each.key].id
}

# ---- the bastion ----

resource "openstack_networking_port_v2" "bastion" {
  for_each = local.bastion

  name               = each.key
  network_id         = var.network.network_id
  security_group_ids = [var.network.security_group_ids["bastion"]]
  tags               = var.tags

  fixed_ip {
    subnet_id = var.network.subnet_id
  }

  lifecycle {
    precondition {
      condition     = contains(keys(var.network.security_group_ids), "bastion") && var.network.external_network != null
      error_message = "bastion: wants a network with bastion = true and an external_network."
    }
  }
}

resource "openstack_compute_instance_v2" "bastion" {
  for_each = local.bastion

  name        = each.key
  flavor_name = each.value.flavor
  image_id    = data.openstack_images_image_v2.system[each.value.image].id
  key_pair    = openstack_compute_keypair_v2.admin.name
  user_data   = local.cloud_init[each.key]
  tags        = var.tags

  network {
    port = openstack_networking_port_v2.bastion[each.key].id
  }

  lifecycle {
    ignore_changes = [image_id, user_data, key_pair]
  }
}

resource "openstack_networking_floatingip_v2" "bastion" {
  for_each = local.bastion

  pool        = var.network.external_network
  port_id     = openstack_networking_port_v2.bastion[each.key].id
  description = each.key
  tags        = var.tags
}
