terraform {
  # Write-only arguments, which keep the database's password out of the state, need 1.11.
  required_version = ">= 1.11"
}
