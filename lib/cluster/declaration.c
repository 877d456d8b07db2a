#include "cluster/cluster.h"
#include "ssh/hosts.h"

/* The one list of what can be declared; what is more than a type is checked in validate.c. */

static const struct attr endpoint_rows[] = {
	{ "host", STR, 0,
	  "Address or name under which nodes and users reach the API; else the first control plane's address, which cannot be moved later." },
	{ "port", INT, 0, "Port of the API.", .value = "6443" },
	{ "bind_port", INT, 0,
	  "Port of the API servers themselves, where a load balancer has another; else the same." },
	{ "kind", STR, 0,
	  "Who holds the address: somebody else (a load balancer, DNS), or kube-vip on the control planes.",
	  .value = "\"address\"", .choices = "address kube_vip" },
	{ "interface", STR, 0,
	  "Network interface on which kube-vip announces it; else that of the default route." },
	{ "image", STR, 0, "Image of kube-vip." },
	{ 0 },
};

static const struct attr network_rows[] = {
	{ "pod_cidr", STR, 0, "Network of the pods; two with a comma between for both families.",
	  .value = "\"10.244.0.0/16\"" },
	{ "service_cidr", STR, 0,
	  "Network of the services; two with a comma between for both families.",
	  .value = "\"10.96.0.0/12\"" },
	{ "dns_domain", STR, 0, "Domain of the services' names.", .value = "\"cluster.local\"" },
	{ 0 },
};

const struct attr cluster_node_attrs[] = {
	{ "name", STR, REQUIRED, "Name of the node in the cluster." },
	{ "host", OBJ, 0, "How it is reached by SSH; what is not said here is taken from ssh.",
	  .sub = ssh_host_options },
	{ "role", STR, 0, "What it does.", .value = "\"worker\"",
	  .choices = "control_plane worker" },
	{ "group", STR, 0, "Group it belongs to; else one of its role's name." },
	{ "labels", MAP, 0, "Labels that it has; others on it are left alone." },
	{ "taints", LIST, 0,
	  "Taints that it has, as key=value:Effect or key:Effect; else those of its group, and of a control plane the usual one." },
	{ "node_ip", STR, 0,
	  "Address by which the cluster knows it; else that of its host if it is one." },
	{ "kubelet_args", MAP, 0, "Further command line options of its kubelet." },
	{ 0 },
};

static const struct attr group_rows[] = {
	{ "name", STR, REQUIRED, "Name that nodes refer to." },
	{ "max_unavailable", STR, 0,
	  "How many of its nodes may be out of service at once, as a number or in percent; control planes go one by one.",
	  .value = "\"1\"" },
	{ "labels", MAP, 0, "Labels of all its nodes." },
	{ "taints", LIST, 0, "Taints of all its nodes that have none of their own." },
	{ "kubelet_args", MAP, 0, "Further command line options of all its kubelets." },
	{ 0 },
};

static const struct attr package_rows[] = {
	{ "manage", BOOL, 0,
	  "Whether packages are installed; else kubeadm and kubelet of the version must be there already.",
	  .value = "true" },
	{ "repository", LIST, 0,
	  "Lines for APT's sources (deb [options] address suite component); else sources are left alone." },
	{ "key", STR, 0,
	  "Key that signs the repository: armoured text, or a file here; installed as /etc/apt/keyrings/kubernetes.asc." },
	{ "revision", STR, 0,
	  "Revision of the packages behind the version (1.1 of 1.33.2-1.1); * for any.",
	  .value = "\"*\"" },
	{ "runtime", LIST, 0,
	  "Packages of the container runtime (name or name=version); else containerd, or docker.io and cri-dockerd." },
	{ "extra", LIST, 0, "Further packages (name or name=version).",
	  .value = "[\"conntrack\", \"socat\", \"ethtool\", \"iptables\"]" },
	{ "hold", BOOL, 0,
	  "Whether kubelet, kubeadm and kubectl are kept from being upgraded by others.",
	  .value = "true" },
	{ 0 },
};

