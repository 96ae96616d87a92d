# The reference product's stack: two Regions that can serve it, a witness, and the daemons that move it.
#
#   users ─▶ Global Accelerator, Route 53 ─▶ ALB ─▶ EKS ─▶ Aurora global database
#                       ╰── active Region, standby Region, joined by transit gateways with the witness
#
# Everything that failoverd moves stands in `ignore_changes` where it is made; a test holds the two lists
# against each other.

data "aws_caller_identity" "here" {
  provider = aws.active
}

data "aws_partition" "here" {
  provider = aws.active
}

module "active" {
  source    = "./modules/region"
  providers = { aws = aws.active }

  name               = var.name
  member             = var.regions.active
  cidr               = var.cidrs.active
  zones              = var.zones.active
  peer_cidrs         = [var.cidrs.standby, var.cidrs.witness]
  kubernetes_version = var.kubernetes_version
  api_cidrs          = var.api_cidrs
  domain             = var.domain
  hosted_zone_id     = var.hosted_zone_id
  web                = var.web.active
  tags               = var.tags
}

module "standby" {
  source    = "./modules/region"
  providers = { aws = aws.standby }

  name               = var.name
  member             = var.regions.standby
  cidr               = var.cidrs.standby
  zones              = var.zones.standby
  peer_cidrs         = [var.cidrs.active, var.cidrs.witness]
  kubernetes_version = var.kubernetes_version
  api_cidrs          = var.api_cidrs
  domain             = var.domain
  hosted_zone_id     = var.hosted_zone_id
  web                = var.web.standby
  tags               = var.tags
}

module "witness" {
  source    = "./modules/region"
  providers = { aws = aws.witness }

  name               = var.name
  member             = "witness"
  cidr               = var.cidrs.witness
  zones              = var.zones.witness
  peer_cidrs         = [var.cidrs.active, var.cidrs.standby]
  kubernetes_version = var.kubernetes_version
  api_cidrs          = var.api_cidrs
  domain             = var.domain
  hosted_zone_id     = var.hosted_zone_id
  tags               = var.tags
}

locals {
  transit = {
    for role, region in { active = module.active, standby = module.standby, witness = module.witness } : role => {
      region                     = region.region
      cidr                       = region.cidr
      gateway_id                 = region.transit_gateway_id
      route_table_id             = region.transit_route_table_id
    }
  }
}

module "active_standby" {
  source    = "./modules/peering"
  providers = { aws.asks = aws.active, aws.accepts = aws.standby }
  asks      = local.transit.active
  accepts   = local.transit.standby
  tags      = var.tags
}

module "active_witness" {
  source    = "./modules/peering"
  providers = { aws.asks = aws.active, aws.accepts = aws.witness }
  asks      = local.transit.active
  accepts   = local.transit.witness
  tags      = var.tags
}

module "standby_witness" {
  source    = "./modules/peering"
  providers = { aws.asks = aws.standby, aws.accepts = aws.witness }
  asks      = local.transit.standby
  accepts   = local.transit.witness
  tags      = var.tags
}

resource "aws_rds_global_cluster" "this" {
  provider = aws.active

  global_cluster_identifier = "${var.name}-global"
  engine                    = "aurora-postgresql"
  engine_version            = var.database.engine_version
  database_name             = var.database.name
  storage_encrypted         = true
  deletion_protection       = true
  tags                      = var.tags

  lifecycle {
    # aurora.promote: the writer is another cluster then.
    ignore_changes = [source_db_cluster_identifier, database_name]
  }
}

locals {
  global_cluster = {
    id             = aws_rds_global_cluster.this.id
    engine         = aws_rds_global_cluster.this.engine
    engine_version = var.database.engine_version
  }
}

module "active_database" {
  source    = "./modules/database"
  providers = { aws = aws.active }

  name                     = var.name
  global_cluster           = local.global_cluster
  database_name            = var.database.name
  master_username          = var.database.master_username
  master_password          = var.database_password
  master_password_version  = var.database_password_version
  instances                = var.database.instances
  instance_class           = var.database.instance_class
  vpc_id                   = module.active.vpc_id
  subnet_ids               = module.active.private_subnet_ids
  client_security_group_id = module.active.nodes_security_group_id
  client_cidrs             = [var.cidrs.standby, var.cidrs.witness]
  kms_key_arn              = module.active.kms_key_arn
  hosted_zone_id           = var.hosted_zone_id
  domain                   = var.domain
  tags                     = var.tags
}

