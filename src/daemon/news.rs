//! What is worth telling people, made of two snapshots in a row.
//!
//! ```text
//!  snapshot ─▶ conditions ─┬─ new ──▶ begun ─┐
//!                          └─ gone ─▶ over ──┴─▶ the leader sends; a follower keeps it for a while
//! ```
//!
//! Every member makes the same news of an application, and the leader alone sends it. Who takes over
//! sends what was news in the last two minutes once more: the leader before may have died with it. A
//! receiver knows a repetition by its key.
//!
//! Invariant: what concerns this member itself, above all that it sees no quorum, it sends itself.

use std::collections::{BTreeMap, VecDeque};

use crate::config::Urgency;
use crate::model::{
    AppId, AppView, AutomationPause, Drill, DrillMode, HoldReason, Member, Millis, Mono, Now,
    Origin, Phase, Run, RunId, RunStatus, VerdictState,
};
use crate::notify::{Message, Standing};

use super::snapshot::Snapshot;

/// How long a follower keeps what it does not send: longer than the worst election and the first
/// attempts of the leader before.
const KEPT_FOR: Millis = Millis::from_mins(2);

/// What a follower keeps at the most: three pieces of news of a hundred applications.
const KEPT: usize = 300;

/// A guard that says no for a moment, while votes trickle in, is no news.
const HELD_FOR: Millis = Millis::from_secs(10);

/// Before a certificate ends: time to act in working hours, and time to act at night.
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
const CERTIFICATE_SOON: i64 = 30 * DAY_MS;
const CERTIFICATE_NOW: i64 = 3 * DAY_MS;

/// What was last told.
#[derive(Debug)]
pub(super) struct News {
    me: Member,
    open: BTreeMap<String, Told>,
    /// Since when a condition that needs patience has held.
    ripening: BTreeMap<String, Mono>,
    kept: VecDeque<(Mono, Message)>,
}

/// A condition that holds.
#[derive(Debug)]
struct Condition {
    message: Message,
    /// Told again when it changes: the message's own text may count seconds.
    essence: String,
    patience: Millis,
    own: bool,
}

#[derive(Debug)]
struct Told {
    message: Message,
    essence: String,
    own: bool,
}

impl News {
    pub(super) fn new(me: Member) -> Self {
        Self {
            me,
            open: BTreeMap::new(),
            ripening: BTreeMap::new(),
            kept: VecDeque::new(),
        }
    }

    /// What this member has to send now.
    pub(super) fn look(&mut self, snapshot: &Snapshot) -> Vec<Message> {
        let now = snapshot.at;
        let mut own = Vec::new();
        for (message, is_own) in self.changes(now, snapshot) {
            if is_own {
                own.push(message);
            } else {
                self.kept.push_back((now.mono, message));
            }
        }
        while self.kept.len() > KEPT
            || self
                .kept
                .front()
                .is_some_and(|(at, _)| now.mono.since(*at) > KEPT_FOR)
        {
            self.kept.pop_front();
        }
        if snapshot.leads {
            own.extend(self.kept.drain(..).map(|(_, message)| message));
        }
        own
    }

    fn changes(&mut self, now: Now, snapshot: &Snapshot) -> Vec<(Message, bool)> {
        let mut standing: BTreeMap<String, Condition> = BTreeMap::new();
        for condition in conditions(&self.me, snapshot) {
            standing.insert(condition.message.key.clone(), condition);
        }
        self.ripening.retain(|key, _| standing.contains_key(key));
        let mut changes = Vec::new();
        let gone: Vec<String> = self
            .open
            .keys()
            .filter(|key| !standing.contains_key(*key))
            .cloned()
            .collect();
        for key in gone {
            if let Some(told) = self.open.remove(&key) {
                changes.push((over(told.message, now, snapshot), told.own));
            }
        }
        for (key, condition) in standing {
            let since = *self.ripening.entry(key.clone()).or_insert(now.mono);
            let known = self.open.get(&key);
            let same = known.is_some_and(|told| told.essence == condition.essence);
            if same || (known.is_none() && now.mono.since(since) < condition.patience) {
                continue;
            }
            changes.push((condition.message.clone(), condition.own));
            self.open.insert(
                key,
                Told {
                    message: condition.message,
                    essence: condition.essence,
                    own: condition.own,
                },
            );
        }
        changes
    }
}

