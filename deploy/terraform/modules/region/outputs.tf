output "region" {
  value = local.region
}

output "member" {
  description = "For [[member]]."
  value = {
    id      = var.member
    region  = local.region
    address = "${local.peer_name}:7401"
  }
}

output "vpc_id" {
  value = aws_vpc.this.id
}

output "cidr" {
  value = var.cidr
}

output "private_subnet_ids" {
  value = [for subnet in aws_subnet.private : subnet.id]
}

output "nodes_security_group_id" {
  value = aws_eks_cluster.this.vpc_config[0].cluster_security_group_id
}

output "kms_key_arn" {
  value = aws_kms_key.this.arn
}

output "transit_gateway_id" {
  value = aws_ec2_transit_gateway.this.id
}

output "transit_route_table_id" {
  value = aws_ec2_transit_gateway.this.association_default_route_table_id
}

output "cluster_name" {
  value = aws_eks_cluster.this.name
}

output "oidc_provider_arn" {
  value = aws_iam_openid_connect_provider.this.arn
}

output "oidc_issuer" {
  value = local.issuer
}

output "web" {
  description = "What users meet here; null where the product is not served."
  value = local.serves ? {
    load_balancer_arn = aws_lb.web[0].arn
    dns_name          = aws_lb.web[0].dns_name
    zone_id           = aws_lb.web[0].zone_id
    name              = local.region_name
    nodegroup         = aws_eks_node_group.web[0].node_group_name
  } : null
}
