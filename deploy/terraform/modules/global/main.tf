# What is in no Region: the accelerator and the records that lead users to one Region or the other. What they say
# now is failoverd's; Terraform says what they said first.

resource "aws_globalaccelerator_accelerator" "this" {
  #checkov:skip=CKV_AWS_75:Flow logs are written where flow_logs_bucket says where to
  name            = var.name
  ip_address_type = "IPV4"
  enabled         = true
  tags            = var.tags

  attributes {
    flow_logs_enabled   = var.flow_logs_bucket != null
    flow_logs_s3_bucket = var.flow_logs_bucket
    flow_logs_s3_prefix = var.flow_logs_bucket == null ? null : "${var.name}/"
  }
}

resource "aws_globalaccelerator_listener" "this" {
  accelerator_arn = aws_globalaccelerator_accelerator.this.arn
  protocol        = "TCP"

  port_range {
    from_port = 443
    to_port   = 443
  }
}

resource "aws_globalaccelerator_endpoint_group" "this" {
  for_each = var.regions

  listener_arn            = aws_globalaccelerator_listener.this.arn
  endpoint_group_region   = each.key
  traffic_dial_percentage = each.value.role == "active" ? 100 : 0

  endpoint_configuration {
    endpoint_id                    = each.value.load_balancer_arn
    weight                         = 128
    client_ip_preservation_enabled = true
  }

  lifecycle {
    ignore_changes = [
      # global_accelerator.dial
      traffic_dial_percentage,
      # global_accelerator.weight: a weight is part of its endpoint.
      endpoint_configuration,
    ]
  }
}

# Ask for each Region's own name, which never moves.
resource "aws_route53_health_check" "this" {
  for_each = var.regions

  type              = "HTTPS"
  fqdn              = each.value.name
  port              = 443
  resource_path     = "/healthz"
  request_interval  = 10
  failure_threshold = 3
  enable_sni        = true
  tags              = merge(var.tags, { Name = "${var.name}-${each.key}" })

  lifecycle {
    # Nobody's but an operator's, in an emergency: turned off or on its head, it stays so until they turn it back.
    ignore_changes = [disabled, invert_healthcheck]
  }
}

# Beside each name failoverd keeps a TXT record of the epoch, `_failoverd.<name>`, which is not Terraform's.
resource "aws_route53_record" "failover" {
  #checkov:skip=CKV2_AWS_23:It leads to a load balancer, which is made in another module
  for_each = var.regions

  zone_id         = var.hosted_zone_id
  name            = var.domain
  type            = "A"
  set_identifier  = "${var.name}-${each.key}"
  health_check_id = aws_route53_health_check.this[each.key].id

  failover_routing_policy {
    type = each.value.role == "active" ? "PRIMARY" : "SECONDARY"
  }

  alias {
    name                   = each.value.dns_name
    zone_id                = each.value.zone_id
    evaluate_target_health = true
  }

  lifecycle {
    # route53.failover: who is PRIMARY.
    ignore_changes = [failover_routing_policy]
  }
}

resource "aws_route53_record" "accelerator" {
  zone_id = var.hosted_zone_id
  name    = "global.${var.domain}"
  type    = "A"

  alias {
    name                   = aws_globalaccelerator_accelerator.this.dns_name
    zone_id                = aws_globalaccelerator_accelerator.this.hosted_zone_id
    evaluate_target_health = false
  }
}
