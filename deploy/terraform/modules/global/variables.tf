variable "name" {
  type = string
}

variable "domain" {
  description = "The name that users know: its failover records are flipped by failoverd."
  type        = string
}

variable "hosted_zone_id" {
  type = string
}

variable "regions" {
  description = "Where the product is served, by Region; the first dials are by role."
  type = map(object({
    role              = string
    load_balancer_arn = string
    dns_name          = string
    zone_id           = string
    name              = string
  }))

  validation {
    condition     = length([for region in var.regions : region if region.role == "active"]) == 1
    error_message = "Exactly one Region is active."
  }
}

variable "flow_logs_bucket" {
  description = "Where the accelerator writes who came; nowhere, if null."
  type        = string
  default     = null
}

variable "tags" {
  type    = map(string)
  default = {}
}
