variable "role_name" {
  type = string
}

variable "oidc_provider_arn" {
  type = string
}

variable "oidc_issuer" {
  description = "Without https://."
  type        = string
}

variable "service_account" {
  description = "namespace:name, as in deploy/kubernetes."
  type        = string
  default     = "failoverd:failoverd"
}

variable "policy" {
  description = "What it may do, as JSON: modules/config makes one, or a file that you bring."
  type        = string

  validation {
    condition     = can(jsondecode(var.policy).Statement)
    error_message = "It is no IAM policy in JSON."
  }
}

variable "tags" {
  type    = map(string)
  default = {}
}
