//! The thirteen guards of DESIGN section 5, one small function each.
//!
//! Each answers `Pass`, `Warn`, `Hold` or `Ask`. What an operator's word overrides is in the column
//! "binds an operator?": *no* and *warns* become `Warn`, *yes* stays.
//!
//! | guard | automatic | operator |
//! | --- | --- | --- |
//! | quorum, agreement, freshness, hold-down, startup grace | hold | warn; silent if graceful |
//! | quorum, where a graceful run would leave a Region that is agreed to be lost | – | hold |
//! | not everything, cool-down, brake, quarantine | hold | warn |
//! | automation | hold, ask | warn |
//! | target ready, one at a time | hold | hold |
//! | of target ready: can the others carry it | hold | warn; hold if none of them can |
//! | quarantine of the Region that a return gives back to | – | hold |
//! | data guard | ask | ask; warn with `--allow-data-loss` |

use crate::model::{
    Agreement, AppRegion, AppState, Application, Automation, AutomationWindow, Guard, GuardVerdict,
    HeldReadiness, HoldReason, Member, Millis, Mono, Now, RegionId, Role, Ruling, RunKind,
    SingleVantage, State, Touches, Unusable, Verdict, VerdictState, Wall,
};

use super::data::lag_within_rpo;
use super::judge::majority;
use super::matrix::Matrix;
use super::target::{candidates, is_meant_to_serve, is_quarantined, looks_down, readiness};
use super::window::open_window;

/// What "a day" is to the brake.
pub const BRAKE_WINDOW: Millis = Millis::from_mins(24 * 60);

/// Who wants to act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GuardOrigin {
    /// Nobody asked for it: the quorum's verdict alone.
    Automatic,
    Operator {
        name: String,
        /// `--allow-data-loss` was given.
        allow_data_loss: bool,
    },
}

/// Everything the guards look at. They look at nothing else.
#[derive(Clone, Debug)]
pub struct GuardContext<'a> {
    pub now: Now,
    /// When this member started.
    pub started_at: Mono,
    pub app: &'a Application,
    /// The configured members.
    pub members: &'a [Member],
    pub matrix: &'a Matrix,
    /// On every Region of the application.
    pub verdicts: &'a [Verdict],
    /// As last read.
    pub state: &'a State,
    /// Why the state cannot be relied upon to be the present one, if so.
    pub ledger_fault: Option<&'a str>,
    pub kind: RunKind,
    pub from: &'a RegionId,
    /// Planned, as configured.
    pub windows: &'a [AutomationWindow],
    /// Nobody, if there is no candidate.
    pub to: Option<&'a RegionId>,
    pub origin: GuardOrigin,
    /// What the runbook changes.
    pub touches: Touches,
    /// What the last look at what plans will touch found, if there was one.
    pub readiness: Option<&'a HeldReadiness>,
}

impl GuardContext<'_> {
    /// The verdict on the Region to be left.
    pub fn verdict_on_from(&self) -> Option<&Verdict> {
        self.verdicts.iter().find(|v| &v.region == self.from)
    }

    fn is_automatic(&self) -> bool {
        match self.origin {
            GuardOrigin::Automatic => true,
            GuardOrigin::Operator { .. } => false,
        }
    }

    fn app_state(&self) -> Option<&AppState> {
        self.state.apps.get(&self.app.name)
    }

    /// The ledger's time: a clock that was set back does not shorten what the state counts.
    fn date(&self) -> Wall {
        self.state.date(self.now.wall)
    }

    /// A reason that does not bind an operator.
    fn unless_operator(&self, reason: HoldReason) -> Ruling {
        if self.is_automatic() {
            Ruling::Hold(reason)
        } else {
            Ruling::Warn(reason)
        }
    }

    /// A reason about how sure the cluster is that `from` is lost. An operator who leaves a healthy
    /// Region gracefully does not claim that it is.
    fn unless_claimed(&self, reason: HoldReason) -> Ruling {
        if !self.is_automatic() && self.kind.is_graceful() {
            Ruling::Pass
        } else {
            self.unless_operator(reason)
        }
    }
}

/// What every guard says, in the order of [`Guard::ALL`].
pub fn evaluate(ctx: &GuardContext<'_>) -> Vec<GuardVerdict> {
    Guard::ALL
        .into_iter()
        .map(|guard| GuardVerdict {
            guard,
            ruling: rule(guard, ctx),
        })
        .collect()
}

