# What a daemon may do in AWS: the table of src/actuate/permissions.rs, on these resources and no others. A
# test holds the two lists of actions against each other. The root module takes a file instead, if one is
# given: `iam_policy_file`.

locals {
  endpoint_groups = [for region in var.regions : region.endpoint_group_arn]
  databases       = [for region in var.regions : region.db_cluster_arn]
  global_cluster  = "arn:${var.partition}:rds::${var.account_id}:global-cluster:${var.application.global_cluster}"
  hosted_zone     = "arn:${var.partition}:route53:::hostedzone/${var.application.hosted_zone_id}"
  record_names    = distinct([for record in var.application.records : lower(trimsuffix(record.name, "."))])

  nodegroups = flatten([
    for region in var.regions : [
      for group in region.nodegroups :
      "arn:${var.partition}:eks:${region.name}:${var.account_id}:nodegroup/${group.cluster}/${group.name}/*"
    ]
  ])

  statements = [
    {
      Sid    = "MoveTraffic"
      Effect = "Allow"
      Action = [
        "globalaccelerator:DescribeEndpointGroup",
        "globalaccelerator:UpdateEndpointGroup",
      ]
      Resource = local.endpoint_groups
    },
    {
      Sid      = "SeeTheAccelerator"
      Effect   = "Allow"
      Action   = ["globalaccelerator:DescribeAccelerator"]
      Resource = [var.application.accelerator_arn]
    },
    {
      Sid      = "FlipTheRecords"
      Effect   = "Allow"
      Action   = ["route53:ChangeResourceRecordSets"]
      Resource = [local.hosted_zone]
      # The names that are flipped and the record of the epoch beside each: no other of the zone. A
      # simulation, which knows no names, passes, because all of none are equal.
      Condition = {
        "ForAllValues:StringEquals" = {
          "route53:ChangeResourceRecordSetsNormalizedRecordNames" = concat(
            local.record_names, [for name in local.record_names : "_failoverd.${name}"],
          )
        }
      }
    },
    {
      Sid      = "SeeTheRecords"
      Effect   = "Allow"
      Action   = ["route53:ListResourceRecordSets"]
      Resource = [local.hosted_zone]
    },
    {
      Sid      = "SeeChanges"
      Effect   = "Allow"
      Action   = ["route53:GetChange"]
      Resource = ["arn:${var.partition}:route53:::change/*"]
    },
    {
      Sid      = "SeeHealthChecks"
      Effect   = "Allow"
      Action   = ["route53:GetHealthCheck", "route53:GetHealthCheckStatus"]
      Resource = ["arn:${var.partition}:route53:::healthcheck/*"]
    },
    {
      Sid      = "PromoteTheDatabase"
      Effect   = "Allow"
      Action   = ["rds:FailoverGlobalCluster", "rds:SwitchoverGlobalCluster"]
      Resource = concat([local.global_cluster], local.databases)
    },
    {
      Sid      = "SeeTheGlobalDatabase"
      Effect   = "Allow"
      Action   = ["rds:DescribeGlobalClusters"]
      Resource = [local.global_cluster]
    },
    {
      Sid      = "SeeTheDatabases"
      Effect   = "Allow"
      Action   = ["rds:DescribeDBClusters"]
      Resource = local.databases
    },
    {
      Sid    = "SeeTheInstances"
      Effect = "Allow"
      Action = ["rds:DescribeDBInstances"]
      Resource = [
        for region in var.regions : "arn:${var.partition}:rds:${region.name}:${var.account_id}:db:*"
      ]
    },
    {
      Sid    = "SeeWhatFailoversLeave"
      Effect = "Allow"
      Action = ["rds:DescribeDBClusterSnapshots"]
      Resource = concat(local.databases, [
        for region in var.regions :
        "arn:${var.partition}:rds:${region.name}:${var.account_id}:cluster-snapshot:*"
      ])
    },
    {
      Sid      = "GrowTheNodeGroups"
      Effect   = "Allow"
      Action   = ["eks:DescribeNodegroup", "eks:UpdateNodegroupConfig"]
      Resource = local.nodegroups
    },
    {
      # sts:GetCallerIdentity needs nobody's leave.
      Sid      = "SeeWhatHasNoNarrowerName"
      Effect   = "Allow"
      Action   = ["autoscaling:DescribeAutoScalingGroups", "cloudwatch:GetMetricStatistics"]
      Resource = ["*"]
    },
    {
      # What the role itself may do is simulated before it is needed.
      Sid      = "SeeItsOwnRights"
      Effect   = "Allow"
      Action   = ["iam:SimulatePrincipalPolicy"]
      Resource = ["arn:${var.partition}:iam::${var.account_id}:role/${var.cluster_name}-*"]
    },
  ]
}
