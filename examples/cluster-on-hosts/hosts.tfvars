# Machines with Debian or Ubuntu that are reached by SSH, and how.
hosts = [
  { name = "c1", role = "control_plane", host = { address = "192.0.2.11" } },
  { name = "w1", host = { address = "192.0.2.21" }, labels = { disk = "fast" } },
  { name = "w2", host = { address = "192.0.2.22" }, taints = ["batch=yes:NoSchedule"] },
]
endpoint = { host = "192.0.2.11" }
settings = {
  ssh = { user = "ops", sudo = true }
  packages = {
    repository = ["deb [signed-by=/etc/apt/keyrings/kubernetes.asc] https://pkgs.k8s.io/core:/stable:/v1.33/deb/ /"]
    key        = "Release.key"
  }
  cni = { manifests = ["network.yml"] }
}
