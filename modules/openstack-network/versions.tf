# With the provider that it takes the place of: its address here, and nothing else.
terraform {
  required_version = ">= 1.7"
  required_providers {
    openstack = { source = "treenail/openstack" }
  }
}