fn rule(guard: Guard, ctx: &GuardContext<'_>) -> Ruling {
    match guard {
        Guard::Quorum => quorum(ctx),
        Guard::Agreement => agreement(ctx),
        Guard::Freshness => freshness(ctx),
        Guard::HoldDown => hold_down(ctx),
        Guard::StartupGrace => startup_grace(ctx),
        Guard::NotEverything => not_everything(ctx),
        Guard::TargetReady => target_ready(ctx),
        Guard::DataGuard => data_guard(ctx),
        Guard::Automation => automation(ctx),
        Guard::OneAtATime => one_at_a_time(ctx),
        Guard::CoolDown => cool_down(ctx),
        Guard::Brake => brake(ctx),
        Guard::Quarantine => quarantine(ctx),
    }
}

/// How many fresh outside `down` votes there are, and how many are needed.
fn count(ctx: &GuardContext<'_>) -> (u32, u32) {
    let members = u32::try_from(ctx.members.len()).unwrap_or(u32::MAX);
    let down = ctx.verdict_on_from().map_or(0, |v| v.tally.down.len());
    (u32::try_from(down).unwrap_or(u32::MAX), majority(members))
}

fn quorum(ctx: &GuardContext<'_>) -> Ruling {
    if let Some(lost) = source_lost(ctx) {
        return Ruling::Hold(lost);
    }
    let (down, needed) = count(ctx);
    let members = u32::try_from(ctx.members.len()).unwrap_or(u32::MAX);
    if down < needed {
        return ctx.unless_claimed(HoldReason::NoQuorum {
            down,
            needed,
            members,
        });
    }
    match ctx.app.guards.single_vantage {
        SingleVantage::Refuse if members <= 1 => ctx.unless_claimed(HoldReason::SingleVantage),
        SingleVantage::Refuse | SingleVantage::Allow => Ruling::Pass,
    }
}

/// A graceful run asks the Region that it leaves to hand over: one that is agreed to be lost cannot,
/// and the run would end half-way. Whoever wants to leave it all the same wants a failover.
fn source_lost(ctx: &GuardContext<'_>) -> Option<HoldReason> {
    let lost = ctx
        .verdict_on_from()
        .is_some_and(|verdict| verdict.state == VerdictState::Down);
    (ctx.kind.is_graceful() && lost).then(|| HoldReason::SourceLost {
        region: ctx.from.clone(),
        kind: ctx.kind,
    })
}

fn agreement(ctx: &GuardContext<'_>) -> Ruling {
    let dissent = ctx
        .verdict_on_from()
        .map_or(&[][..], |v| v.tally.dissent.as_slice());
    if dissent.is_empty() {
        return Ruling::Pass;
    }
    let reason = HoldReason::Disagreement {
        dissent: dissent.to_vec(),
    };
    let (down, needed) = count(ctx);
    match ctx.app.guards.agreement {
        Agreement::Majority if down >= needed => Ruling::Warn(reason),
        Agreement::Majority | Agreement::Unanimous => ctx.unless_claimed(reason),
    }
}

/// A stale vote is no vote, nor is one that was cast under another configuration. That matters only
/// where votes are missing; that configurations differ never passes by itself, so it is told first.
fn freshness(ctx: &GuardContext<'_>) -> Ruling {
    let (mut silent, mut differing) = (Vec::new(), Vec::new());
    let unusable = ctx.verdict_on_from().map_or(&[][..], |v| &v.tally.unusable);
    for (member, why) in unusable {
        match why {
            Unusable::NeverHeard | Unusable::Stale(_) => silent.push(member.clone()),
            Unusable::ConfigDiffers => differing.push(member.clone()),
            Unusable::SaysUnknown(_) => {}
        }
    }
    let reason = if !differing.is_empty() {
        HoldReason::ConfigDiffers { members: differing }
    } else if !silent.is_empty() {
        HoldReason::StaleVotes {
            members: silent,
            freshness: ctx.app.guards.freshness,
        }
    } else {
        return Ruling::Pass;
    };
    let (down, needed) = count(ctx);
    if down >= needed {
        Ruling::Warn(reason)
    } else {
        ctx.unless_claimed(reason)
    }
}

fn hold_down(ctx: &GuardContext<'_>) -> Ruling {
    let required = ctx.app.guards.hold_down;
    let confirmed = ctx
        .verdict_on_from()
        .filter(|verdict| verdict.state == VerdictState::Down)
        .map(|verdict| ctx.now.mono.since(verdict.since));
    match confirmed {
        Some(confirmed_for) if confirmed_for >= required => Ruling::Pass,
        // Also where `hold_down` is zero: what is not confirmed has not lasted at all.
        Some(_) | None => ctx.unless_claimed(HoldReason::HoldDown {
            confirmed_for: confirmed.unwrap_or_default(),
            required,
        }),
    }
}

fn startup_grace(ctx: &GuardContext<'_>) -> Ruling {
    let grace = ctx.app.guards.startup_grace;
    let up_for = ctx.now.mono.since(ctx.started_at);
    if up_for >= grace {
        return Ruling::Pass;
    }
    ctx.unless_claimed(HoldReason::StartupGrace {
        remaining: Millis(grace.0 - up_for.0),
    })
}

