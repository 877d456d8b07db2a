terraform {
  required_version = ">= 1.10" # ephemeral resources
  required_providers {
    treenail   = { source = "treenail/treenail" }
    kubernetes = { source = "treenail/kubernetes" }
  }
}
