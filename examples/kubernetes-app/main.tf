# An application on Kubernetes, by the native provider; a second apply changes nothing.
#
#   terraform init && terraform apply -var context=NAME
#   terraform apply -var context=NAME -var release=2 -var replicas=5      a rolling change
#
# NAME is a context of the kubeconfig. `make providers` makes what `terraform init` installs.

terraform {
  required_version = ">= 1.8" # functions of providers
  required_providers {
    kubernetes = { source = "treenail/kubernetes" }
  }
}

variable "kubeconfig" {
  type    = string
  default = "~/.kube/config"
}

variable "context" {
  type        = string
  description = "Context of the kubeconfig."
}

variable "prefix" {
  type    = string
  default = "tn-tf"
}

variable "image" {
  type    = string
  default = "registry.example/web"
}

variable "release" {
  type    = number
  default = 1
}

variable "replicas" {
  type    = number
  default = 3
}

variable "password" {
  type      = string
  default   = "swordfish"
  sensitive = true
}

provider "kubernetes" {
  config_path    = var.kubeconfig
  config_context = var.context
}

resource "kubernetes_namespace_v1" "app" {
  metadata {
    name = var.prefix
  }
}

# ---- a kind of one's own, and an object of it in the same apply ----

resource "kubernetes_manifest" "backups" {
  manifest = {
    apiVersion = "apiextensions.k8s.io/v1"
    kind       = "CustomResourceDefinition"
    metadata   = { name = "backups.${var.prefix}.example.com" }
    spec = {
      group = "${var.prefix}.example.com"
      scope = "Namespaced"
      names = { kind = "Backup", plural = "backups", singular = "backup" }
      versions = [{
        name    = "v1"
        served  = true
        storage = true
        schema = {
          openAPIV3Schema = {
            type = "object"
            properties = {
              spec = {
                type     = "object"
                required = ["schedule"]
                properties = {
                  schedule = { type = "string" }
                  keep     = { type = "integer", minimum = 1, default = 3 }
                }
              }
            }
          }
        }
      }]
    }
  }
}

resource "kubernetes_manifest" "nightly" {
  manifest = {
    apiVersion = "${var.prefix}.example.com/v1"
    kind       = "Backup"
    metadata   = { name = "nightly", namespace = kubernetes_namespace_v1.app.metadata[0].name }
    spec       = { schedule = "0 3 * * *" }
  }

  depends_on = [kubernetes_manifest.backups]
}

# ---- the web ----

locals {
  namespace = kubernetes_namespace_v1.app.metadata[0].name
  labels    = { app = "web" }
}

resource "kubernetes_config_map_v1" "web" {
  metadata {
    name      = "web"
    namespace = local.namespace
  }

  data = { GREETING = "Hello" }
}

resource "kubernetes_secret_v1" "web" {
  metadata {
    name      = "web"
    namespace = local.namespace
  }

  data = { PASSWORD = var.password }
}

resource "kubernetes_deployment_v1" "web" {
  metadata {
    name      = "web"
    namespace = local.namespace
    labels    = local.labels
  }

  spec {
    replicas = var.replicas

    selector {
      match_labels = local.labels
    }

    strategy {
      type = "RollingUpdate"

      rolling_update {
        max_unavailable = "0"
        max_surge       = "1"
      }
    }

    template {
      metadata {
        labels = local.labels
      }

      spec {
        container {
          name  = "web"
          image = "${var.image}:${var.release}"

          port {
            container_port = 8080
          }

          env_from {
            config_map_ref {
              name = kubernetes_config_map_v1.web.metadata[0].name
            }
          }

          env_from {
            secret_ref {
              name = kubernetes_secret_v1.web.metadata[0].name
            }
          }
        }
      }
    }
  }

  timeouts {
    create = "5m"
    update = "5m"
  }
}

resource "kubernetes_pod_disruption_budget_v1" "web" {
  metadata {
    name      = "web"
    namespace = local.namespace
  }

  spec {
    max_unavailable = "1"

    selector {
      match_labels = local.labels
    }
  }
}

resource "kubernetes_service_v1" "web" {
  metadata {
    name      = "web"
    namespace = local.namespace
  }

  spec {
    selector = local.labels

    port {
      name        = "http"
      port        = 80
      target_port = "8080"
    }
  }
}

# ---- what runs ----

data "kubernetes_resources" "pods" {
  api_version    = "v1"
  kind           = "Pod"
  namespace      = local.namespace
  label_selector = "app=web"
  field_selector = "status.phase=Running"

  depends_on = [kubernetes_deployment_v1.web]
}

output "address" {
  value = kubernetes_service_v1.web.spec[0].cluster_ip
}

output "pods" {
  value = { for p in data.kubernetes_resources.pods.objects : p.metadata.name => p.spec.nodeName }
}