/// When everything looks lost at once, the common cause is probably our own sight.
fn not_everything(ctx: &GuardContext<'_>) -> Ruling {
    if !ctx.app.guards.not_everything {
        return Ruling::Pass;
    }
    let down = |region: &RegionId| looks_down(ctx.app, ctx.verdicts, region);
    // Whoever's share was taken away is meant neither to serve nor to take over.
    let is_meant_to = |name: &RegionId| is_meant_to_serve(ctx.app, ctx.state, name);
    let candidates: Vec<&RegionId> = ctx
        .app
        .regions
        .iter()
        .map(|region| &region.name)
        .filter(|name| *name != ctx.from && !is_quarantined(ctx.app, ctx.state, name))
        .filter(|name| is_meant_to(name))
        .collect();
    let serving: Vec<&RegionId> = ctx
        .app
        .regions
        .iter()
        .filter(|region| region.role == Role::Active)
        .map(|region| &region.name)
        .filter(|name| is_meant_to(name))
        .collect();
    let no_candidate_left =
        !candidates.is_empty() && candidates.iter().all(|candidate| down(candidate));
    // Where one Region serves, losing it is what failoverd is for; only of several can more than
    // half be suspiciously many.
    let lost = serving.iter().filter(|region| down(region)).count();
    let most_of_several = serving.len() > 1 && lost * 2 > serving.len();
    if !no_candidate_left && !most_of_several {
        return Ruling::Pass;
    }
    let regions = ctx.app.regions.iter().map(|region| &region.name);
    ctx.unless_operator(HoldReason::EverythingDown {
        down: regions.filter(|name| down(name)).cloned().collect(),
    })
}

fn target_ready(ctx: &GuardContext<'_>) -> Ruling {
    let Some(to) = ctx.to else {
        return Ruling::Hold(HoldReason::NoCandidate);
    };
    let ruling = ready_for(ctx, to);
    if ctx.kind != RunKind::Shift || !passes(&ruling) {
        return ruling;
    }
    // Each client goes to whoever is nearest: every one of them must be able to take it.
    let mut others = candidates(ctx.app, ctx.state, ctx.verdicts, ctx.from);
    let unready = others.find_map(|other| {
        let ruling = ready_for(ctx, other);
        (!passes(&ruling)).then_some(ruling)
    });
    unready.or_else(|| capacity(ctx)).unwrap_or(ruling)
}

fn passes(ruling: &Ruling) -> bool {
    match ruling {
        Ruling::Pass | Ruling::Warn(_) => true,
        Ruling::Hold(_) | Ruling::Ask(_) => false,
    }
}

fn ready_for(ctx: &GuardContext<'_>, to: &RegionId) -> Ruling {
    let ready = readiness(
        ctx.now.mono,
        ctx.matrix,
        ctx.members,
        ctx.app,
        ctx.verdicts,
        ctx.from,
        to,
    );
    match ready {
        Err(reason) => Ruling::Hold(reason),
        Ok(()) => looked_at(ctx, to),
    }
}

/// Whether those that go on serving can grow to what they would have to carry. A person may shift all
/// the same, as long as one of them can.
fn capacity(ctx: &GuardContext<'_>) -> Option<Ruling> {
    let carriers: Vec<&AppRegion> = candidates(ctx.app, ctx.state, ctx.verdicts, ctx.from)
        .filter_map(|name| ctx.app.region(name))
        .collect();
    let gone: Vec<&AppRegion> = ctx
        .app
        .sharing()
        .filter(|region| &region.name == ctx.from || ctx.state.is_away(&ctx.app.name, &region.name))
        .collect();
    let short = ctx.app.shortfalls(ctx.state, &gone, &carriers);
    if short.is_empty() {
        return None;
    }
    let anybody_can = carriers
        .iter()
        .any(|region| short.iter().all(|short| short.region != region.name));
    let reason = HoldReason::CannotCarry { short };
    Some(if anybody_can {
        ctx.unless_operator(reason)
    } else {
        Ruling::Hold(reason)
    })
}

/// Only what is about `to` counts, or about no Region, such as the global cluster; and of that only
/// what the runbook changes. What is about `from` stands in no way of leaving it.
fn looked_at(ctx: &GuardContext<'_>, to: &RegionId) -> Ruling {
    let stale = |age| {
        Ruling::Warn(HoldReason::ReadinessStale {
            region: to.clone(),
            age,
        })
    };
    let Some(held) = ctx.readiness else {
        return stale(None);
    };
    if held.is_stale(ctx.now.mono) {
        return stale(Some(ctx.now.mono.since(held.looked_at)));
    }
    match held.report.blocking(to, ctx.touches) {
        Some(finding) => Ruling::Hold(HoldReason::TargetFinding {
            region: to.clone(),
            finding: Box::new(finding.clone()),
        }),
        // While it served, nothing that was found of it stood in anybody's way.
        None if held.active == *to && !ctx.kind.moves_share() => {
            stale(Some(ctx.now.mono.since(held.looked_at)))
        }
        None => Ruling::Pass,
    }
}

