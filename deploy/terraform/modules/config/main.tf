locals {
  # TOML's basic strings are JSON's.
  quoted = {
    data_dir    = jsonencode(var.paths.data_dir)
    ca_file     = jsonencode(var.paths.ca_file)
    cert_file   = jsonencode(var.paths.cert_file)
    key_file    = jsonencode(var.paths.key_file)
    tokens_file = jsonencode(var.paths.tokens_file)

    api_cert_file = jsonencode(var.paths.api_cert_file)
    api_key_file  = jsonencode(var.paths.api_key_file)
  }

  # Given keys alone, each as one line.
  references = [
    for reference in var.references : [
      for key in ["id", "kind", "address", "name", "resolver", "url", "expect_status", "region"] :
      "${key} = ${jsonencode(reference[key])}" if reference[key] != null
    ]
  ]

  probes = {
    for region in var.regions : region.name => [
      for probe in region.probes : concat(
        [
          for key in ["id", "kind", "url", "address"] :
          "${key} = ${jsonencode(probe[key])}" if probe[key] != null
        ],
        probe.critical ? [] : ["critical = false"],
      )
    ]
  }

  failoverd_toml = {
    for member in var.members : member.id => "${trimspace(templatefile("${path.module}/failoverd.toml.tftpl", {
      member       = member
      members      = var.members
      cluster_name = var.cluster_name
      api          = var.api
      quoted       = local.quoted
      references   = local.references
      application  = var.application
      regions      = var.regions
      probes       = local.probes

      beyond_loopback = !startswith(var.api, "127.")
    }))}\n"
  }
}
