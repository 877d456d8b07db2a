# From an empty project of OpenStack to a Kubernetes cluster with its first objects, in one apply.
#
#   terraform init && terraform apply -var cloud=NAME -var 'admin_cidrs=["198.51.100.0/24"]' -var 'network_manifests=["flannel.yaml"]'
#
# NAME is an entry of your clouds.yaml. `make providers` makes what `terraform init` installs. Another worker in `workers` joins,
# one less leaves, and `terraform destroy` takes all of it away.

terraform {
  required_version = ">= 1.10" # ephemeral resources
  required_providers {
    openstack  = { source = "treenail/openstack" }
    treenail   = { source = "treenail/treenail" }
    kubernetes = { source = "treenail/kubernetes" }
  }
}

variable "cloud" {
  type        = string
  description = "Entry of clouds.yaml."
}

variable "name" {
  type    = string
  default = "demo"
}

variable "kubernetes_version" {
  type    = string
  default = "1.33.13"
}

variable "external_network" {
  type    = string
  default = "public"
}

variable "admin_cidrs" {
  type        = list(string)
  description = "Networks from which SSH and the API are reached: where this runs is among them."
}

variable "image" {
  type    = string
  default = "debian-12"
}

variable "flavor" {
  type    = string
  default = "m1.small"
}

variable "user" {
  type        = string
  default     = "debian"
  description = "User of the image whom cloud-init lets in."
}

variable "control_planes" {
  type        = set(string)
  default     = ["1"]
  description = "Ends of their names. With three the API has an address of its own, which kube-vip keeps on one that lives."
}

variable "workers" {
  type    = set(string)
  default = ["a", "b"]
}

variable "key_file" {
  type        = string
  default     = "~/.ssh/id_ed25519"
  description = "Private key that lets us in; its public half is beside it."
}

variable "host_keys" {
  type        = map(object({ private = string, public = string }))
  default     = {}
  sensitive   = true
  description = "See the README of openstack-nodes: keys that hosts shall have, by which they are known."
}

variable "host_key_checking" {
  type        = string
  default     = null
  description = "For hosts without one: accept-new believes whoever answers first."
}

variable "network_manifests" {
  type        = list(string)
  description = "The pod network: files or YAML."
}

variable "settings" {
  type        = any
  default     = {}
  description = "What else the module kubernetes-cluster takes: packages, images, registry_mirrors, kubeadm, ..."
}

variable "app_image" {
  type    = string
  default = "registry.k8s.io/pause:3.10"
}

locals {
  several = length(var.control_planes) > 1
  # From outside; nodes have an address within their network.
  api = local.several ? module.network.api_floating_ip : [for n in module.nodes.hosts : n.host.address if n.role == "control_plane"][0]
}

provider "openstack" {
  cloud = var.cloud
}

provider "treenail" {
  private_key_file = [var.key_file]
}

module "network" {
  source = "../../modules/openstack-network"

  name             = var.name
  external_network = var.external_network
  bastion          = true
  ssh_cidrs        = var.admin_cidrs
  api_cidrs        = var.admin_cidrs
  api_address      = local.several
  api_floating_ip  = local.several
}

module "nodes" {
  source = "../../modules/openstack-nodes"

  name              = var.name
  network           = module.network
  user              = var.user
  public_key        = trimspace(file(pathexpand("${var.key_file}.pub")))
  host_keys         = var.host_keys
  host_key_checking = var.host_key_checking
  bastion           = { flavor = var.flavor, image = var.image }
  pools = {
    cp     = { role = "control_plane", nodes = var.control_planes, flavor = var.flavor, image = var.image, floating_ip = !local.several }
    worker = { nodes = var.workers, flavor = var.flavor, image = var.image, max_unavailable = "50%" }
  }
}

module "cluster" {
  source = "../../modules/kubernetes-cluster"

  name               = var.name
  kubernetes_version = var.kubernetes_version
  hosts              = module.nodes.hosts
  groups             = module.nodes.groups
  endpoint           = local.several ? { host = module.network.api_address, kind = "kube_vip" } : null
  settings = merge(var.settings, {
    cni          = { manifests = var.network_manifests }
    certificates = { alt_names = [local.api] }
  })
  manifests = {
    web = {
      apiVersion = "v1"
      kind       = "Namespace"
      metadata   = { name = "web" }
    }
  }
}

# Opened by the apply, once the cluster is there; in no plan and no state.
ephemeral "treenail_kubeconfig" "admin" {
  cluster = module.cluster.cluster
}

provider "kubernetes" {
  host                   = "https://${local.api}:6443"
  cluster_ca_certificate = ephemeral.treenail_kubeconfig.admin.cluster_ca_certificate
  client_certificate     = ephemeral.treenail_kubeconfig.admin.client_certificate
  client_key             = ephemeral.treenail_kubeconfig.admin.client_key
}

# The apply waits until its pods are ready.
resource "kubernetes_deployment_v1" "web" {
  metadata {
    name      = "web"
    namespace = "web"
  }
  spec {
    replicas = 2
    selector {
      match_labels = { app = "web" }
    }
    template {
      metadata {
        labels = { app = "web" }
      }
      spec {
        container {
          name  = "web"
          image = var.app_image
        }
      }
    }
  }
  depends_on = [module.cluster]
}

output "api" {
  value = "https://${local.api}:6443"
}

output "nodes" {
  value = { for n in module.nodes.hosts : n.name => n.node_ip }
}
