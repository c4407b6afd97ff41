variable "name" {
  description = "The table's name, as `key_store: { dynamodb: { table: ... } }` has it."
  type        = string
  default     = "tidegate-keys"
}

variable "replicas" {
  description = "AWS regions of further replicas, besides the provider's own."
  type        = list(string)
}
