output "arns" {
  description = "Each region's replica."
  value = merge(
    { (data.aws_region.current.name) = aws_dynamodb_table.keys.arn },
    { for replica in aws_dynamodb_table.keys.replica : replica.region_name => replica.arn },
  )
}

data "aws_region" "current" {}