static const struct attr image_rows[] = {
	{ "archive", STR, 0, "File here, as docker save or ctr images export write it." },
	{ "path", STR, 0, "The same where the hosts have it already: its path there." },
	{ "names", LIST, REQUIRED,
	  "Images that it holds: where all of them are there it is not sent." },
	{ "roles", LIST, 0, "Nodes that get it.", .value = "[\"control_plane\", \"worker\"]",
	  .choices = "control_plane worker" },
	{ 0 },
};

static const struct attr mirror_rows[] = {
	{ "registry", STR, REQUIRED,
	  "Registry whose images are meant (docker.io), or _default for all others." },
	{ "mirrors", LIST, REQUIRED,
	  "Addresses asked in its place, in order (https://mirror.example)." },
	{ "ca", STR, 0, "Certificates to trust there: PEM text, or a file here." },
	{ "insecure", BOOL, 0, "Whether their certificates are not verified.", .value = "false" },
	{ 0 },
};

static const struct attr proxy_rows[] = {
	{ "http", STR, SECRET, "Proxy for http." },
	{ "https", STR, SECRET, "Proxy for https." },
	{ "no_proxy", LIST, 0,
	  "Hosts and networks reached without it; the cluster's own networks, nodes and endpoint always are." },
	{ 0 },
};

static const struct attr cni_rows[] = {
	{ "manifests", LIST, 0, "Manifests of the pod network: YAML text, or files here." },
	{ "bin_dir", STR, 0, "Folder of the network plugins.", .value = "\"/opt/cni/bin\"" },
	{ "wait", BOOL, 0, "Whether nodes must get ready; without a pod network they do not.",
	  .value = "true" },
	{ 0 },
};

static const struct attr etcd_rows[] = {
	{ "kind", STR, 0, "Where etcd runs: on the control planes, or elsewhere.",
	  .value = "\"stacked\"", .choices = "stacked external" },
	{ "endpoints", LIST, 0, "Addresses of an etcd elsewhere (https://10.0.0.7:2379)." },
	{ "ca_file", STR, 0, "File here with the certificates it is trusted by." },
	{ "cert_file", STR, 0, "File here with the client certificate for it." },
	{ "key_file", STR, 0, "File here with that certificate's key." },
	{ "args", MAP, 0, "Further command line options of a stacked one." },
	{ 0 },
};

static const struct attr certificate_rows[] = {
	{ "ca_days", INT, 0, "Lifetime of the certificate authorities.", .value = "3650" },
	{ "days", INT, 0, "Lifetime of all other certificates.", .value = "365" },
	{ "key_type", STR, 0, "Kind of their keys.", .value = "\"ECDSA-P256\"",
	  .choices = "RSA-2048 RSA-3072 RSA-4096 ECDSA-P256 ECDSA-P384" },
	{ "renew_days", INT, 0, "Renewed when fewer days are left; 0: never.", .value = "30" },
	{ "alt_names", LIST, 0, "Further names and addresses in the API server's certificate." },
	{ 0 },
};

static const struct attr kubeadm_rows[] = {
	{ "patches", MAP, 0,
	  "Patches by kubeadm's names for them (kube-apiserver0+merge.yaml), each as text." },
	{ "api_server_args", MAP, 0, "Further command line options of the API server." },
	{ "controller_manager_args", MAP, 0, "The same of the controller manager." },
	{ "scheduler_args", MAP, 0, "The same of the scheduler." },
	{ "kubelet", RAW, 0, "Fields of KubeletConfiguration for all nodes." },
	{ "kube_proxy", RAW, 0, "Fields of KubeProxyConfiguration." },
	{ "skip_phases", LIST, 0, "Phases of kubeadm init to leave out (addon/kube-proxy)." },
	{ "ignore_preflight_errors", LIST, 0, "Checks of kubeadm whose errors are warnings." },
	{ "image_repository", STR, 0, "Where the control plane's images come from." },
	{ "image_pull_policy", STR, 0, "When kubeadm pulls images.", .value = "\"IfNotPresent\"",
	  .choices = "Always IfNotPresent Never" },
	{ "feature_gates", MAP, 0, "Kubeadm's own feature gates." },
	{ 0 },
};