/// A graceful run loses nothing, and a plan without a data step has nothing to lose.
fn data_guard(ctx: &GuardContext<'_>) -> Ruling {
    if !ctx.touches.database || ctx.kind.is_graceful() {
        return Ruling::Pass;
    }
    let Err(reason) = lag_within_rpo(ctx) else {
        return Ruling::Pass;
    };
    match ctx.origin {
        GuardOrigin::Operator {
            allow_data_loss: true,
            ..
        } => Ruling::Warn(reason),
        GuardOrigin::Operator { .. } | GuardOrigin::Automatic => Ruling::Ask(reason),
    }
}

fn automation(ctx: &GuardContext<'_>) -> Ruling {
    if let Some(why) = ctx.ledger_fault {
        return ctx.unless_operator(HoldReason::LedgerUnavailable {
            why: why.to_owned(),
        });
    }
    if let Some(pause) = ctx.state.automation_pause(&ctx.app.name, ctx.now.wall) {
        return ctx.unless_operator(HoldReason::AutomationPaused {
            reason: pause.reason.clone(),
            by: pause.by.clone(),
        });
    }
    if let Some(open) = open_window(ctx.windows, &ctx.app.name, ctx.now.wall) {
        return ctx.unless_operator(HoldReason::PlannedWindow {
            reason: open.window.reason.clone(),
            remaining: open.until.since(ctx.now.wall),
        });
    }
    match ctx.app.automation {
        Automation::Ask if ctx.is_automatic() => Ruling::Ask(HoldReason::AskConfigured),
        Automation::Ask | Automation::Automatic => Ruling::Pass,
    }
}

/// Of this application only: which resources a plan touches is not known before it is made, so
/// `apply` of `OpenRun` refuses one that another run holds.
fn one_at_a_time(ctx: &GuardContext<'_>) -> Ruling {
    let Some(id) = ctx.app_state().and_then(|app| app.open_run.clone()) else {
        return Ruling::Pass;
    };
    Ruling::Hold(match ctx.state.runs.get(&id) {
        Some(run) => HoldReason::run_open(run),
        None => HoldReason::RunOpen {
            run: id,
            by: String::new(),
            since: None,
        },
    })
}

fn cool_down(ctx: &GuardContext<'_>) -> Ruling {
    let Some(app) = ctx.app_state().filter(|app| !app.acknowledged) else {
        return Ruling::Pass;
    };
    let Some(closed_at) = app.last_closed_at else {
        return Ruling::Pass;
    };
    let elapsed = ctx.date().since(closed_at);
    if elapsed >= ctx.app.guards.cool_down {
        return Ruling::Pass;
    }
    ctx.unless_operator(HoldReason::CoolDown {
        remaining: Millis(ctx.app.guards.cool_down.0 - elapsed.0),
    })
}

fn brake(ctx: &GuardContext<'_>) -> Ruling {
    let Some(app) = ctx.app_state() else {
        return Ruling::Pass;
    };
    let limit = ctx.app.guards.brake;
    let today = |opened: &&Wall| ctx.date().since(**opened) < BRAKE_WINDOW;
    let runs = app.automatic_runs.iter().filter(today).count();
    let runs = u32::try_from(runs).unwrap_or(u32::MAX);
    if !app.brake_latched && runs < limit {
        return Ruling::Pass;
    }
    ctx.unless_operator(HoldReason::BrakeLatched { runs, limit })
}

fn quarantine(ctx: &GuardContext<'_>) -> Ruling {
    match ctx.to {
        // Nobody is given back to a Region of which no person has said that it is well again.
        Some(to) if ctx.kind == RunKind::Return && is_quarantined(ctx.app, ctx.state, to) => {
            Ruling::Hold(HoldReason::Quarantined { region: to.clone() })
        }
        Some(to) if is_quarantined(ctx.app, ctx.state, to) => {
            ctx.unless_operator(HoldReason::Quarantined { region: to.clone() })
        }
        Some(to) => match ctx.state.evacuation_of(to) {
            Some(evacuation) => ctx.unless_operator(HoldReason::BeingEvacuated {
                region: to.clone(),
                evacuation: evacuation.id.clone(),
            }),
            None => Ruling::Pass,
        },
        None => Ruling::Pass,
    }
}
