//! What has changed between two looks.
//!
//! ```text
//!  Look ──seen──▶ Seen ──┐
//!  a later Look ──seen──▶ Seen ──after──▶ [ApiEvent]
//! ```
//!
//! Invariant: what only grows older has not changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Look, moment, regions};
use crate::api::access::Caller;
use crate::api::wire::{ApiEvent, ApplicationStatus, Opinion, Status};
use crate::model::State;

/// Events at a time. More than that is told faster, and shorter, by the whole status.
const MOST: usize = 200;

/// Application, Region, member.
type Voter = (String, String, String);

/// What a client knows once it has been told.
#[derive(Clone, Debug)]
pub(in crate::api) struct Seen {
    status: Status,
    votes: BTreeMap<Voter, Opinion>,
    state: Arc<State>,
}

impl Look<'_> {
    /// All that this caller may know of it.
    pub fn seen(&self, caller: &Caller) -> Seen {
        let votes = self.snapshot.votes.iter();
        let votes = votes.filter(|(_, held)| caller.scope.covers(&held.vote.app));
        Seen {
            status: self.status(caller),
            votes: votes
                .map(|(member, held)| {
                    let vote = &held.vote;
                    let voter = (
                        vote.app.to_string(),
                        vote.region.to_string(),
                        member.to_string(),
                    );
                    (voter, regions::opinion_word(vote.opinion))
                })
                .collect(),
            state: Arc::clone(&self.snapshot.state),
        }
    }

    /// What to tell a client that knows `before`, so that it knows `seen`, which is of this look.
    pub fn events(&self, caller: &Caller, before: &Seen, seen: &Seen) -> Vec<ApiEvent> {
        let whole = || {
            let status = seen.status.clone();
            vec![ApiEvent::Status { status }]
        };
        if of_cluster(&before.status) != of_cluster(&seen.status) {
            return whole();
        }
        let mut events = Vec::new();
        let both = before.status.applications.iter();
        for (old, new) in both.zip(&seen.status.applications) {
            if ageless(old) != ageless(new) {
                let application = new.clone();
                events.push(ApiEvent::Application { application });
            }
        }
        for (voter, opinion) in &seen.votes {
            if before.votes.get(voter) != Some(opinion) {
                let (application, region, member) = voter.clone();
                events.push(ApiEvent::Vote {
                    application,
                    region,
                    member,
                    opinion: *opinion,
                    at: moment(self.now()),
                });
            }
        }
        if !Arc::ptr_eq(&before.state, &seen.state) {
            let runs = seen.state.runs.iter();
            let moved = runs
                .filter(|(_, run)| caller.scope.covers(&run.application))
                .filter(|(id, run)| before.state.runs.get(*id) != Some(*run));
            events.extend(moved.map(|(_, run)| ApiEvent::Run { run: self.run(run) }));
        }
        if events.len() > MOST {
            return whole();
        }
        events
    }
}

impl Seen {
    /// For a client that knows nothing.
    pub fn whole(&self) -> ApiEvent {
        let status = self.status.clone();
        ApiEvent::Status { status }
    }
}

/// What no event but the whole status tells. A pause and a warning are known by their kind: their texts
/// count the time.
fn of_cluster(status: &Status) -> impl PartialEq + use<> {
    let warnings: Vec<_> = status
        .warnings
        .iter()
        .map(|warning| (warning.code.clone(), warning.application.clone()))
        .collect();
    let pauses: Vec<_> = status
        .pauses
        .iter()
        .map(|pause| (pause.application.clone(), pause.reason.clone()))
        .collect();
    (status.cluster.clone(), pauses, warnings)
}

/// Without what counts the time.
fn ageless(app: &ApplicationStatus) -> ApplicationStatus {
    let mut app = app.clone();
    app.summary.clear();
    for reason in &mut app.reasons {
        reason.text.clear();
    }
    for run in app.open_run.iter_mut().chain(&mut app.last_run) {
        run.summary.clear();
        run.took_ms = None;
    }
    for region in &mut app.regions {
        region.verdict_for_ms = None;
        region.traffic_age_ms = None;
        region.lag = None;
        for group in &mut region.nodegroups {
            group.age_ms = 0;
        }
    }
    app.cool_down_ms = app.cool_down_ms.map(|_| 0);
    // What was found again is not news.
    app.readiness.age_ms = None;
    app.readiness.checked_at = None;
    if let Some(drill) = &mut app.last_drill {
        drill.age_ms = 0;
    }
    app
}

#[cfg(test)]
mod tests {
    use tokio::sync::watch;

    use super::*;
    use crate::api::access::{How, Scope};
    use crate::api::tests::support::{Desk, source, starting};
    use crate::api::wire::AccessRole;
    use crate::daemon::snapshot::Snapshot;
    use crate::model::{ConfigHash, HeldVote, Mono, Vote, VoteReason, Wall};

    fn caller(scope: Scope) -> Caller {
        Caller {
            name: None,
            how: How::Claimed,
            role: AccessRole::Viewer,
            scope,
            expires: None,
            from: "127.0.0.1:1".parse().unwrap(),
        }
    }

    fn votes(opinion: crate::model::Opinion, regions: usize) -> Snapshot {
        let mut snapshot = starting();
        snapshot.votes = (0..regions)
            .map(|n| {
                let vote = Vote {
                    app: "shop".into(),
                    region: format!("region-{n}").as_str().into(),
                    opinion,
                    reason: VoteReason::Probes,
                    evidence_at: Mono(0),
                    failing_since: None,
                    config: ConfigHash("c0ffee".into()),
                    probes: Vec::new(),
                };
                let held = HeldVote {
                    vote,
                    evidence_at: Mono(0),
                    failing_since: None,
                };
                ("m1".into(), held)
            })
            .collect();
        snapshot
    }

    fn between(old: &Snapshot, new: &Snapshot, scope: Scope) -> Vec<ApiEvent> {
        let (_keep, seen) = watch::channel(Arc::new(old.clone()));
        let source = source(seen, Arc::<Desk>::default(), std::time::Duration::ZERO);
        let caller = caller(scope);
        let before = Look::new(&source, old).seen(&caller);
        let look = Look::new(&source, new);
        look.events(&caller, &before, &look.seen(&caller))
    }

    #[test]
    fn time_alone_is_no_event() {
        use crate::model::Opinion;
        let old = votes(Opinion::Up, 2);
        let mut new = old.clone();
        new.at.wall = Wall(old.at.wall.0 + 60_000);
        new.at.mono = Mono(old.at.mono.0 + 60_000);
        assert_eq!(between(&old, &new, Scope::Everything), []);
    }

    #[test]
    fn what_is_out_of_scope_is_no_event_and_what_is_too_much_is_the_whole() {
        use crate::model::Opinion;
        let (old, new) = (votes(Opinion::Up, 2), votes(Opinion::Down, 2));
        let told = between(&old, &new, Scope::Everything);
        let down = |event: &ApiEvent| matches!(event, ApiEvent::Vote { opinion, .. } if *opinion == super::Opinion::Down);
        assert_eq!((told.len(), told.iter().all(down)), (2, true), "{told:?}");
        let other = Scope::Only(["bank".into()].into());
        assert_eq!(between(&old, &new, other), []);
        let (old, new) = (votes(Opinion::Up, 300), votes(Opinion::Down, 300));
        let told = between(&old, &new, Scope::Everything);
        assert!(matches!(told.as_slice(), [ApiEvent::Status { .. }]));
    }
}
