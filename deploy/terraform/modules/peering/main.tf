# Joins two Regions' transit gateways. Each way is a static route: peerings learn none.

resource "aws_ec2_transit_gateway_peering_attachment" "this" {
  provider = aws.asks

  transit_gateway_id      = var.asks.gateway_id
  peer_transit_gateway_id = var.accepts.gateway_id
  peer_region             = var.accepts.region
  tags                    = merge(var.tags, { Name = "${var.asks.region} to ${var.accepts.region}" })
}

resource "aws_ec2_transit_gateway_peering_attachment_accepter" "this" {
  provider = aws.accepts

  transit_gateway_attachment_id = aws_ec2_transit_gateway_peering_attachment.this.id
  tags                          = merge(var.tags, { Name = "${var.asks.region} to ${var.accepts.region}" })
}

resource "aws_ec2_transit_gateway_route" "there" {
  provider = aws.asks

  destination_cidr_block         = var.accepts.cidr
  transit_gateway_attachment_id  = aws_ec2_transit_gateway_peering_attachment.this.id
  transit_gateway_route_table_id = var.asks.route_table_id
  depends_on                     = [aws_ec2_transit_gateway_peering_attachment_accepter.this]
}

resource "aws_ec2_transit_gateway_route" "back" {
  provider = aws.accepts

  destination_cidr_block         = var.asks.cidr
  transit_gateway_attachment_id  = aws_ec2_transit_gateway_peering_attachment_accepter.this.id
  transit_gateway_route_table_id = var.accepts.route_table_id
}
