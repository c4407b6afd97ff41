output "load_balancer_arn" {
  description = "What the accelerator leads to."
  value       = aws_lb.this.arn
}

output "load_balancer_name" {
  description = "Its name, for clients without an accelerator."
  value       = aws_lb.this.dns_name
}
