# One region: machines for nodes of the gateway, an NLB before their doors, and what they may do. Call it once a region, with that
# region's provider; ../README.md shows two.

terraform {
  required_version = ">= 1.6"
  required_providers {
    aws = { source = "hashicorp/aws", version = ">= 5.60" }
  }
}

locals {
  name  = "tidegate-${var.region}"
  ports = { public = { from = 80, to = 8080 }, secure = { from = 443, to = 8443 } }
}

resource "aws_security_group" "node" {
  name        = local.name
  description = "Nodes of Tidegate in ${var.region}"
  vpc_id      = var.vpc_id
}

resource "aws_vpc_security_group_ingress_rule" "doors" {
  for_each          = local.ports
  security_group_id = aws_security_group.node.id
  description       = "Clients, by the load balancer, which keeps their addresses"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = each.value.to
  to_port           = each.value.to
}

# Nodes of all regions speak to each other: QUIC with mutual TLS, and the relay door.
resource "aws_vpc_security_group_ingress_rule" "mesh" {
  for_each          = { for pair in setproduct(var.mesh_cidrs, ["udp", "tcp"]) : "${pair[0]} ${pair[1]}" => pair }
  security_group_id = aws_security_group.node.id
  description       = "The mesh"
  cidr_ipv4         = each.value[0]
  ip_protocol       = each.value[1]
  from_port         = 7946
  to_port           = 7946
}

resource "aws_vpc_security_group_ingress_rule" "metrics" {
  for_each          = toset(var.prometheus_cidrs)
  security_group_id = aws_security_group.node.id
  description       = "Prometheus reads the admin door"
  cidr_ipv4         = each.value
  ip_protocol       = "tcp"
  from_port         = 9901
  to_port           = 9901
}

resource "aws_vpc_security_group_egress_rule" "all" {
  security_group_id = aws_security_group.node.id
  description       = "Services, other regions, the table of keys"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "-1"
}

data "aws_iam_policy_document" "assume" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

# What crates/dynamo/README.md says that nodes do, and nothing else: they never delete or update an item.
data "aws_iam_policy_document" "node" {
  statement {
    sid       = "Keys"
    actions   = ["dynamodb:DescribeTable", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:Scan"]
    resources = [var.keys_table_arn, "${var.keys_table_arn}/index/*"]
  }

  statement {
    sid       = "Stream"
    actions   = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"]
    resources = ["${var.keys_table_arn}/stream/*"]
  }

  # A node says by the accelerator's endpoint group whether it serves.
  dynamic "statement" {
    for_each = var.endpoint_group_arn == null ? [] : [var.endpoint_group_arn]
    content {
      sid       = "Steer"
      actions   = ["globalaccelerator:DescribeEndpointGroup", "globalaccelerator:UpdateEndpointGroup"]
      resources = [statement.value]
    }
  }
}

resource "aws_iam_role" "node" {
  name               = local.name
  assume_role_policy = data.aws_iam_policy_document.assume.json
}

resource "aws_iam_role_policy" "node" {
  name   = local.name
  role   = aws_iam_role.node.id
  policy = data.aws_iam_policy_document.node.json
}

resource "aws_iam_instance_profile" "node" {
  name = local.name
  role = aws_iam_role.node.name
}

# Nodes have names and fixed addresses, which stand in the region's file: no autoscaling group.
resource "aws_instance" "node" {
  for_each               = var.nodes
  ami                    = var.ami
  instance_type          = var.instance_type
  subnet_id              = each.value.subnet_id
  private_ip             = each.value.private_ip
  vpc_security_group_ids = [aws_security_group.node.id]
  iam_instance_profile   = aws_iam_instance_profile.node.name
  user_data              = var.user_data[each.key]

  metadata_options {
    http_tokens = "required"
  }

  root_block_device {
    encrypted = true
  }

  tags = { Name = "${local.name}-${each.key}" }
}

resource "aws_lb" "this" {
  name                             = local.name
  load_balancer_type               = "network"
  subnets                          = distinct([for node in var.nodes : node.subnet_id])
  enable_cross_zone_load_balancing = true
}

resource "aws_lb_target_group" "door" {
  for_each             = local.ports
  name                 = "${local.name}-${each.key}"
  port                 = each.value.to
  protocol             = "TCP"
  vpc_id               = var.vpc_id
  preserve_client_ip   = true
  deregistration_delay = 30

  # What a node itself says of taking requests: it turns unready before it withdraws.
  health_check {
    protocol            = "HTTP"
    port                = 9901
    path                = "/readyz"
    interval            = 5
    timeout             = 2
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}

resource "aws_vpc_security_group_ingress_rule" "health" {
  for_each          = toset([for node in var.nodes : "${node.subnet_cidr}"])
  security_group_id = aws_security_group.node.id
  description       = "The load balancer asks the admin door"
  cidr_ipv4         = each.value
  ip_protocol       = "tcp"
  from_port         = 9901
  to_port           = 9901
}

resource "aws_lb_listener" "door" {
  for_each          = local.ports
  load_balancer_arn = aws_lb.this.arn
  port              = each.value.from
  protocol          = "TCP"

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.door[each.key].arn
  }
}

resource "aws_lb_target_group_attachment" "door" {
  for_each         = { for pair in setproduct(keys(local.ports), keys(var.nodes)) : "${pair[0]}-${pair[1]}" => pair }
  target_group_arn = aws_lb_target_group.door[each.value[0]].arn
  target_id        = aws_instance.node[each.value[1]].id
}
