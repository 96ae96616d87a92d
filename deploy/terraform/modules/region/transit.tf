# The way between the Regions that is not the internet: members speak to each other over it, and probe the
# databases. modules/peering joins two of these.

resource "aws_ec2_transit_gateway" "this" {
  description                    = local.full_name
  auto_accept_shared_attachments = "disable"
  dns_support                    = "enable"
  tags                           = merge(local.tags, { Name = local.full_name })
}

resource "aws_ec2_transit_gateway_vpc_attachment" "this" {
  transit_gateway_id = aws_ec2_transit_gateway.this.id
  vpc_id             = aws_vpc.this.id
  subnet_ids         = [for subnet in aws_subnet.private : subnet.id]
  tags               = merge(local.tags, { Name = local.full_name })
}

locals {
  ways = {
    for way in setproduct(keys(local.zone_numbers), var.peer_cidrs) :
    "${way[0]} ${way[1]}" => { zone = way[0], cidr = way[1] }
  }
}

resource "aws_route" "peers" {
  for_each = local.ways

  route_table_id         = aws_route_table.private[each.value.zone].id
  destination_cidr_block = each.value.cidr
  transit_gateway_id     = aws_ec2_transit_gateway.this.id
  depends_on             = [aws_ec2_transit_gateway_vpc_attachment.this]
}
