# What users meet, where the product is served: a load balancer in front of the NodePort of its Service, and a
# name that aims at this Region alone, which is what probes and health checks ask for.

locals {
  # The product's Service: type NodePort, this port.
  web_node_port = 30080
  region_name   = "${local.region}.${var.domain}"
}

resource "aws_acm_certificate" "this" {
  count = local.serves ? 1 : 0

  domain_name               = var.domain
  subject_alternative_names = [local.region_name, "global.${var.domain}"]
  validation_method         = "DNS"
  tags                      = local.tags

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_route53_record" "validation" {
  for_each = local.serves ? toset([var.domain, local.region_name, "global.${var.domain}"]) : toset([])

  zone_id = var.hosted_zone_id
  name    = one([for o in aws_acm_certificate.this[0].domain_validation_options : o.resource_record_name if o.domain_name == each.key])
  type    = one([for o in aws_acm_certificate.this[0].domain_validation_options : o.resource_record_type if o.domain_name == each.key])
  records = [one([for o in aws_acm_certificate.this[0].domain_validation_options : o.resource_record_value if o.domain_name == each.key])]
  ttl     = 300
  # Both Regions' certificates name the product, and one record proves it for both.
  allow_overwrite = true
}

resource "aws_acm_certificate_validation" "this" {
  count = local.serves ? 1 : 0

  certificate_arn         = aws_acm_certificate.this[0].arn
  validation_record_fqdns = [for record in aws_route53_record.validation : record.fqdn]
}

resource "aws_security_group" "web" {
  count = local.serves ? 1 : 0

  name        = "${local.full_name}-web"
  description = "The product, for everybody"
  vpc_id      = aws_vpc.this.id
  tags        = local.tags
}

resource "aws_vpc_security_group_ingress_rule" "web" {
  for_each = local.serves ? toset(["443"]) : toset([])

  security_group_id = aws_security_group.web[0].id
  description       = "Users, by way of Global Accelerator and DNS"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_egress_rule" "web" {
  count = local.serves ? 1 : 0

  security_group_id            = aws_security_group.web[0].id
  description                  = "The nodes' port"
  referenced_security_group_id = aws_eks_cluster.this.vpc_config[0].cluster_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = local.web_node_port
  to_port                      = local.web_node_port
}

resource "aws_vpc_security_group_ingress_rule" "nodes_web" {
  count = local.serves ? 1 : 0

  security_group_id            = aws_eks_cluster.this.vpc_config[0].cluster_security_group_id
  description                  = "Users, by way of the load balancer"
  referenced_security_group_id = aws_security_group.web[0].id
  ip_protocol                  = "tcp"
  from_port                    = local.web_node_port
  to_port                      = local.web_node_port
}

resource "aws_lb" "web" {
  count = local.serves ? 1 : 0

  #checkov:skip=CKV_AWS_91:Access logs are the product's choice, and a bucket of its own
  #checkov:skip=CKV2_AWS_28:A firewall's rules are the product's choice
  name                       = "${var.name}-web"
  load_balancer_type         = "application"
  subnets                    = [for subnet in aws_subnet.public : subnet.id]
  security_groups            = [aws_security_group.web[0].id]
  drop_invalid_header_fields = true
  enable_deletion_protection = true
  tags                       = local.tags
}

resource "aws_lb_target_group" "web" {
  count = local.serves ? 1 : 0

  #checkov:skip=CKV_AWS_378:TLS ends at the load balancer; behind it a mesh encrypts, if the product has one
  name        = "${var.name}-web"
  vpc_id      = aws_vpc.this.id
  target_type = "instance"
  protocol    = "HTTP"
  port        = local.web_node_port
  tags        = local.tags

  health_check {
    path     = "/healthz"
    interval = 10
    matcher  = "200"
  }
}

resource "aws_lb_listener" "web" {
  count = local.serves ? 1 : 0

  load_balancer_arn = aws_lb.web[0].arn
  protocol          = "HTTPS"
  port              = 443
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = aws_acm_certificate_validation.this[0].certificate_arn
  tags              = local.tags

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.web[0].arn
  }
}

resource "aws_autoscaling_attachment" "web" {
  count = local.serves ? 1 : 0

  #checkov:skip=CKV2_AWS_15:The Auto Scaling group is EKS's own, and so are its health checks
  autoscaling_group_name = aws_eks_node_group.web[0].resources[0].autoscaling_groups[0].name
  lb_target_group_arn    = aws_lb_target_group.web[0].arn
}

# Never moved: it is how this Region is told from the other.
resource "aws_route53_record" "region" {
  count = local.serves ? 1 : 0

  zone_id = var.hosted_zone_id
  name    = local.region_name
  type    = "A"

  alias {
    name                   = aws_lb.web[0].dns_name
    zone_id                = aws_lb.web[0].zone_id
    evaluate_target_health = false
  }
}
