# AWS Global Accelerator: two anycast addresses for the whole world, and a group for each region.
#
# It looks at each node every 10 s and takes it out after two bad answers: about 20 s on its own. Nodes do not wait for that: each sets
# its own weight to 0 when it withdraws (`anycast: { global_accelerator: ... }`). If all regions are ill it sends clients to all.

terraform {
  required_version = ">= 1.6"
  required_providers {
    aws = { source = "hashicorp/aws", version = ">= 5.60" }
  }
}

resource "aws_globalaccelerator_accelerator" "this" {
  name            = var.name
  ip_address_type = var.ip_address_type
  enabled         = true
}

resource "aws_globalaccelerator_listener" "this" {
  accelerator_arn = aws_globalaccelerator_accelerator.this.arn
  protocol        = "TCP"
  client_affinity = "NONE"

  dynamic "port_range" {
    for_each = var.ports
    content {
      from_port = port_range.value
      to_port   = port_range.value
    }
  }
}

resource "aws_globalaccelerator_endpoint_group" "region" {
  for_each                      = var.regions
  listener_arn                  = aws_globalaccelerator_listener.this.arn
  endpoint_group_region         = each.key
  health_check_protocol         = "TCP"
  health_check_port             = var.ports[0]
  health_check_interval_seconds = 10
  threshold_count               = 2
  traffic_dial_percentage       = 100

  # An apply sets every weight back to that of a healthy node; one that has withdrawn sets its own again within ten seconds. To ignore
  # changes here would keep new nodes out.
  dynamic "endpoint_configuration" {
    for_each = each.value
    content {
      endpoint_id                    = endpoint_configuration.value
      weight                         = 128
      client_ip_preservation_enabled = true
    }
  }

  # The dial is the operator's: an apply must not open a region that somebody closed.
  lifecycle {
    ignore_changes = [traffic_dial_percentage]
  }
}
