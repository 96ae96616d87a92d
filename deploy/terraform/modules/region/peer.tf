# Where the other members reach this one: an internal load balancer in front of the NodePort of the Service
# `failoverd-peer`. It passes the members' own TLS on.

locals {
  # The port of the Service in deploy/kubernetes/base/services.yaml.
  peer_node_port = 30401
  peer_name      = "failoverd.${local.region}.${var.domain}"
}

resource "aws_security_group" "peer" {
  name        = "${local.full_name}-peer"
  description = "The members of failoverd, from Region to Region"
  vpc_id      = aws_vpc.this.id
  tags        = local.tags
}

resource "aws_vpc_security_group_ingress_rule" "peer" {
  for_each = toset(concat([var.cidr], var.peer_cidrs))

  security_group_id = aws_security_group.peer.id
  description       = "Members in ${each.key}"
  cidr_ipv4         = each.key
  ip_protocol       = "tcp"
  from_port         = 7401
  to_port           = 7401
}

resource "aws_vpc_security_group_egress_rule" "peer" {
  security_group_id            = aws_security_group.peer.id
  description                  = "The nodes' port"
  referenced_security_group_id = aws_eks_cluster.this.vpc_config[0].cluster_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = local.peer_node_port
  to_port                      = local.peer_node_port
}

resource "aws_vpc_security_group_ingress_rule" "nodes_peer" {
  security_group_id            = aws_eks_cluster.this.vpc_config[0].cluster_security_group_id
  description                  = "Other members, by way of the load balancer"
  referenced_security_group_id = aws_security_group.peer.id
  ip_protocol                  = "tcp"
  from_port                    = local.peer_node_port
  to_port                      = local.peer_node_port
}

resource "aws_lb" "peer" {
  #checkov:skip=CKV_AWS_91:The members' own log and metrics tell who spoke; flow logs tell the rest
  name                             = "${var.name}-peer"
  load_balancer_type               = "network"
  internal                         = true
  subnets                          = [for subnet in aws_subnet.private : subnet.id]
  security_groups                  = [aws_security_group.peer.id]
  enable_cross_zone_load_balancing = true
  enable_deletion_protection       = true
  tags                             = local.tags
}

resource "aws_lb_target_group" "peer" {
  name        = "${var.name}-peer"
  vpc_id      = aws_vpc.this.id
  target_type = "instance"
  protocol    = "TCP"
  port        = local.peer_node_port
  tags        = local.tags

  health_check {
    protocol = "TCP"
  }
}

resource "aws_lb_listener" "peer" {
  load_balancer_arn = aws_lb.peer.arn
  protocol          = "TCP"
  port              = 7401
  tags              = local.tags

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.peer.arn
  }
}

resource "aws_autoscaling_attachment" "peer" {
  #checkov:skip=CKV2_AWS_15:The Auto Scaling group is EKS's own, and so are its health checks
  autoscaling_group_name = aws_eks_node_group.failoverd.resources[0].autoscaling_groups[0].name
  lb_target_group_arn    = aws_lb_target_group.peer.arn
}

resource "aws_route53_record" "peer" {
  zone_id = var.hosted_zone_id
  name    = local.peer_name
  type    = "A"

  alias {
    name                   = aws_lb.peer.dns_name
    zone_id                = aws_lb.peer.zone_id
    evaluate_target_health = false
  }
}
