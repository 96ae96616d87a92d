//! What stands in a certificate beside what rustls verifies: whose it is, and until when.

use rustls::pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;

/// The part of a certificate that members look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    /// DNS names of the subjectAltName.
    pub names: Vec<String>,
    /// What people's certificates are told apart by. Between members it does not count.
    pub common_name: Option<String>,
    /// Seconds since 1970 at which it ends.
    pub not_after: i64,
}

/// Reads it. The signature is not looked at here.
pub(crate) fn facts(certificate: &CertificateDer<'_>) -> Result<Facts, String> {
    let (_, parsed) = parse_x509_certificate(certificate).map_err(|e| e.to_string())?;
    let names = parsed
        .subject_alternative_name()
        .map_err(|e| e.to_string())?
        .map(|extension| {
            let names = extension.value.general_names.iter();
            names
                .filter_map(|name| match name {
                    GeneralName::DNSName(name) => Some((*name).to_owned()),
                    // Of the library's many kinds of names only this one is a member's.
                    _ => None,
                })
                .collect()
        })
        .unwrap_or_default();
    let common_name = parsed.subject().iter_common_name().next();
    Ok(Facts {
        names,
        common_name: common_name.and_then(|name| name.as_str().ok().map(str::to_owned)),
        not_after: parsed.validity().not_after.timestamp(),
    })
}

/// Names for people.
pub(super) fn list(names: &[String]) -> String {
    if names.is_empty() {
        return "no DNS name at all".to_owned();
    }
    let quoted: Vec<String> = names.iter().map(|n| format!("`{n}`")).collect();
    quoted.join(", ")
}
