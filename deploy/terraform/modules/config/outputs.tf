output "failoverd_toml" {
  description = "By the member's id: its whole configuration."
  value       = local.failoverd_toml
}

output "iam_policy" {
  description = "What the daemon's role may do, as JSON."
  # Terraform knows objects of one type only in a list; what a statement has not is left out.
  value = jsonencode({ Version = "2012-10-17", Statement = local.statements })
}
