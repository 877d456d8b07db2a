# Looks up what project.yml made, by the program of Treenail behind Terraform's `external`, whose own provider
# is Treenail's too. What makes such a project without a playbook is in ../openstack-provider.
#
#   terraform init && terraform apply -var cloud=NAME

variable "cloud" {
  type        = string
  description = "Entry of clouds.yaml."
}

variable "prefix" {
  type    = string
  default = "tn-demo"
}

module "network" {
  source   = "../../modules/openstack-lookup"
  cloud    = var.cloud
  resource = "network"
  query    = { name = var.prefix }
}

module "server" {
  source   = "../../modules/openstack-lookup"
  cloud    = var.cloud
  resource = "server"
  query    = { name = "${var.prefix}-1" }
}

module "flavor" {
  source   = "../../modules/openstack-lookup"
  cloud    = var.cloud
  resource = "compute_flavor"
  query    = { min_ram = "512" }
}

output "network_mtu" {
  value = module.network.object.mtu
}

output "addresses" {
  value = module.server.object.addresses
}

output "smallest_flavor" {
  value = module.flavor.object.name
}