static const struct attr encryption_rows[] = {
	{ "provider", STR, 0, "How objects are encrypted in etcd; none: not at all.",
	  .value = "\"none\"", .choices = "none secretbox aescbc aesgcm" },
	{ "resources", LIST, 0,
	  "Kinds that are encrypted (secrets, deployments.apps); those of before stay so.",
	  .value = "[\"secrets\"]" },
	{ "key", STR, 0,
	  "Name of the key that encrypts. It is made on the controller; another name, or provider, makes a new one, by which all is encrypted anew before the old one goes.",
	  .value = "\"key1\"" },
	{ 0 },
};

static const struct attr audit_rows[] = {
	{ "max_age_days", INT, 0, "Days that old files are kept.", .value = "30" },
	{ "max_backups", INT, 0, "How many old files are kept.", .value = "10" },
	{ "max_size_mb", INT, 0, "Size at which a new file is begun.", .value = "100" },
	{ 0 },
};

static const struct attr drain_rows[] = {
	{ "timeout_s", INT, 0, "Seconds that emptying a node may take.", .value = "600" },
	{ "grace_s", INT, 0, "Seconds that each pod has to end; else what it says itself." },
	{ "force", BOOL, 0, "Whether pods go that no controller makes elsewhere.",
	  .value = "false" },
	{ "delete_emptydir_data", BOOL, 0,
	  "Whether pods with an emptyDir go, and their data with them.", .value = "true" },
	{ 0 },
};

static const struct attr time_rows[] = {
	{ "max_offset_s", FLOAT, 0, "How far a node's clock may be from the clock here; 0: any.",
	  .value = "5" },
	{ 0 },
};

static const struct attr space_rows[] = {
	{ "free_mb", INT, 0,
	  "MiB that must be free where a node has its images, its pods and etcd's data, before it becomes a member or is upgraded; 0: any.",
	  .value = "2048" },
	{ 0 },
};

const struct attr cluster_attrs[] = {
	{ "name", STR, REQUIRED, "Name of the cluster." },
	{ "version", STR, REQUIRED, "Version of Kubernetes, as 1.33.2." },
	{ "journal", STR, 0,
	  "Folder here in which is written down what was begun and done; else clusters/NAME in ~/.local/state/treenail." },
	{ "endpoint", OBJ, 0, "Where the API is reached.", .sub = endpoint_rows },
	{ "networks", OBJ, 0, "Networks within the cluster.", .sub = network_rows },
	{ "ssh", OBJ, 0, "How hosts are reached, where they say nothing else.",
	  .sub = ssh_host_options },
	{ "nodes", LIST, REQUIRED, "All nodes.", .sub = cluster_node_attrs },
	{ "groups", LIST, 0, "What nodes of a group have in common.", .sub = group_rows },
	{ "runtime", STR, 0, "Container runtime.", .value = "\"containerd\"",
	  .choices = "containerd docker" },
	{ "packages", OBJ, 0, "Where programs come from.", .sub = package_rows },
	{ "images", LIST, 0,
	  "Archives of images brought to the nodes, where these reach no registry.",
	  .sub = image_rows },
	{ "registry_mirrors", LIST, 0, "Mirrors of registries.", .sub = mirror_rows },
	{ "proxy", OBJ, 0, "Proxies of APT, the container runtime and the control plane.",
	  .sub = proxy_rows },
	{ "runtime_config", RAW, 0,
	  "Further settings of the runtime: of containerd's CRI plugin, or of Docker's daemon.json." },
	{ "cni", OBJ, 0, "The pod network.", .sub = cni_rows },
	{ "etcd", OBJ, 0, "The cluster's database.", .sub = etcd_rows },
	{ "certificates", OBJ, 0, "Certificates made here and by kubeadm.",
	  .sub = certificate_rows },
	{ "kubeadm", OBJ, 0, "What kubeadm is told beside.", .sub = kubeadm_rows },
	{ "encryption", OBJ, 0, "Encryption at rest.", .sub = encryption_rows },
	{ "audit_policy", STR, 0, "Audit policy: YAML text, or a file here." },
	{ "audit_log", OBJ, 0, "The audit log, where there is a policy.", .sub = audit_rows },
	{ "time", OBJ, 0, "Clocks.", .sub = time_rows },
	{ "space", OBJ, 0, "Room on disks.", .sub = space_rows },
	{ "drain", OBJ, 0, "How nodes are emptied before they are upgraded or removed.",
	  .sub = drain_rows },
	{ 0 },
};
