//! The one task that keeps the log core: says what it sees, calls elections, and stands down.
//!
//! ```text
//!   openraft's metrics ──▶ ┌────────┐ ──▶ View { leads_until, leader, term, stopped }
//!   timers ──────────────▶ │ keeper │ ──▶ canvass: "would you vote for me?" ─ a quorum would ─▶ elect
//!   orders ──────────────▶ └────────┘ ──▶ shut the core down, begin another
//! ```
//!
//! Why elections are called here and not by openraft: it has no pre-vote. A member that was cut off
//! would raise its term with every try and depose the leader when it comes back. Here it asks first,
//! and asking changes nothing.
//!
//! Invariant: a leader that no quorum has acknowledged for one lease stands down, whatever it thinks
//! of itself; what it has under way ends as *unknown*.
//! Invariant: a follower is asked for its vote only after it has not heard a leader for a lease, and
//! a leader counts its lease from when the acknowledged message was *sent*: never do two lead at once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use openraft::{Raft, ServerState, Vote};
use tokio::sync::{mpsc, oneshot, watch};

use crate::model::{Command, CommandBody, MemberId};

use super::core::{Core, Metrics, member_of, stop_reason};
use super::election::{jitter, stand, would_win};
use super::error::{StopReason, chain};
use super::host::since_boot;
use super::types::{NodeId, TypeConfig};

/// Orders that may wait: each caller waits for its answer, and there are few.
pub(super) const ORDERS: usize = 16;

/// Longest sleep of the keeper: so late does it see what wakes nobody.
const GLANCE: Duration = Duration::from_secs(1);

/// What only the keeper does.
pub(super) enum Order {
    StandDown {
        reason: String,
        /// No election for so long, unless another leader is heard.
        quiet: Duration,
        done: oneshot::Sender<()>,
    },
    /// The cluster's log is beyond this member.
    Halt {
        reason: StopReason,
    },
    ShutDown {
        done: oneshot::Sender<()>,
    },
}

/// Why one core ended.
enum End {
    StoodDown {
        reason: String,
        quiet: Duration,
        done: Option<oneshot::Sender<()>>,
    },
    /// On purpose, for good.
    Closed(Option<oneshot::Sender<()>>),
    Halted(StopReason),
    /// By itself.
    Died,
}

struct Keeper {
    core: Arc<Core>,
    orders: mpsc::Receiver<Order>,
    election: Election,
    /// Since when this member has led without a break.
    leader_since: Option<Duration>,
    /// The term in which the cluster's first disks were put to the log.
    founded_in: Option<u64>,
    /// Under which vote this member was seen to lead, and where its log ended then.
    inherited: Option<(Vote<NodeId>, Option<u64>)>,
}

/// When the next one is due.
struct Election {
    at: Duration,
    /// The leader's message `at` was reckoned from.
    heard: Option<Duration>,
    quiet_until: Duration,
    stood_down_at: Option<Duration>,
    canvass: Option<oneshot::Receiver<()>>,
}

/// Keeps the core until it ends for good.
pub(super) async fn keep(core: Arc<Core>, orders: mpsc::Receiver<Order>) {
    let metrics = core.metrics();
    let follows = metrics.vote.is_committed() && metrics.current_leader != Some(core.node);
    if follows {
        // The leader may be well: openraft refuses to elect another for a lease.
        core.roll.set_leader_heard(Some(since_boot()));
    }
    let election = Election {
        at: since_boot() + jitter(&core),
        heard: None,
        quiet_until: Duration::ZERO,
        stood_down_at: None,
        canvass: None,
    };
    Keeper {
        core,
        orders,
        election,
        leader_since: None,
        founded_in: None,
        inherited: None,
    }
    .run()
    .await;
}

