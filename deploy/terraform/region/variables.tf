variable "region" {
  description = "The region's name, as world.yaml lists it."
  type        = string
}

variable "vpc_id" {
  description = "The network that nodes are in."
  type        = string
}

variable "nodes" {
  description = "Nodes by name, as the region's file lists them."
  type        = map(object({ subnet_id = string, subnet_cidr = string, private_ip = string }))

  validation {
    condition     = length(var.nodes) > 0
    error_message = "A region has at least one node."
  }
}

variable "ami" {
  description = "An image with /usr/bin/tidegate and deploy/systemd."
  type        = string
}

variable "instance_type" {
  description = "How large nodes are: one worker a core."
  type        = string
  default     = "c7g.large"
}

variable "user_data" {
  description = "What each node runs at its first start: it lays the region's files, certificates and secrets."
  type        = map(string)
  sensitive   = true
}

variable "mesh_cidrs" {
  description = "Networks of nodes, of this region and of the others."
  type        = list(string)
}

variable "prometheus_cidrs" {
  description = "Where Prometheus asks from."
  type        = list(string)
  default     = []
}

variable "keys_table_arn" {
  description = "This region's replica of the table of keys (../keys)."
  type        = string
}

variable "endpoint_group_arn" {
  description = "The accelerator's group for this region (../accelerator), if nodes steer it."
  type        = string
  default     = null
}
