# A cluster on hosts, and its first objects.

resource "treenail_cluster" "cluster" {
  name     = var.name
  version  = var.kubernetes_version
  nodes    = var.hosts
  groups   = var.groups
  endpoint = var.endpoint

  networks         = try(var.settings.networks, null)
  ssh              = try(var.settings.ssh, null)
  runtime          = try(var.settings.runtime, null)
  packages         = try(var.settings.packages, null)
  images           = try(var.settings.images, null)
  registry_mirrors = try(var.settings.registry_mirrors, null)
  proxy            = try(var.settings.proxy, null)
  cni              = try(var.settings.cni, null)
  etcd             = try(var.settings.etcd, null)
  certificates     = try(var.settings.certificates, null)
  kubeadm          = try(var.settings.kubeadm, null)
  encryption       = try(var.settings.encryption, null)
  audit_policy     = try(var.settings.audit_policy, null)
  audit_log        = try(var.settings.audit_log, null)
  time             = try(var.settings.time, null)
  journal          = try(var.settings.journal, null)
  drain            = try(var.settings.drain, null)
  prune            = try(var.settings.prune, null)
  runtime_config   = try(var.settings.runtime_config, null)
  space            = try(var.settings.space, null)
}

# What others lie in, or are of, comes before them.
locals {
  frames = [for name, m in var.manifests : name if contains(["Namespace", "CustomResourceDefinition"], m.kind)]
}

resource "kubernetes_manifest" "frame" {
  for_each = toset(local.frames)

  manifest   = var.manifests[each.key]
  depends_on = [treenail_cluster.cluster]
}

resource "kubernetes_manifest" "object" {
  for_each = setsubtract(keys(var.manifests), local.frames)

  manifest   = var.manifests[each.key]
  depends_on = [kubernetes_manifest.frame]
}
