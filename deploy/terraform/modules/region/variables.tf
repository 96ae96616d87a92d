variable "name" {
  description = "Of the product: begins the names of all that is made."
  type        = string
}

variable "member" {
  description = "The id of the daemon that is at home here."
  type        = string
}

variable "cidr" {
  description = "The VPC's addresses, a /16. No two Regions share any."
  type        = string

  validation {
    condition     = can(cidrhost(var.cidr, 0)) && endswith(var.cidr, "/16")
    error_message = "A /16, such as 10.1.0.0/16."
  }
}

variable "peer_cidrs" {
  description = "The VPCs of the other Regions."
  type        = list(string)
}

variable "zones" {
  description = "The letters of the Availability Zones: the loss of one is not the loss of the Region."
  type        = list(string)
  default     = ["a", "b", "c"]

  validation {
    condition     = length(distinct(var.zones)) >= 2 && length(var.zones) <= 4
    error_message = "Two different zones to four."
  }
}

variable "kubernetes_version" {
  type = string
}

variable "api_cidrs" {
  description = "Who may reach the Kubernetes API from outside. Nobody, if empty: it is reached from within the VPC alone."
  type        = list(string)
  default     = []
}

variable "domain" {
  description = "The name that users know, such as shop.example.com."
  type        = string
}

variable "hosted_zone_id" {
  type = string
}

variable "web" {
  description = "The node group that serves the product, and its first size: failoverd grows it. Null where the product is not served: the witness."
  type = object({
    instance_types = list(string)
    min            = number
    desired        = number
    max            = number
  })
  default = null
}

variable "tags" {
  type    = map(string)
  default = {}
}