/// The end of a live drill, with what it came to.
fn drill_over(begun: Message, now: Now, snapshot: &Snapshot) -> Message {
    let app = begun.application.as_ref();
    let drills = app.and_then(|app| snapshot.state.drills.get(app));
    let last = drills.and_then(|drills| {
        let mut live = drills.closed.iter().rev();
        live.find(|drill| drill.mode == DrillMode::Live)
    });
    let ended = last.and_then(|drill| Some((drill, drill.end.as_ref()?)));
    let (title, text) = match ended {
        Some((drill, end)) => (
            format!(
                "{}: live drill {} {}",
                drill.application,
                drill.id,
                end.outcome.as_str()
            ),
            format!("{}.", end.report.summary),
        ),
        None => (begun.title, "This is over.".to_owned()),
    };
    Message {
        standing: Standing::Over,
        at: now.wall,
        title,
        text,
        remedy: None,
        ..begun
    }
}

/// The end of what had begun. Of a run it says how.
fn over(begun: Message, now: Now, snapshot: &Snapshot) -> Message {
    if begun.kind == "drill" {
        return drill_over(begun, now, snapshot);
    }
    let ended = begun
        .run
        .as_ref()
        .filter(|_| begun.kind == "run")
        .and_then(|id| snapshot.state.runs.get(id));
    let (title, text) = match ended.map(|run| (run, &run.status)) {
        Some((run, RunStatus::Aborted { reason })) => (
            format!("{}: run {} is aborted", run.application, run.id),
            reason.to_string(),
        ),
        Some((run, RunStatus::Completed)) => (
            format!("{}: run {} is completed", run.application, run.id),
            format!("{} serves.", run.plan.to),
        ),
        Some((
            _,
            RunStatus::Executing
            | RunStatus::NeedsOperator { .. }
            | RunStatus::Aborting { .. }
            | RunStatus::Soaking { .. },
        ))
        | None => (begun.title, "This is over.".to_owned()),
    };
    Message {
        standing: Standing::Over,
        at: now.wall,
        title,
        text,
        remedy: None,
        ..begun
    }
}

fn conditions(me: &Member, snapshot: &Snapshot) -> Vec<Condition> {
    let mut list = own_conditions(me, snapshot);
    let state = &snapshot.state;
    for view in snapshot.views.values() {
        list.extend(lost_regions(snapshot, view));
        list.extend(phase(snapshot, view));
        let app = state.apps.get(&view.application);
        if let Some(pause) = app.and_then(|app| app.automation_paused.as_ref()) {
            let mut told = paused(snapshot, pause, &format!("{}/automation", view.application));
            told.message.title = format!("{}: automation is paused", view.application);
            told.message.application = Some(view.application.clone());
            list.push(told);
        }
    }
    if let Some(pause) = &state.automation_paused {
        list.push(paused(snapshot, pause, "automation"));
    }
    let open = state.runs.values().filter(|run| run.is_open());
    list.extend(open.map(|run| opened(snapshot, run)));
    let drills = state.drills.iter();
    list.extend(drills.filter_map(|(app, drills)| drilled(snapshot, app, drills.open.as_ref()?)));
    list
}

/// One with nothing but what every one has.
fn condition(
    snapshot: &Snapshot,
    kind: &'static str,
    key: String,
    urgency: Urgency,
    title: String,
    text: String,
) -> Condition {
    Condition {
        message: Message {
            kind,
            key,
            standing: Standing::Begun,
            urgency,
            at: snapshot.at.wall,
            application: None,
            region: None,
            run: None,
            title,
            text,
            remedy: None,
            drill: false,
        },
        essence: String::new(),
        patience: Millis::ZERO,
        own: false,
    }
}

