# The table of keys: one global table, a replica in each region, with the stream that nodes follow. What `tidegate keys init-table`
# makes, as Terraform has it. crates/dynamo/README.md says what stands in it.

terraform {
  required_version = ">= 1.6"
  required_providers {
    aws = { source = "hashicorp/aws", version = ">= 5.60" }
  }
}

resource "aws_dynamodb_table" "keys" {
  name             = var.name
  billing_mode     = "PAY_PER_REQUEST"
  hash_key         = "pk"
  range_key        = "sk"
  stream_enabled   = true
  stream_view_type = "NEW_AND_OLD_IMAGES"

  attribute {
    name = "pk"
    type = "S"
  }

  attribute {
    name = "sk"
    type = "S"
  }

  attribute {
    name = "log"
    type = "S"
  }

  attribute {
    name = "at"
    type = "N"
  }

  # Revocations alone have `log`.
  global_secondary_index {
    name            = "revoked-at"
    hash_key        = "log"
    range_key       = "at"
    projection_type = "KEYS_ONLY"
  }

  ttl {
    attribute_name = "ttl"
    enabled        = true
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled = true
  }

  dynamic "replica" {
    for_each = var.replicas
    content {
      region_name            = replica.value
      point_in_time_recovery = true
    }
  }

  # Keys that are gone cannot be made again.
  deletion_protection_enabled = true
}
