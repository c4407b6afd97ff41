output "instances" {
  description = "Nodes by name, with their instances: what the accelerator leads to, and `endpoints` in the region's file."
  value       = { for name, node in aws_instance.node : name => node.id }
}

output "load_balancer_arn" {
  description = "The load balancer, for clients without an accelerator."
  value       = aws_lb.this.arn
}

output "load_balancer_name" {
  description = "Its name, for clients without an accelerator."
  value       = aws_lb.this.dns_name
}
