# One object of an OpenStack cloud, looked up by treenail-external, with its values as their own types.

terraform {
  required_providers {
    external = { source = "treenail/external" }
  }
}

variable "cloud" {
  type        = string
  description = "Entry of clouds.yaml."
}

variable "resource" {
  type        = string
  description = "What to look up, by its module's name: network, image, server, compute_flavor, quota, ..."
}

variable "query" {
  type        = map(string)
  default     = {}
  description = "Which one: name, or whatever else `treenail-external --help` lists."
}

variable "program" {
  type        = list(string)
  default     = ["treenail-external"]
  description = "The program, found on PATH."
}

data "external" "object" {
  program = var.program
  query   = merge(var.query, { cloud = var.cloud, resource = var.resource })
}

output "id" {
  description = "ID of the object."
  value       = data.external.object.result.id
}

output "object" {
  description = "All its attributes, as treenail.openstack returns them."
  value       = jsondecode(data.external.object.result.json)
}
