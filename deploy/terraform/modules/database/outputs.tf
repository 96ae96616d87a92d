output "arn" {
  value = aws_rds_cluster.this.arn
}

output "name" {
  value = aws_route53_record.this.name
}

output "writer_endpoint" {
  description = "Writes only while this Region's cluster is the primary."
  value       = aws_rds_cluster.this.endpoint
}