impl Keeper {
    async fn run(mut self) {
        loop {
            match self.watch().await {
                End::StoodDown {
                    reason,
                    quiet,
                    done,
                } => {
                    if let Err(reason) = self.stand_down(&reason, quiet).await {
                        self.stopped(reason);
                        return self.bury().await;
                    }
                    if let Some(done) = done {
                        // Nobody waits any more: done all the same.
                        let _ = done.send(());
                    }
                }
                End::Closed(done) => {
                    self.shut_down().await;
                    self.stopped(StopReason::ShutDown);
                    if let Some(done) = done {
                        let _ = done.send(());
                    }
                    return;
                }
                End::Halted(reason) => {
                    self.core.close();
                    self.end_core().await;
                    self.stopped(reason);
                    return self.bury().await;
                }
                End::Died => {
                    let metrics = self.core.metrics();
                    let last_words = metrics.running_state.as_ref().err();
                    self.stopped(stop_reason(&self.core.disk, last_words));
                    return self.bury().await;
                }
            }
        }
    }

    /// Watches one core until it ends or must.
    async fn watch(&mut self) -> End {
        let raft = self.core.raft();
        let mut metrics = raft.metrics();
        loop {
            let seen = metrics.borrow_and_update().clone();
            let now = since_boot();
            self.observe(&seen, now);
            if let Some(end) = self.check_lease(&seen, now) {
                return end;
            }
            self.found(&raft, &seen);
            self.elect(&raft, &seen, now);
            let wake = self.next_wake(now);
            tokio::select! {
                changed = metrics.changed() => {
                    if changed.is_err() {
                        return End::Died;
                    }
                }
                order = self.orders.recv() => return match order {
                    Some(Order::StandDown { reason, quiet, done }) => End::StoodDown {
                        reason,
                        quiet,
                        done: Some(done),
                    },
                    Some(Order::Halt { reason }) => End::Halted(reason),
                    Some(Order::ShutDown { done }) => End::Closed(Some(done)),
                    None => End::Closed(None),
                },
                () = canvassed(&mut self.election.canvass) => {
                    self.election.canvass = None;
                }
                () = tokio::time::sleep(wake) => {}
            }
        }
    }

    /// Publishes what the metrics say.
    fn observe(&mut self, metrics: &Metrics, now: Duration) {
        let membership = metrics.membership_config.membership();
        let leads_until = if metrics.state == ServerState::Leader {
            if !self.has_inherited(metrics) {
                None
            } else if is_sole_voter(metrics) {
                // Nobody else can lead, however slow the disk is.
                Some(Duration::MAX)
            } else {
                let lease = self.core.roll.lease_among(&voters(metrics));
                acknowledged_at(&self.core, metrics, now).map(|at| at + lease)
            }
        } else {
            None
        };
        let leader = metrics
            .current_leader
            .and_then(|node| member_of(membership, node));
        let pristine = is_pristine(metrics);
        self.core.roll.set_pristine(pristine);
        self.core.view.send_if_modified(|view| {
            let led = view.leads_until.is_some_and(|until| now <= until);
            let leads = leads_until.is_some_and(|until| now <= until);
            let same = led == leads && view.leader == leader && view.term == metrics.current_term;
            // The end of a lease passes unseen by those who wait: wake them when it has passed.
            let ran_out = view.leads_until.is_some() && !led;
            view.leads_until = leads_until.filter(|until| now <= *until);
            view.leader = leader;
            view.term = metrics.current_term;
            !same || ran_out
        });
    }

    /// Whether the state here holds all that an earlier leader has committed: all of it stood in the
    /// log when this member was elected. Who acted on less would not see what is under way.
    fn has_inherited(&mut self, metrics: &Metrics) -> bool {
        let known = self.inherited.filter(|(vote, _)| *vote == metrics.vote);
        let (_, end) = *self
            .inherited
            .insert(known.unwrap_or((metrics.vote, metrics.last_log_index)));
        metrics.last_applied.map(|id| id.index) >= end
    }