fn own_conditions(me: &Member, snapshot: &Snapshot) -> Vec<Condition> {
    let mut list = Vec::new();
    let mut own = |kind, urgency, essence: &str, title: String, text: String, remedy: String| {
        let key = format!("member/{}/{kind}", me.id);
        let mut told = condition(snapshot, kind, key, urgency, title, text);
        told.message.remedy = Some(remedy);
        told.essence = essence.to_owned();
        told.own = true;
        list.push(told);
    };
    let cluster = &snapshot.cluster;
    if cluster.quorum_lost {
        own(
            "quorum_lost",
            Urgency::Critical,
            "",
            format!("{} has lost the quorum", me.id),
            format!(
                "The failoverd member {} in {} does not reach more than half of the members: nothing \
                 is decided and nothing is written from here.",
                me.id, me.region
            ),
            "Look at the members' hosts and the network between them (failoverctl member list). If \
             the quorum is gone for good: failoverctl break-glass."
                .to_owned(),
        );
    }
    if let Some(why) = cluster.takes_no_part() {
        own(
            "takes_no_part",
            Urgency::Warning,
            "",
            format!("{} takes no part", me.id),
            why,
            "See failoverctl member list.".to_owned(),
        );
    }
    if let Some(certificate) = &cluster.certificate {
        let now = i64::try_from(snapshot.at.wall.0).unwrap_or(i64::MAX);
        let left = certificate.not_after_ms.saturating_sub(now);
        let urgency = match left {
            left if left < CERTIFICATE_NOW => Some(Urgency::Critical),
            left if left < CERTIFICATE_SOON => Some(Urgency::Warning),
            _ => None,
        };
        if let Some(urgency) = urgency {
            own(
                "certificate_expiry",
                urgency,
                urgency.as_str(),
                format!("the certificate of {} ends soon", me.id),
                format!(
                    "It has {} left. A member without a valid certificate is shut out.",
                    Millis(u64::try_from(left).unwrap_or(0))
                ),
                "Put new files in its place: they are taken without a restart.".to_owned(),
            );
        }
        if let Some(error) = &certificate.reload_error {
            own(
                "certificate_reload",
                Urgency::Warning,
                "",
                format!("new certificate files of {} cannot be taken", me.id),
                error.clone(),
                "Mend the files; the certificate before them is in use until then.".to_owned(),
            );
        }
    }
    list
}

fn lost_regions(snapshot: &Snapshot, view: &AppView) -> Vec<Condition> {
    let down = view
        .verdicts
        .iter()
        .filter(|verdict| verdict.state == VerdictState::Down);
    down.map(|verdict| {
        let serves = verdict.region == view.active;
        let who: Vec<&str> = verdict.tally.down.iter().map(|m| m.as_str()).collect();
        let mut told = condition(
            snapshot,
            "region_lost",
            format!("{}/region/{}", view.application, verdict.region),
            if serves {
                Urgency::Critical
            } else {
                Urgency::Warning
            },
            format!(
                "{}: {} is agreed to be lost",
                view.application, verdict.region
            ),
            format!(
                "{} of {} members see it down: {}. {}",
                who.len(),
                verdict.tally.members,
                who.join(", "),
                if serves {
                    "The application serves from there."
                } else {
                    "The application serves from elsewhere; there is less left to fall back on."
                }
            ),
        );
        told.message.application = Some(view.application.clone());
        told.message.region = Some(verdict.region.clone());
        told.message.remedy = Some(format!("failoverctl why {}", view.application));
        told
    })
    .collect()
}

fn phase(snapshot: &Snapshot, view: &AppView) -> Option<Condition> {
    let app = &view.application;
    let (mut told, region, run) = match &view.phase {
        Phase::Blocked { region, reason } => (held(snapshot, view, reason), Some(region), None),
        Phase::NeedsOperator { run, reason } => {
            let mut told = condition(
                snapshot,
                "needs_operator",
                format!("{app}/needs-operator"),
                Urgency::Critical,
                format!("{app}: a person is needed"),
                reason.clone(),
            );
            told.essence = run.as_ref().map(ToString::to_string).unwrap_or_default();
            told.message.remedy = Some(match run {
                Some(run) => format!("failoverctl show {run} says what may be done"),
                None => format!("failoverctl why {app}"),
            });
            (told, None, run.as_ref())
        }
        Phase::Steady
        | Phase::Suspect { .. }
        | Phase::Confirmed { .. }
        | Phase::Planned { .. }
        | Phase::Executing { .. }
        | Phase::Soaking { .. }
        | Phase::CoolDown { .. } => return None,
    };
    told.message.application = Some(app.clone());
    told.message.region = region.cloned();
    told.message.run = run.cloned();
    let known = run.and_then(|run| snapshot.state.runs.get(run));
    told.message.drill = known.is_some_and(|run| drills_now(snapshot, run));
    if told.message.drill {
        told.essence += " drill";
    }
    Some(told)
}

