//! What this member shows others, and what callers show it.

use std::fmt;

use super::family::{Gauges, count, truth};
use crate::api::access::role_word;
use crate::api::source::ApiSource;
use crate::daemon::snapshot::Snapshot;
use crate::peer::CertificateStatus;

const MS_PER_SECOND: i64 = 1_000;

pub(super) fn encode(
    out: &mut Gauges<'_, '_>,
    source: &ApiSource,
    snapshot: &Snapshot,
) -> fmt::Result {
    certificates(out, source, snapshot)?;
    tokens(out, source)
}

fn certificates(out: &mut Gauges<'_, '_>, source: &ApiSource, snapshot: &Snapshot) -> fmt::Result {
    let api = source.tls.as_ref().map(|tls| tls.status());
    let shown: Vec<(&str, &CertificateStatus)> = [
        ("peer", snapshot.cluster.certificate.as_ref()),
        ("api", api.as_ref()),
    ]
    .into_iter()
    .filter_map(|(name, certificate)| Some((name, certificate?)))
    .collect();
    out.seconds(
        "certificate_expiry_timestamp",
        "When a certificate of this member ends, in seconds since 1970",
        shown.iter().map(|(name, certificate)| {
            #[expect(
                clippy::cast_precision_loss,
                reason = "seconds since 1970 are far below 2^52"
            )]
            let seconds = (certificate.not_after_ms / MS_PER_SECOND) as f64;
            (vec![("certificate", *name)], seconds)
        }),
    )?;
    out.plain(
        "certificate_reload_failed",
        "Whether a certificate's files as they stand now cannot be taken",
        shown.iter().map(|(name, certificate)| {
            let failed = truth(certificate.reload_error.is_some());
            (vec![("certificate", *name)], failed)
        }),
    )
}

fn tokens(out: &mut Gauges<'_, '_>, source: &ApiSource) -> fmt::Result {
    let roles = source.access.tokens_by_role();
    out.plain(
        "api_tokens",
        "Tokens in use that have not expired, by role; no series without a file of tokens",
        roles
            .iter()
            .map(|(role, tokens)| (vec![("role", role_word(*role))], count(*tokens))),
    )?;
    out.plain(
        "api_tokens_reload_failed",
        "Whether the file of tokens as it stands now cannot be taken",
        source
            .access
            .tokens_are_current()
            .map(|current| (Vec::new(), truth(!current))),
    )
}
