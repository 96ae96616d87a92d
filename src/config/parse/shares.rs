//! The shares of an application whose Regions serve side by side.

use std::collections::BTreeMap;

use crate::model::{Role, RunKind};
use crate::runbook::spanned::{Findings, Located, Place};

use super::application::RegionDraft;

/// What an application runs where it does not say: the shipped runbook that every kind of run has, if
/// one Region serves at a time.
const DEFAULT_RUNBOOK: &str = "active-passive";

/// What takes a share away,
const SHIFT: &str = "active-active";

/// and gives it back.
const RETURN: &str = "active-active-return";

/// What all shares must add up to.
const WHOLE: u32 = 100;

/// Each active Region has one or none has, no standby has one, and together they are everything.
pub(super) fn check(findings: &Findings, regions: &[RegionDraft], app: &Located<String>) {
    let mut last = None;
    let mut sum = 0_u32;
    for draft in regions {
        let (Some(share), Some(place)) = (draft.region.share, &draft.share) else {
            continue;
        };
        match draft.region.role {
            Role::Active => {
                sum += u32::from(share);
                last = Some(place);
            }
            Role::Standby => findings.push(
                findings
                    .error(
                        "share_of_standby",
                        place,
                        format!(
                            "{} is a standby and has a share of the users",
                            draft.region.name
                        ),
                    )
                    .label("a standby serves nobody")
                    .help("Remove `share`, or make the Region role = \"active\"."),
            ),
        }
    }
    let Some(last) = last else {
        return;
    };
    let without: Vec<&RegionDraft> = regions
        .iter()
        .filter(|draft| draft.region.role == Role::Active && draft.region.share.is_none())
        .collect();
    for draft in &without {
        findings.push(
            findings
                .error(
                    "share_missing",
                    &draft.place,
                    format!(
                        "{} is active without a `share`, and other active Regions of `{}` have one",
                        draft.region.name, app.value
                    ),
                )
                .label("which part of the users does it serve?")
                .help(
                    "Give every active Region its `share` in percent, for example share = 50, or \
                     make this one \"standby\".",
                ),
        );
    }
    if without.is_empty() && sum != WHOLE {
        let help = if sum < WHOLE {
            format!(
                "{} % of the users are served by nobody: raise a share.",
                WHOLE - sum
            )
        } else {
            format!("{} % too much: lower a share.", sum - WHOLE)
        };
        findings.push(
            findings
                .error(
                    "shares_do_not_add_up",
                    last,
                    format!(
                        "the shares of application `{}` add up to {sum} %, not to {WHOLE} %",
                        app.value
                    ),
                )
                .label(format!("with this one {sum} %"))
                .help(help),
        );
    }
}

/// Every kind of run has its runbook, chosen or by default; shares are moved only where there are any.
pub(super) fn runbooks(
    findings: &Findings,
    regions: &[RegionDraft],
    chosen: &mut BTreeMap<RunKind, String>,
    places: &BTreeMap<RunKind, Place>,
) {
    let shares = regions.iter().filter(|r| r.region.share.is_some()).count();
    let side_by_side = shares >= 2;
    for kind in RunKind::ALL {
        let default = match kind {
            // A run of these would move the writer alone: for that nobody has a runbook unasked.
            RunKind::Failover | RunKind::Switchover | RunKind::Failback if side_by_side => continue,
            RunKind::Failover | RunKind::Switchover | RunKind::Failback => DEFAULT_RUNBOOK,
            RunKind::Shift if side_by_side => SHIFT,
            RunKind::Return if side_by_side => RETURN,
            RunKind::Shift | RunKind::Return => {
                if let Some(place) = places.get(&kind) {
                    findings.push(
                        findings
                            .error(
                                "no_shares",
                                place,
                                format!("there is no share that a {kind} could move"),
                            )
                            .label("one Region serves at a time")
                            .help(
                                "Remove it, or give each of the active Regions its `share` in \
                                 percent.",
                            ),
                    );
                }
                continue;
            }
        };
        chosen.entry(kind).or_insert_with(|| default.to_owned());
    }
}
