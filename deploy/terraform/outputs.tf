output "failoverd_toml" {
  description = "By the member's id: its whole failoverd.toml."
  value       = module.config.failoverd_toml
}

output "iam_policy" {
  description = "What the daemons' roles may do."
  value       = local.policy
}

output "role_arns" {
  description = "By the member's id: for the service account's annotation."
  value = {
    (module.active.member.id)  = module.active_identity.role_arn
    (module.standby.member.id) = module.standby_identity.role_arn
    (module.witness.member.id) = module.witness_identity.role_arn
  }
}

output "clusters" {
  description = "By the member's id: aws eks update-kubeconfig --region REGION --name NAME."
  value = {
    for region in [module.active, module.standby, module.witness] :
    region.member.id => { region = region.region, name = region.cluster_name }
  }
}

output "accelerator" {
  description = "The accelerator's name; beside it stands the product's own, with the failover records."
  value       = module.global.accelerator_name
}

output "databases" {
  description = "By Region: where the product writes while that Region's cluster is the primary."
  value = {
    (module.active.region)  = module.active_database.writer_endpoint
    (module.standby.region) = module.standby_database.writer_endpoint
  }
}
