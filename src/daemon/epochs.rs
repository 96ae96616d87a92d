//! The epoch that stands outside: Route 53 keeps the one of whoever moved a name last, and that may
//! have been somebody whom this ledger does not know.
//!
//! ```text
//!  a restored ledger    traffic read ──▶ RaiseEpoch above what stands there ──▶ it may act again
//!  a ledger left behind traffic read ──▶ told; nothing is opened, nothing is called
//!                       a person's ack ─▶ RaiseEpoch to what stands there ──▶ it goes on from there
//! ```
//!
//! Invariant: a run whose epoch is older than the one that stands outside calls nothing, as far as it
//! can be known at that moment; the batch in Route 53 itself is the last lock.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::{
    AppId, AppRegion, Application, CommandBody, DnsFailover, DnsRouting, Epoch, Event,
    FailoverRole, Millis, Mono, RegionId, Rejection, RunId, State, Traffic,
};
use crate::ports::LedgerError;

use super::perform::Performer;

/// So long a look at the epoch outside is good for the calls of a run. A member that was cut off for
/// longer looks again before it goes on.
const LOOK_LASTS: Millis = Millis::from_mins(1);

/// Who raises an epoch without being asked.
const ITSELF: &str = "failoverd";

/// When the epoch outside was last compared with a run's.
pub(super) type Looked = Arc<Mutex<BTreeMap<RunId, Mono>>>;

/// After the leader has read where the traffic of `app` stands: a restored ledger learns its epoch.
pub(super) async fn settle(performer: &Performer, app: &Application, traffic: &Traffic) {
    let state = performer.ledger.state();
    let name = &app.name;
    if state.epoch_is_known(name) {
        return;
    }
    let standing = state.apps.get(name).map_or(Epoch(0), |known| known.epoch);
    let to = above(
        standing,
        traffic.epoch_of(name),
        state.open_run(name).is_some(),
    );
    let body = CommandBody::RaiseEpoch {
        app: name.clone(),
        to,
        active: serving(app, traffic),
        by: ITSELF.to_owned(),
        reason: "the epoch record was read after the ledger had begun anew".to_owned(),
        seen: traffic.epoch_of(name),
    };
    match performer.propose(body).await {
        Ok(Ok(_)) => tracing::info!(app = %name, epoch = %to, "the epoch is known again"),
        Ok(Err(rejection)) => {
            tracing::warn!(app = %name, %rejection, "the epoch is not known yet");
        }
        Err(error) => tracing::warn!(app = %name, %error, "the epoch is not known yet"),
    }
}

/// One above everything that anybody can have used: another cluster may be about to use the next. Only
/// an open run that nobody has overtaken keeps its own, so that a person can carry it on.
fn above(standing: Epoch, outside: Option<Epoch>, is_open: bool) -> Epoch {
    match outside {
        Some(outside) if outside > standing => outside.next(),
        Some(_) | None if is_open => standing,
        Some(_) | None => standing.next(),
    }
}

/// Where the application serves from by its record sets; by its dials, where it has no record sets.
pub(super) fn serving(app: &Application, traffic: &Traffic) -> Option<RegionId> {
    let Some(dns) = &app.resources.dns else {
        let dialled: Vec<&RegionId> = traffic
            .groups
            .iter()
            .filter(|(_, group)| group.dial_percent > 0)
            .map(|(region, _)| region)
            .collect();
        return match dialled.as_slice() {
            [only] => Some((*only).clone()),
            [] | [_, _, ..] => None,
        };
    };
    if dns.routing == DnsRouting::Weighted {
        return weighted_alone(app, dns, traffic);
    }
    let is_primary_everywhere = |identifier: &String| {
        dns.records.iter().all(|name| {
            traffic.records.iter().any(|set| {
                set.name == name.name
                    && set.record_type == name.record_type
                    && set.set_identifier.as_ref() == Some(identifier)
                    && set.failover == Some(FailoverRole::Primary)
            })
        })
    };
    let region = app.regions.iter().find(|region| {
        let identifier = region.resources.record_set_identifier.as_ref();
        !dns.records.is_empty() && identifier.is_some_and(is_primary_everywhere)
    })?;
    Some(region.name.clone())
}