fn held(snapshot: &Snapshot, view: &AppView, reason: &HoldReason) -> Condition {
    let app = &view.application;
    let mut told = condition(
        snapshot,
        "held",
        format!("{app}/held"),
        Urgency::Critical,
        format!("{app}: {} is lost and nothing is done", view.active),
        format!("{reason}."),
    );
    told.message.remedy = Some(reason.remedy().to_owned());
    told.essence = reason.code().to_owned();
    told.patience = HELD_FOR;
    told
}

/// Whether the run is a part of a live drill that is still under way. Once that is over, by an outage
/// above all, what is left of its run is in earnest.
fn drills_now(snapshot: &Snapshot, run: &Run) -> bool {
    let open = snapshot.state.open_drill(&run.application);
    run.drill.is_some() && open.map(|drill| &drill.id) == run.drill.as_ref()
}

/// A live drill moves the application: people should know, and nobody should wake.
fn drilled(snapshot: &Snapshot, app: &AppId, drill: &Drill) -> Option<Condition> {
    let to = drill.to.as_ref().filter(|_| drill.live.is_some())?;
    let mut told = condition(
        snapshot,
        "drill",
        format!("{app}/drill"),
        Urgency::Info,
        format!(
            "{app}: live drill {} from {} to {to} and back",
            drill.id, drill.from
        ),
        format!("{} asked for it: {}", drill.by, drill.reason),
    );
    told.message.application = Some(app.clone());
    told.message.region = Some(drill.from.clone());
    told.message.remedy = Some(format!("failoverctl drill {app} --stop turns it home"));
    told.message.drill = true;
    Some(told)
}

fn opened(snapshot: &Snapshot, run: &Run) -> Condition {
    let of_drill = drills_now(snapshot, run);
    let (who, urgency) = match &run.origin {
        Origin::Quorum { .. } => ("The quorum decided it.".to_owned(), Urgency::Critical),
        Origin::Operator { name, reason } if of_drill => {
            (format!("{name} asked for it: {reason}"), Urgency::Info)
        }
        Origin::Operator { name, reason } => {
            (format!("{name} asked for it: {reason}"), Urgency::Warning)
        }
    };
    let RunId(id) = &run.id;
    let mut told = condition(
        snapshot,
        "run",
        format!("run/{id}"),
        urgency,
        format!(
            "{}: {} from {} to {} is under way",
            run.application, run.plan.kind, run.plan.from, run.plan.to
        ),
        who,
    );
    told.message.application = Some(run.application.clone());
    told.message.region = Some(run.plan.from.clone());
    told.message.drill = of_drill;
    told.essence = if of_drill { "drill" } else { "" }.to_owned();
    told.message.run = Some(run.id.clone());
    told.message.remedy = Some(format!("failoverctl follow {id}"));
    told
}

fn paused(snapshot: &Snapshot, pause: &AutomationPause, key: &str) -> Condition {
    let until = match pause.until {
        Some(until) => format!("for {} more", until.since(snapshot.at.wall)),
        None => "until somebody resumes it".to_owned(),
    };
    let mut told = condition(
        snapshot,
        "automation_paused",
        key.to_owned(),
        Urgency::Info,
        "automation is paused for every application".to_owned(),
        format!("By {}: {}. {until}.", pause.by, pause.reason),
    );
    told.essence = format!("{} {} {:?}", pause.by, pause.reason, pause.until);
    told.message.remedy = Some("failoverctl resume-automation".to_owned());
    told
}

#[cfg(test)]
mod tests;