    /// A leader alone for a lease stands down.
    fn check_lease(&mut self, metrics: &Metrics, now: Duration) -> Option<End> {
        if metrics.state != ServerState::Leader || is_sole_voter(metrics) {
            self.leader_since = None;
            return None;
        }
        let since = *self.leader_since.get_or_insert(now);
        let heard = acknowledged_at(&self.core, metrics, now).map_or(since, |at| at.max(since));
        let lease = self.core.roll.lease_among(&voters(metrics));
        (now > heard + lease).then(|| End::StoodDown {
            reason: format!("no quorum has answered for {lease:?}"),
            // Asking around first is enough: without a quorum no election comes of it.
            quiet: Duration::ZERO,
            done: None,
        })
    }

    /// Puts the disks the cluster was formed from into the log, once.
    fn found(&mut self, raft: &Raft<TypeConfig>, metrics: &Metrics) {
        let view = self.core.view.borrow().clone();
        if !view.leads()
            || is_sole_voter(metrics)
            || !view.state.disks.is_empty()
            || !self.core.roll.knows_disks_of(&voters(metrics))
        {
            return;
        }
        if self.founded_in.replace(metrics.current_term) == Some(metrics.current_term) {
            return;
        }
        let command = Command {
            at: view.state.time,
            body: CommandBody::FoundCluster {
                disks: self.core.roll.founders(),
            },
        };
        let raft = raft.clone();
        tokio::spawn(async move {
            if let Err(error) = raft.client_write(command).await {
                tracing::warn!(%error, "the members' disks were not recorded; the next leader will");
            }
        });
    }

    /// Stands for election if it is due.
    fn elect(&mut self, raft: &Raft<TypeConfig>, metrics: &Metrics, now: Duration) {
        let core = &self.core;
        let election = &mut self.election;
        let membership = metrics.membership_config.membership();
        let voter = membership.voter_ids().any(|node| node == core.node);
        if !voter || metrics.state == ServerState::Leader || election.canvass.is_some() {
            return;
        }
        // It has forgotten whom it promised its vote.
        if core.roll.put_back().is_some() {
            return;
        }
        // Who does not know by which data folders the others go could not put them on record, and
        // nobody would ever be asked for a vote again.
        if !is_sole_voter(metrics) && !core.roll.knows_disks_of(&voters(metrics)) {
            return;
        }
        let heard = core.roll.leader_heard();
        if heard > election.heard {
            election.heard = heard;
            election.at = heard.unwrap_or(now) + core.timing.election_max + jitter(core);
        }
        if heard > election.stood_down_at {
            election.quiet_until = Duration::ZERO;
        }
        if now < election.quiet_until {
            return;
        }
        let sole = is_sole_voter(metrics);
        if !sole && now < election.at {
            return;
        }
        if sole && metrics.state == ServerState::Candidate {
            return;
        }
        election.at = now + core.timing.election_min / 2 + jitter(core);
        let (done, canvass) = oneshot::channel();
        election.canvass = Some(canvass);
        let (core, raft, metrics) = (Arc::clone(core), raft.clone(), metrics.clone());
        tokio::spawn(async move {
            if would_win(&core, &metrics).await {
                stand(&core, &raft).await;
            }
            drop(done);
        });
    }

    /// How long nothing is due.
    fn next_wake(&self, now: Duration) -> Duration {
        let election = self.election.at.max(self.election.quiet_until);
        let lease = self.core.view.borrow().leads_until;
        [Some(election), lease]
            .into_iter()
            .flatten()
            .filter(|at| *at >= now)
            .map(|at| at.saturating_sub(now) + Duration::from_millis(1))
            .min()
            .unwrap_or(GLANCE)
            .min(self.core.timing.heartbeat)
            .min(GLANCE)
    }

