//! `[auth]`: who may do what.

use crate::config::types::AuthPolicy;
use crate::model::DataLossApproval;
use crate::runbook::spanned::{Table, read};

/// The section; an absent one lets everybody who reaches the API do everything, which is this host.
pub(super) fn auth(table: &Table<'_>) -> AuthPolicy {
    let base = AuthPolicy::default();
    AuthPolicy {
        data_loss_approval: table
            .or(
                "data_loss_approval",
                base.data_loss_approval,
                read::one_of(&[
                    ("anyone", DataLossApproval::Anyone),
                    ("other_person", DataLossApproval::OtherPerson),
                ]),
            )
            .unwrap_or(base.data_loss_approval),
    }
}
