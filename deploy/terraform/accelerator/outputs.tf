output "addresses" {
  description = "The anycast addresses, for DNS."
  value       = flatten([for set in aws_globalaccelerator_accelerator.this.ip_sets : set.ip_addresses])
}

output "endpoint_group_arns" {
  description = "The group of each region, which its nodes steer."
  value       = { for region, group in aws_globalaccelerator_endpoint_group.region : region => group.arn }
}
