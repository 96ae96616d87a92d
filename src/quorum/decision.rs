//! The last word: act, hold, or ask.

use crate::model::{Decision, GuardVerdict, HoldReason, RegionId, Ruling};

/// Sums the rulings up. One `Hold` holds, whatever else is said; one `Ask` asks; otherwise act. The
/// reasons keep the guards' order.
pub fn decide(rulings: &[GuardVerdict], from: &RegionId, to: Option<&RegionId>) -> Decision {
    let mut holds = Vec::new();
    let mut asks = Vec::new();
    for verdict in rulings {
        match &verdict.ruling {
            Ruling::Hold(reason) => holds.push(reason.clone()),
            Ruling::Ask(reason) => asks.push(reason.clone()),
            Ruling::Pass | Ruling::Warn(_) => {}
        }
    }
    let Some(to) = to else {
        if holds.is_empty() {
            holds.push(HoldReason::NoCandidate);
        }
        return Decision::Hold(holds);
    };
    if !holds.is_empty() {
        return Decision::Hold(holds);
    }
    let (from, to) = (from.clone(), to.clone());
    if asks.is_empty() {
        Decision::Act { from, to }
    } else {
        Decision::Ask {
            from,
            to,
            reasons: asks,
        }
    }
}
