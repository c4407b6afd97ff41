variable "name" {
  description = "The accelerator's name."
  type        = string
  default     = "tidegate"
}

variable "ip_address_type" {
  description = "IPV4, or DUAL_STACK."
  type        = string
  default     = "IPV4"
}

variable "ports" {
  description = "Ports that clients come to; the first one is probed."
  type        = list(number)
  default     = [443, 80]
}

variable "regions" {
  description = "AWS regions, and in each the nodes by name, with their instances."
  type        = map(map(string))
}