/// The one Region whose record sets have a weight, if it is one in every name.
fn weighted_alone(app: &Application, dns: &DnsFailover, traffic: &Traffic) -> Option<RegionId> {
    let answers = |region: &&AppRegion| {
        let identifier = region.resources.record_set_identifier.as_ref();
        traffic.records.iter().any(|set| {
            set.weight.is_some_and(|weight| weight > 0)
                && set.set_identifier.as_ref() == identifier
                && dns.records.iter().any(|name| set.name == name.name)
        })
    };
    let answering: Vec<&AppRegion> = app.regions.iter().filter(answers).collect();
    match answering.as_slice() {
        [only] => Some(only.name.clone()),
        [] | [_, _, ..] => None,
    }
}

/// What a person's acknowledgement takes over first, where somebody else has acted.
fn adoption(app: &Application, state: &State, by: &str) -> Option<CommandBody> {
    let outside = state.overtaken_by(&app.name)?;
    let known = state.apps.get(&app.name)?;
    let traffic = &known.traffic.as_ref()?.value;
    // One that is not above the ledger's own is of those that a restored ledger passed over.
    let to = if outside > known.epoch {
        outside
    } else {
        known.epoch.next()
    };
    Some(CommandBody::RaiseEpoch {
        app: app.name.clone(),
        to,
        seen: Some(outside),
        active: serving(app, traffic),
        by: by.to_owned(),
        reason: "what another has done was acknowledged".to_owned(),
    })
}

impl Performer {
    /// Commits what a person says. An acknowledgement takes over what somebody else has done.
    pub async fn operate(
        &self,
        body: CommandBody,
    ) -> Result<Result<Event, Rejection>, LedgerError> {
        if let CommandBody::Acknowledge { app, by } = &body
            && let Some(app) = self.apps.iter().find(|known| &known.name == app)
            && let Some(raise) = adoption(app, &self.ledger.state(), by)
            && let Err(rejection) = self.propose(raise).await?
        {
            return Ok(Err(rejection));
        }
        self.propose(body).await
    }

    /// The run was planned on what stood outside just now.
    pub(super) fn looked_outside(&self, run: &RunId) {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now().mono;
        looked.retain(|_, at| now.since(*at) < LOOK_LASTS);
        looked.insert(run.clone(), now);
    }

    /// The epoch that has overtaken that run, if one is seen outside. Asks AWS unless it was asked just
    /// now; what does not answer holds nothing up: Route 53 refuses an older batch by itself.
    pub(super) async fn overtaken(&self, app: &AppId, run: &RunId) -> Option<Epoch> {
        let epoch = self.ledger.state().runs.get(run)?.epoch;
        let known = {
            let looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
            let now = self.clock.now().mono;
            looked
                .get(run)
                .is_some_and(|at| now.since(*at) < LOOK_LASTS)
        };
        if known {
            return None;
        }
        let steered = |known: &Application| &known.name == app && known.resources.dns.is_some();
        if !self.apps.iter().any(steered) {
            return None;
        }
        let outside = match self.actuator.read_traffic(app).await {
            Ok(traffic) => traffic.epoch_of(app),
            Err(error) => {
                tracing::warn!(%run, %error, "whether a newer epoch stands outside is not known");
                None
            }
        };
        let state = self.ledger.state();
        let newer = outside.filter(|outside| *outside > epoch || state.is_anothers(app, *outside));
        if newer.is_none() {
            self.looked_outside(run);
        }
        newer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restored_ledger_goes_above_whatever_anybody_may_have_used() {
        let cases = [
            // The ledger's own, what stands outside, whether a run is open: what it becomes.
            ((6, Some(9), false), 10),
            ((6, Some(9), true), 10),
            ((6, Some(6), false), 7),
            ((6, Some(5), true), 6),
            ((6, None, false), 7),
            ((0, None, false), 1),
        ];
        for ((standing, outside, is_open), expected) in cases {
            let to = above(Epoch(standing), outside.map(Epoch), is_open);
            assert_eq!(to, Epoch(expected), "{standing} {outside:?} {is_open}");
        }
    }
}
