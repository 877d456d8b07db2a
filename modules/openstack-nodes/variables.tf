variable "name" {
  type        = string
  description = "What hosts' names begin with: NAME-POOL-NODE."

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$", var.name))
    error_message = "name: at most 40 small letters, digits and hyphens, since hosts are called after it."
  }
}

variable "network" {
  type = object({
    network_id         = string
    subnet_id          = string
    external_network   = optional(string)
    security_group_ids = map(string)
    address_pairs      = optional(map(list(string)), {})
  })
  description = "Where hosts are: the outputs of the module openstack-network, as they are."
}

variable "pools" {
  type = map(object({
    role              = optional(string, "worker")
    nodes             = set(string)
    flavor            = string
    image             = string
    anti_affinity     = optional(string, "soft-anti-affinity")
    availability_zone = optional(string)
    disk_gb           = optional(number)
    disk_type         = optional(string)
    volumes           = optional(map(object({ size_gb = number, type = optional(string) })), {})
    floating_ip       = optional(bool, false)
    labels            = optional(map(string), {})
    taints            = optional(list(string))
    metadata          = optional(map(string), {})
    max_unavailable   = optional(string, "1")
  }))
  description = <<-END
    Hosts of a kind, by the pool's name. `nodes` are the ends of their names, in any order: one that goes takes its own
    host along and no other. `anti_affinity` is soft-anti-affinity, anti-affinity (a host that cannot be placed apart is an error) or
    none. With `disk_gb` the disk is a volume, kept apart from the hypervisor. `volumes` are attached empty. `labels`, `taints` and
    `max_unavailable` are Kubernetes', handed on to the cluster.
  END

  validation {
    condition     = alltrue([for p in var.pools : contains(["control_plane", "worker"], p.role)])
    error_message = "pools: role is control_plane or worker."
  }
  validation {
    condition     = alltrue([for p in var.pools : contains(["soft-anti-affinity", "anti-affinity", "none"], p.anti_affinity)])
    error_message = "pools: anti_affinity is soft-anti-affinity, anti-affinity or none."
  }
  validation {
    condition     = alltrue(flatten([for name, p in var.pools : [for n in p.nodes : can(regex("^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", "${name}-${n}")) && length("${name}-${n}") <= 22]]))
    error_message = "pools: the names of a pool and a node are small letters, digits and hyphens, at most 22 together."
  }
  validation {
    condition     = length(distinct(flatten([for name, p in var.pools : [for n in p.nodes : "${name}-${n}"]]))) == sum(concat([0], [for p in var.pools : length(p.nodes)]))
    error_message = "pools: two hosts would have the same name, NAME-POOL-NODE."
  }
  validation {
    condition     = sum(concat([0], [for p in var.pools : p.role == "control_plane" ? length(p.nodes) : 0])) % 2 == 1
    error_message = "pools: an odd number of control planes; with an even one etcd bears no more failures than with one less."
  }
}

variable "user" {
  type        = string
  default     = "debian"
  description = "User of the images whom cloud-init lets in."
}

variable "public_key" {
  type        = string
  description = "Key that lets this user in, as a line: ssh-ed25519 AAAA..."

  validation {
    condition     = can(regex("^(ssh|ecdsa|sk-)[a-z0-9@.-]* [A-Za-z0-9+/=]+( .*)?$", var.public_key))
    error_message = "public_key: a line such as ssh-ed25519 AAAA... name. A private key is not wanted."
  }
}

variable "host_keys" {
  type        = map(object({ private = string, public = string }))
  default     = {}
  sensitive   = true
  description = "ed25519 keys that hosts shall have, by the hosts' names (NAME-POOL-NODE, NAME-bastion); they are then known before anybody has connected. See the README for who can read them."

  validation {
    condition     = alltrue([for k in values(var.host_keys) : startswith(k.public, "ssh-ed25519 ") && strcontains(k.private, "PRIVATE KEY-----")])
    error_message = "host_keys: public is a line that begins with ssh-ed25519, private a key in PEM."
  }
}

variable "host_key_checking" {
  type        = string
  default     = null
  description = "For hosts without a key in host_keys: yes (they must be in known_hosts; what is taken if nothing is said) or accept-new (whoever answers first is believed)."

  validation {
    condition     = contains(["yes", "accept-new"], coalesce(var.host_key_checking, "yes"))
    error_message = "host_key_checking: yes or accept-new."
  }
}

variable "bastion" {
  type        = object({ flavor = string, image = string, user = optional(string) })
  default     = null
  description = "Host with a floating IP through which the others are reached; the network must be made with bastion = true."
}

variable "cloud_init" {
  type        = string
  default     = ""
  description = "More for cloud-init, as YAML (mounts, ca_certs, ...); its keys are added to those of the module, which come first."

  validation {
    condition     = var.cloud_init == "" || can(keys(yamldecode(var.cloud_init)))
    error_message = "cloud_init: YAML with keys, such as \"timezone: UTC\"."
  }
}

variable "tags" {
  type        = set(string)
  default     = []
  description = "Labels of ports, servers and floating IPs."
}
