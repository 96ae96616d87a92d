variable "asks" {
  description = "The Region that asks: its VPC's addresses and its transit gateway."
  type        = object({ region = string, cidr = string, gateway_id = string, route_table_id = string })
}

variable "accepts" {
  description = "The Region that accepts."
  type        = object({ region = string, cidr = string, gateway_id = string, route_table_id = string })
}

variable "tags" {
  type    = map(string)
  default = {}
}
