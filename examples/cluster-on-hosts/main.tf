# The same cluster by Terraform: on machines that are there, with its first objects, in one apply.
#
#   curl -o Release.key https://pkgs.k8s.io/core:/stable:/v1.33/deb/Release.key
#   curl -Lo network.yml https://github.com/flannel-io/flannel/releases/latest/download/kube-flannel.yml
#   terraform init && terraform apply -var-file=hosts.tfvars
#
# `make providers` makes what `terraform init` installs.

terraform {
  required_version = ">= 1.10" # ephemeral resources
  required_providers {
    treenail   = { source = "treenail/treenail" }
    kubernetes = { source = "treenail/kubernetes" }
  }
}

variable "name" {
  type    = string
  default = "demo"
}

variable "kubernetes_version" {
  type    = string
  default = "1.33.13"
}

variable "hosts" {
  type        = any
  description = "The machines: [{ name = \"c1\", role = \"control_plane\", host = { address = \"192.0.2.11\" } }, ...]"
}

variable "endpoint" {
  type        = any
  description = "Where the API is reached: { host = \"192.0.2.11\" }, a load balancer, or an address for kube-vip."
}

variable "settings" {
  type        = any
  default     = {}
  description = "What else the module kubernetes-cluster takes: ssh, packages, images, cni, ..."
}

module "cluster" {
  source = "../../modules/kubernetes-cluster"

  name               = var.name
  kubernetes_version = var.kubernetes_version
  hosts              = var.hosts
  endpoint           = var.endpoint
  settings           = var.settings
  manifests = {
    web = {
      apiVersion = "v1"
      kind       = "Namespace"
      metadata   = { name = "web" }
    }
    greeting = {
      apiVersion = "v1"
      kind       = "ConfigMap"
      metadata   = { name = "greeting", namespace = "web" }
      data       = { text = "Hello" }
    }
  }
}

# Opened by the apply, once the cluster is there; in no plan and no state.
ephemeral "treenail_kubeconfig" "admin" {
  cluster = module.cluster.cluster
}

provider "kubernetes" {
  host                   = ephemeral.treenail_kubeconfig.admin.host
  cluster_ca_certificate = ephemeral.treenail_kubeconfig.admin.cluster_ca_certificate
  client_certificate     = ephemeral.treenail_kubeconfig.admin.client_certificate
  client_key             = ephemeral.treenail_kubeconfig.admin.client_key
}

output "objects" {
  value = keys(module.cluster.objects)
}
