variable "name" {
  description = "Of the product. It begins the names of all that is made."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}$", var.name))
    error_message = "Small letters, digits and dashes, at most 19: load balancers take no longer names."
  }
}

variable "regions" {
  description = "Where the product is at home, where it goes, and where a third opinion is."
  type        = object({ active = string, standby = string, witness = string })

  validation {
    condition     = length(distinct(values(var.regions))) == 3
    error_message = "Three different Regions: a witness that goes down with one of the others is none."
  }
}

variable "cidrs" {
  type = object({ active = string, standby = string, witness = string })
  default = {
    active  = "10.1.0.0/16"
    standby = "10.2.0.0/16"
    witness = "10.3.0.0/16"
  }

  validation {
    condition     = length(distinct(values(var.cidrs))) == 3
    error_message = "Two Regions share addresses, and could not reach each other."
  }
}

variable "domain" {
  description = "The name that users know, such as shop.example.com, in the hosted zone."
  type        = string
}

variable "hosted_zone_id" {
  type = string
}

variable "zones" {
  description = "The letters of each Region's Availability Zones. Not every Region has the first three for everybody."
  type = object({
    active  = optional(list(string), ["a", "b", "c"])
    standby = optional(list(string), ["a", "b", "c"])
    witness = optional(list(string), ["a", "b", "c"])
  })
  default = {}
}

variable "kubernetes_version" {
  type    = string
  default = "1.33"
}

variable "api_cidrs" {
  description = "Who may reach the Kubernetes APIs from outside the VPCs."
  type        = list(string)
  default     = []
}

variable "web" {
  description = "The first size of the node group that serves, by role."
  type = object({
    active  = object({ instance_types = list(string), min = number, desired = number, max = number })
    standby = object({ instance_types = list(string), min = number, desired = number, max = number })
  })

  validation {
    condition     = var.web.standby.max >= var.web.active.desired
    error_message = "The standby could never grow to what the active Region has: raise its max."
  }
}

variable "database" {
  type = object({
    name            = string
    master_username = string
    engine_version  = string
    instance_class  = string
    instances       = optional(number, 2)
  })
}

variable "database_password" {
  description = "TF_VAR_database_password. It is written to AWS and kept nowhere here."
  type        = string
  ephemeral   = true
  sensitive   = true
}

variable "database_password_version" {
  type    = number
  default = 1
}

variable "automation" {
  description = "ask: failoverd decides and waits for a person. automatic: it acts."
  type        = string
  default     = "ask"

  validation {
    condition     = contains(["ask", "automatic"], var.automation)
    error_message = "ask or automatic."
  }
}

variable "failoverd_name" {
  description = "The cluster of daemons, and the beginning of their roles' names."
  type        = string
  default     = "failoverd"
}

variable "iam_policy_file" {
  description = "A policy of your own for the daemons, instead of the one that modules/config makes."
  type        = string
  default     = null
}

variable "flow_logs_bucket" {
  type    = string
  default = null
}

variable "tags" {
  type    = map(string)
  default = {}
}