module "standby_database" {
  source    = "./modules/database"
  providers = { aws = aws.standby }

  name                     = var.name
  global_cluster           = local.global_cluster
  source_region            = module.active.region
  database_name            = var.database.name
  master_username          = var.database.master_username
  master_password          = var.database_password
  instances                = var.database.instances
  instance_class           = var.database.instance_class
  vpc_id                   = module.standby.vpc_id
  subnet_ids               = module.standby.private_subnet_ids
  client_security_group_id = module.standby.nodes_security_group_id
  client_cidrs             = [var.cidrs.active, var.cidrs.witness]
  kms_key_arn              = module.standby.kms_key_arn
  hosted_zone_id           = var.hosted_zone_id
  domain                   = var.domain
  tags                     = var.tags

  # A global database takes a secondary once its primary has an instance.
  depends_on = [module.active_database]
}

module "global" {
  source    = "./modules/global"
  providers = { aws = aws.active }

  name             = var.name
  domain           = var.domain
  hosted_zone_id   = var.hosted_zone_id
  flow_logs_bucket = var.flow_logs_bucket
  tags             = var.tags

  regions = {
    (var.regions.active)  = merge(module.active.web, { role = "active" })
    (var.regions.standby) = merge(module.standby.web, { role = "standby" })
  }
}

locals {
  # What failoverd is told of each Region that can serve.
  serving = {
    active  = { region = module.active, database = module.active_database }
    standby = { region = module.standby, database = module.standby_database }
  }
}

module "config" {
  source = "./modules/config"

  cluster_name = var.failoverd_name
  account_id   = data.aws_caller_identity.here.account_id
  partition    = data.aws_partition.here.partition
  members      = [module.active.member, module.standby.member, module.witness.member]

  application = {
    name            = var.name
    automation      = var.automation
    global_cluster  = aws_rds_global_cluster.this.id
    accelerator_arn = module.global.accelerator_arn
    hosted_zone_id  = var.hosted_zone_id
    records         = [{ name = var.domain, type = "A" }]
    write_check_url = "https://${var.domain}/failoverd/write-check"
  }

  regions = [
    for role in ["active", "standby"] : {
      name                  = local.serving[role].region.region
      role                  = role
      db_cluster_arn        = local.serving[role].database.arn
      endpoint_group_arn    = module.global.endpoint_group_arns[local.serving[role].region.region]
      record_set_identifier = module.global.record_set_identifiers[local.serving[role].region.region]
      fence_url             = "https://${local.serving[role].region.web.name}/failoverd/fence"
      nodegroups            = [{ cluster = local.serving[role].region.cluster_name, name = local.serving[role].region.web.nodegroup }]
      probes = [
        { id = "web", kind = "http", url = "https://${local.serving[role].region.web.name}/healthz" },
        { id = "database", kind = "tcp", address = "${local.serving[role].database.name}:5432", critical = false },
      ]
    }
  ]
}

locals {
  policy = var.iam_policy_file == null ? module.config.iam_policy : file(var.iam_policy_file)
}

module "active_identity" {
  source    = "./modules/identity"
  providers = { aws = aws.active }

  role_name         = "${var.failoverd_name}-${module.active.member.id}"
  oidc_provider_arn = module.active.oidc_provider_arn
  oidc_issuer       = module.active.oidc_issuer
  policy            = local.policy
  tags              = var.tags
}

module "standby_identity" {
  source    = "./modules/identity"
  providers = { aws = aws.standby }

  role_name         = "${var.failoverd_name}-${module.standby.member.id}"
  oidc_provider_arn = module.standby.oidc_provider_arn
  oidc_issuer       = module.standby.oidc_issuer
  policy            = local.policy
  tags              = var.tags
}

module "witness_identity" {
  source    = "./modules/identity"
  providers = { aws = aws.witness }

  role_name         = "${var.failoverd_name}-${module.witness.member.id}"
  oidc_provider_arn = module.witness.oidc_provider_arn
  oidc_issuer       = module.witness.oidc_issuer
  policy            = local.policy
  tags              = var.tags
}
