# One Region's cluster of the Aurora global database. Which of them writes is failoverd's: what Terraform says of
# it holds for the day on which it is made.

data "aws_region" "here" {}

data "aws_partition" "here" {}

locals {
  region    = data.aws_region.here.region
  full_name = "${var.name}-${local.region}"
  first     = var.source_region == null
}

resource "aws_db_subnet_group" "this" {
  name       = local.full_name
  subnet_ids = var.subnet_ids
  tags       = var.tags
}

resource "aws_security_group" "this" {
  name        = "${local.full_name}-database"
  description = "The database, for the product and whoever looks whether it answers"
  vpc_id      = var.vpc_id
  tags        = var.tags
}

resource "aws_vpc_security_group_ingress_rule" "nodes" {
  security_group_id            = aws_security_group.this.id
  description                  = "The nodes here"
  referenced_security_group_id = var.client_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = 5432
  to_port                      = 5432
}

resource "aws_vpc_security_group_ingress_rule" "regions" {
  for_each = toset(var.client_cidrs)

  security_group_id = aws_security_group.this.id
  description       = "Another Region"
  cidr_ipv4         = each.key
  ip_protocol       = "tcp"
  from_port         = 5432
  to_port           = 5432
}

resource "aws_rds_cluster_parameter_group" "this" {
  name_prefix = "${local.full_name}-"
  family      = "${var.global_cluster.engine}${split(".", var.global_cluster.engine_version)[0]}"
  tags        = var.tags

  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }

  # rds.global_db_rpo stays at its default: with two Regions a bound could block every commit after a failover.

  parameter {
    name  = "log_statement"
    value = "ddl"
  }

  parameter {
    name  = "log_min_duration_statement"
    value = "1000"
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_rds_cluster" "this" {
  #checkov:skip=CKV2_AWS_8:The global database is the copy; backups are Aurora's own, for as long as is said below
  cluster_identifier        = local.full_name
  global_cluster_identifier = var.global_cluster.id
  engine                    = var.global_cluster.engine
  engine_version            = var.global_cluster.engine_version
  source_region             = var.source_region

  # A secondary has those of the first.
  database_name              = local.first ? var.database_name : null
  master_username            = local.first ? var.master_username : null
  master_password_wo         = local.first ? var.master_password : null
  master_password_wo_version = local.first ? var.master_password_version : null

  db_subnet_group_name                = aws_db_subnet_group.this.name
  vpc_security_group_ids              = [aws_security_group.this.id]
  db_cluster_parameter_group_name     = aws_rds_cluster_parameter_group.this.name
  storage_encrypted                   = true
  kms_key_id                          = var.kms_key_arn
  iam_database_authentication_enabled = true

  backup_retention_period         = 14
  copy_tags_to_snapshot           = true
  deletion_protection             = true
  skip_final_snapshot             = false
  final_snapshot_identifier       = "${local.full_name}-final"
  enabled_cloudwatch_logs_exports = ["postgresql"]
  tags                            = var.tags

  lifecycle {
    ignore_changes = [
      # aurora.promote: who replicates from whom, and with it who is a primary with a name and a user.
      replication_source_identifier,
      source_region,
      database_name,
      master_username,
      # A cluster that was taken out of the global database by hand, as a last resort, is put back by hand.
      global_cluster_identifier,
      # The global cluster is upgraded, and its members with it.
      engine_version,
    ]
  }
}

resource "aws_rds_cluster_instance" "this" {
  #checkov:skip=CKV_AWS_226:All of a global database are of one version, or none can be promoted: upgraded together
  count = var.instances

  identifier                      = "${local.full_name}-${count.index + 1}"
  cluster_identifier              = aws_rds_cluster.this.id
  engine                          = aws_rds_cluster.this.engine
  instance_class                  = var.instance_class
  db_subnet_group_name            = aws_db_subnet_group.this.name
  publicly_accessible             = false
  auto_minor_version_upgrade      = false
  monitoring_interval             = 60
  monitoring_role_arn             = aws_iam_role.monitoring.arn
  performance_insights_enabled    = true
  performance_insights_kms_key_id = var.kms_key_arn
  tags                            = var.tags

  lifecycle {
    ignore_changes = [engine_version]
  }
}

resource "aws_iam_role" "monitoring" {
  name = "${local.full_name}-database"
  tags = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "monitoring.rds.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy_attachment" "monitoring" {
  role       = aws_iam_role.monitoring.name
  policy_arn = "arn:${data.aws_partition.here.partition}:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
}

# Never moved: what probes ask for. The reader's name answers whether or not this Region writes.
resource "aws_route53_record" "this" {
  zone_id = var.hosted_zone_id
  name    = "db.${local.region}.${var.domain}"
  type    = "CNAME"
  ttl     = 60
  records = [aws_rds_cluster.this.reader_endpoint]
}