    async fn stand_down(&mut self, reason: &str, quiet: Duration) -> Result<(), StopReason> {
        tracing::warn!(member = %self.core.member, reason, "standing down");
        self.core.view.send_modify(|view| {
            view.leads_until = None;
            view.leader = None;
        });
        self.core.begin_again().await?;
        let now = since_boot();
        self.leader_since = None;
        self.inherited = None;
        self.election = Election {
            at: now + self.core.timing.election_min + jitter(&self.core),
            heard: self.core.roll.leader_heard(),
            quiet_until: now + quiet,
            stood_down_at: Some(now),
            canvass: None,
        };
        Ok(())
    }

    async fn end_core(&self) {
        if let Err(error) = self.core.raft().shutdown().await {
            tracing::warn!(%error, "the log core ended badly");
        }
    }

    async fn shut_down(&self) {
        self.core.close();
        self.end_core().await;
        self.core.disk.close().await;
    }

    fn stopped(&self, reason: StopReason) {
        match &reason {
            StopReason::ShutDown => tracing::info!("the ledger was shut down"),
            StopReason::Disk(_) | StopReason::NewerSchema { .. } | StopReason::Died { .. } => {
                tracing::error!(reason = chain(&reason), "the ledger has stopped");
            }
        }
        self.core.view.send_modify(|view| {
            view.leads_until = None;
            view.leader = None;
            view.stopped.get_or_insert(reason);
        });
    }

    /// Waits until somebody wants the folder free.
    async fn bury(mut self) {
        loop {
            match self.orders.recv().await {
                None => break,
                Some(Order::ShutDown { done }) => {
                    self.shut_down().await;
                    let _ = done.send(());
                    return;
                }
                // There is nothing to stand down or to halt.
                Some(Order::StandDown { .. } | Order::Halt { .. }) => {}
            }
        }
        self.shut_down().await;
    }
}

/// Resolves when the canvass under way is over; never if there is none.
async fn canvassed(canvass: &mut Option<oneshot::Receiver<()>>) {
    match canvass {
        // Its end is the dropping of the sender.
        Some(over) => {
            let _ = over.await;
        }
        None => std::future::pending().await,
    }
}

/// When the newest message that a quorum has answered was sent. openraft tells the same as an age,
/// but not as of when: read after the process was stopped for an hour, it would be an hour too young.
fn acknowledged_at(core: &Core, metrics: &Metrics, now: Duration) -> Option<Duration> {
    let membership = metrics.membership_config.membership();
    let answered = |node: &NodeId| -> Option<Duration> {
        if *node == core.node {
            return Some(now);
        }
        core.roll
            .acknowledged(&member_of(membership, *node)?, &metrics.vote)
    };
    let of_config = |voters: &BTreeSet<NodeId>| -> Option<Duration> {
        let mut times: Vec<Option<Duration>> = voters.iter().map(answered).collect();
        times.sort_unstable();
        // More than half have answered one at least as new.
        times.get(voters.len().checked_sub(1)? / 2).copied()?
    };
    let configs = membership.get_joint_config();
    let each: Option<Vec<Duration>> = configs.iter().map(of_config).collect();
    each?.into_iter().min()
}

fn voters(metrics: &Metrics) -> BTreeSet<MemberId> {
    let membership = metrics.membership_config.membership();
    membership
        .voter_ids()
        .filter_map(|node| member_of(membership, node))
        .collect()
}

fn is_sole_voter(metrics: &Metrics) -> bool {
    let mut voters = metrics.membership_config.membership().voter_ids();
    voters.next() == Some(metrics.id) && voters.next().is_none()
}

/// No log and no vote: not of any cluster.
pub(super) fn is_pristine(metrics: &Metrics) -> bool {
    metrics.last_log_index.is_none() && metrics.vote == openraft::Vote::default()
}

/// Resolves with the first view that satisfies the condition.
pub(super) async fn stopped(mut view: watch::Receiver<super::view::View>) -> StopReason {
    let seen = view.wait_for(|view| view.stopped.is_some()).await;
    seen.ok()
        .and_then(|view| view.stopped.clone())
        .unwrap_or(StopReason::ShutDown)
}
