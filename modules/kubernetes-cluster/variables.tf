variable "name" {
  type        = string
  description = "Name of the cluster."
}

variable "kubernetes_version" {
  type        = string
  description = "Version of Kubernetes, as 1.33.2; another one upgrades."

  validation {
    condition     = can(regex("^[0-9]+\\.[0-9]+\\.[0-9]+$", var.kubernetes_version))
    error_message = "kubernetes_version: three numbers, such as 1.33.2."
  }
}

variable "hosts" {
  type        = any
  description = "The nodes: the output hosts of openstack-nodes, or [{ name, role, group, labels, taints, node_ip, host = { address, user, ... } }]."
}

variable "groups" {
  type        = any
  default     = null
  description = "What nodes of a group have in common: the output groups of openstack-nodes, or [{ name, max_unavailable, labels, taints }]."
}

variable "endpoint" {
  type        = any
  default     = null
  description = "Where the API is reached: { host, port, kind, interface, image }."
}

variable "settings" {
  type        = any
  default     = {}
  description = "All else that treenail_cluster takes, by its names: networks, ssh, runtime, packages, images, registry_mirrors, proxy, cni, etcd, certificates, kubeadm, encryption, audit_policy, audit_log, time, drain, prune, runtime_config, space, journal."

  validation {
    condition = length(setsubtract(keys(var.settings), ["networks", "ssh", "runtime", "packages", "images", "registry_mirrors", "proxy", "cni", "etcd", "certificates",
    "kubeadm", "encryption", "audit_policy", "audit_log", "time", "drain", "prune", "runtime_config", "space", "journal"])) == 0
    error_message = "settings: attributes of treenail_cluster but name, version, nodes, groups and endpoint."
  }
}

variable "manifests" {
  type        = any
  default     = {}
  description = "First objects, by names of your own: { namespace = { apiVersion, kind, metadata, ... } }. Made once the cluster is there, in the same apply."
}
