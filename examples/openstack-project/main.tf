# Looks up what project.yml made, by the program of Treenail behind Terraform's `external`.
#
#   terraform init && terraform apply -var cloud=NAME

terraform {
  required_providers {
    external = { source = "hashicorp/external" }
  }
}

variable "cloud" {
  type        = string
  description = "Entry of clouds.yaml."
}

variable "prefix" {
  type    = string
  default = "tn-demo"
}

variable "program" {
  type        = list(string)
  default     = ["treenail-external"]
  description = "Treenail's program for `external`, found on PATH."
}

data "external" "network" {
  program = var.program
  query   = { cloud = var.cloud, resource = "network", name = var.prefix }
}

data "external" "server" {
  program = var.program
  query   = { cloud = var.cloud, resource = "server", name = "${var.prefix}-1" }
}

data "external" "flavor" {
  program = var.program
  query   = { cloud = var.cloud, resource = "compute_flavor", min_ram = "512" }
}

output "network_id" {
  value = data.external.network.result.id
}

output "addresses" {
  value = jsondecode(data.external.server.result.addresses)
}

output "smallest_flavor" {
  value = data.external.flavor.result.name
}
