# Without hosts: what would be made.

mock_provider "treenail" {}
mock_provider "kubernetes" {}

variables {
  name               = "k"
  kubernetes_version = "1.33.13"
  hosts = [
    { name = "c1", role = "control_plane", host = { address = "192.0.2.11" } },
    { name = "w1", role = "worker", host = { address = "192.0.2.21" } },
  ]
}

run "alone" {
  command = plan

  assert {
    condition     = treenail_cluster.cluster.version == "1.33.13" && length(treenail_cluster.cluster.nodes) == 2 && treenail_cluster.cluster.endpoint == null
    error_message = "What is not given is not said."
  }
  assert {
    condition     = output.cluster.name == "k" && output.cluster.nodes[1].name == "w1"
    error_message = "What the kubeconfig is read with."
  }
}

run "with_objects" {
  command = plan

  variables {
    groups   = [{ name = "worker", max_unavailable = "50%" }]
    endpoint = { host = "192.0.2.9", kind = "kube_vip" }
    settings = { networks = { pod_cidr = "10.200.0.0/16" }, runtime = "docker", space = { free_mb = 100 } }
    manifests = {
      space  = { apiVersion = "v1", kind = "Namespace", metadata = { name = "web" } }
      config = { apiVersion = "v1", kind = "ConfigMap", metadata = { name = "c", namespace = "web" }, data = { a = "b" } }
    }
  }

  assert {
    condition     = keys(kubernetes_manifest.frame) == ["space"] && keys(kubernetes_manifest.object) == ["config"]
    error_message = "What others lie in comes first."
  }
  assert {
    condition = (treenail_cluster.cluster.networks.pod_cidr == "10.200.0.0/16" && treenail_cluster.cluster.runtime == "docker" && treenail_cluster.cluster.space.free_mb == 100
    && treenail_cluster.cluster.groups[0].max_unavailable == "50%" && treenail_cluster.cluster.endpoint.kind == "kube_vip")
    error_message = "All goes through."
  }
}

run "refused" {
  command = plan

  variables {
    kubernetes_version = "1.33"
    settings           = { nodes = [] }
  }

  expect_failures = [var.kubernetes_version, var.settings]
}
