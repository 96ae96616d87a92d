terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.25, < 7.0"
    }
  }

  # The state is needed on the day a Region is lost: keep it where that Region is not, in a bucket that is
  # replicated. terraform init -backend-config=backend.tfbackend
  # backend "s3" {}
}

provider "aws" {
  alias  = "active"
  region = var.regions.active
}

provider "aws" {
  alias  = "standby"
  region = var.regions.standby
}

provider "aws" {
  alias  = "witness"
  region = var.regions.witness
}
