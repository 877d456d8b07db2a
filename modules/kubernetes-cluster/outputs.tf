output "cluster" {
  description = "The cluster, as ephemeral \"treenail_kubeconfig\" and data \"treenail_cluster_health\" take it; unknown until it is there."
  value = {
    id      = treenail_cluster.cluster.id
    name    = var.name
    version = var.kubernetes_version
    nodes   = var.hosts
    ssh     = try(var.settings.ssh, null)
  }
}

output "objects" {
  description = "The first objects, as the cluster has them."
  value       = { for name, o in merge(kubernetes_manifest.frame, kubernetes_manifest.object) : name => o.object }
}
