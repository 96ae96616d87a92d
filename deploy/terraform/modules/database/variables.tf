variable "name" {
  type = string
}

variable "global_cluster" {
  description = "The Aurora global database this cluster is part of."
  type = object({
    id             = string
    engine         = string
    engine_version = string
  })
}

variable "source_region" {
  description = "Where the first writer is; null in that Region itself."
  type        = string
  default     = null
}

variable "database_name" {
  type = string
}

variable "master_username" {
  type = string
}

variable "master_password" {
  description = "Goes to AWS alone: no plan and no state holds it. Secrets Manager keeps none for a global database."
  type        = string
  ephemeral   = true
  sensitive   = true
}

variable "master_password_version" {
  description = "Raise it to have a new password written."
  type        = number
  default     = 1
}

variable "instances" {
  description = "How many: a Region needs one to be promoted, and two to lose one."
  type        = number
  default     = 2

  validation {
    condition     = var.instances >= 1
    error_message = "A secondary without an instance cannot be promoted."
  }
}

variable "instance_class" {
  type = string
}

variable "vpc_id" {
  type = string
}

variable "subnet_ids" {
  type = list(string)
}

variable "client_security_group_id" {
  description = "The nodes of this Region."
  type        = string
}

variable "client_cidrs" {
  description = "The other Regions' VPCs: their members look whether it answers, and after a failover so do their nodes."
  type        = list(string)
}

variable "kms_key_arn" {
  type = string
}

variable "hosted_zone_id" {
  type = string
}

variable "domain" {
  type = string
}

variable "tags" {
  type    = map(string)
  default = {}
}
