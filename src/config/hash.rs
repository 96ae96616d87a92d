//! What a vote is cast under: one hash over an application's configuration, so that members which
//! were configured differently notice before they act.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::types::AuthPolicy;
use crate::model::{
    Application, AwsAccess, ConfigHash, DataLossApproval, Member, MemberId, RegionId, RunKind,
    Runbook,
};

/// The application with its hash. What may rightly differ from host to host is left out: how this
/// host reaches AWS (profile, external id, endpoint). The rest is what decides: with it the members,
/// of whom a majority must agree and who stand inside or outside of a Region, and the runbooks, for
/// the leader's are what is done; so is its word on who may approve a loss of data.
pub(super) fn stamp<'a>(
    app: Application,
    members: &[Member],
    runbook: impl Fn(&str) -> Option<&'a Runbook>,
    auth: &AuthPolicy,
) -> Application {
    let members: BTreeMap<&MemberId, &RegionId> =
        members.iter().map(|m| (&m.id, &m.region)).collect();
    let runbooks: BTreeMap<&RunKind, Option<&Runbook>> = app
        .runbooks
        .iter()
        .map(|(kind, name)| (kind, runbook(name)))
        .collect();
    let judged = Application {
        config: ConfigHash(String::new()),
        aws: AwsAccess {
            profile: None,
            external_id: None,
            endpoint_url: None,
            ..app.aws.clone()
        },
        ..app.clone()
    };
    // Canonical: fields in the order of their declaration, maps sorted, integers only. Writing them
    // cannot fail: every key of a map is text, and nothing in it has a hand-written serializer.
    let text = match auth.data_loss_approval {
        // As it was before there was a choice: members of two versions still understand each other.
        DataLossApproval::Anyone => serde_json::to_string(&(judged, members, runbooks)),
        wanted @ DataLossApproval::OtherPerson => {
            serde_json::to_string(&(judged, members, runbooks, wanted))
        }
    }
    .unwrap_or_default();
    Application {
        config: ConfigHash(hex::encode(Sha256::digest(text.as_bytes()))),
        ..app
    }
}
