# What failoverd must be told. Every name of AWS is a literal there on purpose: nothing is looked up when a
# Region is gone. This module asks nobody for anything and makes nothing, so that it can be tested without
# an account.

variable "cluster_name" {
  description = "The name of the cluster of daemons: two of different names never talk."
  type        = string
  default     = "failoverd"
}

variable "account_id" {
  description = "The account of all that is moved."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "An account is twelve digits."
  }
}

variable "partition" {
  description = "The first part of an ARN: aws, aws-cn or aws-us-gov."
  type        = string
  default     = "aws"
}

variable "members" {
  description = "One daemon per Region, witnesses among them. `address` is host:port, as the other members reach it."
  type = list(object({
    id      = string
    region  = string
    address = string
  }))

  validation {
    condition     = length(var.members) % 2 == 1 && length(var.members) >= 3
    error_message = "Three members or five: an even number survives no more than one less."
  }

  validation {
    condition     = length(distinct(var.members[*].id)) == length(var.members)
    error_message = "Two members have the same id."
  }
}

variable "api" {
  description = "Where each daemon serves its API, /livez, /readyz and /metrics: over TLS, unless on loopback."
  type        = string
  default     = "0.0.0.0:7400"
}

variable "paths" {
  description = "Where things are on the member's own host, or in its container."
  type = object({
    data_dir    = optional(string, "/var/lib/failoverd")
    ca_file     = optional(string, "/etc/failoverd/tls/ca.crt")
    cert_file   = optional(string, "/etc/failoverd/tls/tls.crt")
    key_file    = optional(string, "/etc/failoverd/tls/tls.key")
    tokens_file = optional(string, "/etc/failoverd/auth/tokens.toml")

    # Of the API, where it is asked from beyond loopback.
    api_cert_file = optional(string, "/etc/failoverd/api/tls.crt")
    api_key_file  = optional(string, "/etc/failoverd/api/tls.key")
  })
  default = {}
}

variable "references" {
  description = "Things outside every application that tell whether a member sees at all. None in a Region of an application."
  type = list(object({
    id            = string
    kind          = string
    address       = optional(string)
    name          = optional(string)
    resolver      = optional(string)
    url           = optional(string)
    expect_status = optional(list(string))
    region        = optional(string)
  }))
  default = [
    { id = "cloudflare", kind = "tcp", address = "1.1.1.1:443" },
    { id = "google-dns", kind = "dns", name = "dns.google", resolver = "8.8.8.8:53" },
    {
      id            = "aws-elsewhere"
      kind          = "http"
      url           = "https://sts.us-east-2.amazonaws.com/"
      expect_status = ["2xx", "3xx", "4xx"]
      region        = "us-east-2"
    },
  ]

  validation {
    condition     = length(var.references) >= 3
    error_message = "At least three: a member believes its own failures only while something unrelated answers."
  }
}

variable "application" {
  description = "What is failed over, and what of it belongs to no Region."
  type = object({
    name            = string
    automation      = optional(string, "ask")
    global_cluster  = string
    accelerator_arn = string
    hosted_zone_id  = string
    records         = list(object({ name = string, type = string }))
    write_check_url = string
    rpo_max         = optional(string, "10s")
    failover        = optional(string, "active-passive")
    switchover      = optional(string, "active-passive")
    failback        = optional(string, "active-passive")
  })
}

variable "regions" {
  description = "Where it is: one active Region and its standbys."
  type = list(object({
    name                  = string
    role                  = string
    db_cluster_arn        = string
    endpoint_group_arn    = string
    record_set_identifier = string
    fence_url             = string
    nodegroups            = list(object({ cluster = string, name = string }))
    # Each aims at this Region alone.
    probes = list(object({
      id       = string
      kind     = string
      url      = optional(string)
      address  = optional(string)
      critical = optional(bool, true)
    }))
  }))

  validation {
    condition     = length([for region in var.regions : region if region.role == "active"]) == 1
    error_message = "Exactly one Region is active."
  }
}
