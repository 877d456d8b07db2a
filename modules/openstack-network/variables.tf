variable "name" {
  type        = string
  description = "What all objects are called, or begin with."

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$", var.name))
    error_message = "name: at most 40 small letters, digits and hyphens, since hosts are called after it."
  }
}

variable "cidr" {
  type        = string
  default     = "10.20.0.0/24"
  description = "Network of the nodes; apart from those of pods and services."

  validation {
    condition     = can(cidrnetmask(var.cidr))
    error_message = "cidr: an IPv4 network such as 10.20.0.0/24."
  }
}

variable "pod_cidr" {
  type        = string
  default     = "10.244.0.0/16"
  description = "Network of the pods; what comes from there is let in if pod_network has \"routes\"."

  validation {
    condition     = can(cidrhost(var.pod_cidr, 0))
    error_message = "pod_cidr: a network such as 10.244.0.0/16."
  }
}

variable "external_network" {
  type        = string
  default     = null
  description = "Name of the network to the world; none: no router is made."
}

variable "dns_nameservers" {
  type        = list(string)
  default     = []
  description = "Servers that nodes ask for names; else those of the cloud."
}

variable "mtu" {
  type        = number
  default     = null
  description = "Largest packet; else the cloud's choice."
}

variable "api_cidrs" {
  type        = list(string)
  default     = []
  description = "Networks whose hosts reach the API server; nodes and the bastion always do."

  validation {
    condition     = alltrue([for c in var.api_cidrs : can(cidrhost(c, 0))])
    error_message = "api_cidrs: networks such as 198.51.100.0/24."
  }
}

variable "ssh_cidrs" {
  type        = list(string)
  default     = []
  description = "Networks whose hosts reach sshd: of the bastion if there is one, else of the nodes."

  validation {
    condition     = alltrue([for c in var.ssh_cidrs : can(cidrhost(c, 0))])
    error_message = "ssh_cidrs: networks such as 198.51.100.0/24."
  }
}

variable "node_port_cidrs" {
  type        = list(string)
  default     = []
  description = "Networks whose hosts reach Services of type NodePort on workers."

  validation {
    condition     = alltrue([for c in var.node_port_cidrs : can(cidrhost(c, 0))])
    error_message = "node_port_cidrs: networks such as 198.51.100.0/24."
  }
}

variable "bastion" {
  type        = bool
  default     = false
  description = "Whether nodes are reached by SSH through a bastion only."
}

variable "pod_network" {
  type        = set(string)
  default     = ["vxlan"]
  description = "How packets of pods go from node to node: vxlan (port 8472, as flannel and Cilium use it), vxlan-iana (4789), geneve, wireguard, ipip, bgp, or routes, if they are not wrapped."

  validation {
    condition     = length(setsubtract(var.pod_network, ["vxlan", "vxlan-iana", "geneve", "wireguard", "ipip", "bgp", "routes"])) == 0
    error_message = "pod_network: some of vxlan, vxlan-iana, geneve, wireguard, ipip, bgp, routes."
  }
}

variable "api_address" {
  type        = bool
  default     = true
  description = "Whether an address is set apart for the API, for kube-vip to hold."
}

variable "api_floating_ip" {
  type        = bool
  default     = false
  description = "Whether that address gets a floating IP."
}

variable "tags" {
  type        = set(string)
  default     = []
  description = "Labels of the network, its subnet, router and groups."
}
