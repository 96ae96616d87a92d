output "accelerator_arn" {
  value = aws_globalaccelerator_accelerator.this.arn
}

output "endpoint_group_arns" {
  description = "By Region."
  value       = { for region, group in aws_globalaccelerator_endpoint_group.this : region => group.arn }
}

output "record_set_identifiers" {
  description = "By Region."
  value       = { for region, record in aws_route53_record.failover : region => record.set_identifier }
}

output "accelerator_name" {
  value = aws_route53_record.accelerator.name
}
