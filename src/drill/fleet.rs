//! The rest of a fleet: beside the one whole product that the users use, many small applications of
//! the same account. Each has a failover name in the zone, a few have nodes to grow; none has a database,
//! a dial or users of its own, for the emulated world has one of each.
//!
//! What they share is what a real fleet shares: one hosted zone whose batches are serialised, and one
//! leader that carries all of their runs.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::model::{
    AppId, Evacuation, EvacuationStatus, Evacuee, EvacueeStatus, RegionId, Run, State, Wall,
};
use crate::run::is_out;
use crate::sandbox::SandboxSetup;

use super::furnish::Furniture;

/// The runbook that moves one that has nodes.
const RUNBOOK: &str = "drill-fleet";

/// The one for the others.
const NAME_RUNBOOK: &str = "drill-fleet-name";

/// Every runbook of theirs.
pub(super) const RUNBOOKS: [&str; 2] = [RUNBOOK, NAME_RUNBOOK];

/// Each of these is asked for its health by every member; a real fleet is probed as often as the
/// product, but not on one host that plays all of it.
const INTERVAL_S: u64 = 60;

/// Each of so many has a node group of its own.
const WITH_NODES: usize = 10;

/// Its name.
fn name(number: usize) -> String {
    format!("app-{number:02}")
}

/// Puts the resources of `count` small applications into the world.
pub(super) fn add(mut setup: SandboxSetup, count: usize) -> SandboxSetup {
    let zone = setup.dns.zone_name.clone();
    let first = setup.dns.records.clone();
    for number in 1..=count {
        for record in &first {
            if record.failover.is_some() {
                let mut own = record.clone();
                own.name = format!("{}.{zone}", name(number));
                setup.dns.records.push(own);
            }
        }
        if !number.is_multiple_of(WITH_NODES) {
            continue;
        }
        for (place, region) in setup.regions.iter_mut().enumerate() {
            let Some(mut group) = region.nodegroups.first().cloned() else {
                continue;
            };
            group.name = name(number);
            group.desired = if place == 0 { 2 } else { 1 };
            group.min = 1;
            region.nodegroups.push(group);
        }
    }
    setup
}

/// Their part of the configuration: every third is urgent, and what every fourth depends on is the
/// one before it.
pub(super) fn write(out: &mut String, furniture: &Furniture<'_>, count: usize) -> std::fmt::Result {
    for number in 1..=count {
        let own = name(number);
        let priority = if number % 3 == 0 { 50 } else { 100 };
        writeln!(
            out,
            "[[application]]\nname = \"{own}\"\nautomation = \"automatic\"\npriority = {priority}"
        )?;
        if number % 4 == 0 {
            writeln!(out, "depends_on = [\"{}\"]", name(number - 1))?;
        }
        let has_nodes = number.is_multiple_of(WITH_NODES);
        let runbook = if has_nodes { RUNBOOK } else { NAME_RUNBOOK };
        let dns = &furniture.setup.dns;
        writeln!(
            out,
            "\n[application.dns]\nhosted_zone_id = \"{}\"\nrecords = [{{ name = \"{own}.{}\", type = \"{}\" }}]\n",
            dns.hosted_zone_id,
            dns.zone_name.trim_end_matches('.'),
            dns.record_type
        )?;
        writeln!(
            out,
            "[application.runbooks]\nfailover = \"{runbook}\"\nswitchover = \"{runbook}\"\n\
             failback = \"{runbook}\"\n"
        )?;
        writeln!(
            out,
            "[application.detection]\ninterval = \"{INTERVAL_S}s\"\n\n\
             [application.guards]\nsoak = \"1s\"\nfreshness = \"{}s\"\n",
            3 * INTERVAL_S
        )?;
        for region in &furniture.setup.regions {
            write_region(
                out,
                furniture,
                &region.name,
                has_nodes.then_some(own.as_str()),
            )?;
        }
    }
    Ok(())
}

fn write_region(
    out: &mut String,
    furniture: &Furniture<'_>,
    name: &RegionId,
    nodegroup: Option<&str>,
) -> std::fmt::Result {
    let Some(region) = furniture.setup.region(name) else {
        return Ok(());
    };
    let role = if name == &furniture.places.home {
        "active"
    } else {
        "standby"
    };
    writeln!(
        out,
        "[[application.region]]\nname = \"{name}\"\nrole = \"{role}\"\n\
         record_set_identifier = \"{}\"\n",
        region.record_set_identifier
    )?;
    if let Some(nodegroup) = nodegroup {
        writeln!(
            out,
            "[[application.region.nodegroup]]\ncluster = \"{}\"\nname = \"{nodegroup}\"\n",
            region.eks_cluster
        )?;
    }
    let url = furniture.addresses.region_url(name, "/healthz");
    writeln!(
        out,
        "[[application.region.probe]]\nid = \"health\"\nkind = \"http\"\nurl = \"{}\"\n",
        url.unwrap_or_default()
    )
}

/// How many applications have left by an evacuation that is completed; `None` while none is.
pub(super) fn evacuated(state: &State) -> Option<usize> {
    let mut all = state.evacuations.values();
    let done = all.find(|e| matches!(e.status, EvacuationStatus::Completed { .. }))?;
    let out = done
        .applications
        .iter()
        .filter(|(app, evacuee)| is_out(state, done, app, evacuee));
    Some(out.count())
}

/// Who is held at this moment: a wave does not wait for those.
pub(super) fn held(state: &State) -> impl Iterator<Item = &AppId> {
    let all = state.evacuations.values().flat_map(|e| &e.applications);
    all.filter(|(_, evacuee)| matches!(evacuee.status, EvacueeStatus::Held { .. }))
        .map(|(app, _)| app)
}

/// How the last evacuation was not as it was asked for: more under way than allowed, before what is
/// depended on, or before the wave before it was through. `held`: who was ever held.
pub(super) fn disorder(state: &State, held: &BTreeSet<AppId>) -> Option<String> {
    let evacuation = state.evacuations.values().max_by_key(|e| e.begun_at)?;
    let moves = Moves::of(state, evacuation);
    let mut all = moves.0.iter();
    all.find_map(|(evacuee, run)| {
        let count = moves.under_way_at(run.opened_at);
        if count > evacuation.parallel as usize {
            return Some(format!("{count} were under way at once"));
        }
        let early = moves
            .not_executed_at(run.opened_at)
            .find(|(other, before)| {
                let app = &before.application;
                let earlier = other.wave < evacuee.wave && !held.contains(app);
                earlier || evacuee.depends_on.contains(app)
            })?;
        Some(format!(
            "{} went before {}",
            run.application, early.1.application
        ))
    })
}

/// Each application of an evacuation with the run that took it out.
struct Moves<'a>(Vec<(&'a Evacuee, &'a Run)>);

impl<'a> Moves<'a> {
    fn of(state: &'a State, evacuation: &'a Evacuation) -> Self {
        let run_of = |app: &AppId| {
            let runs = state.runs.values().filter(|run| &run.application == app);
            runs.filter(|run| run.opened_at >= evacuation.begun_at)
                .max_by_key(|run| run.epoch)
        };
        let apps = evacuation.applications.iter();
        Self(
            apps.filter_map(|(app, evacuee)| Some((evacuee, run_of(app)?)))
                .collect(),
        )
    }

    fn not_executed_at(&self, at: Wall) -> impl Iterator<Item = &(&'a Evacuee, &'a Run)> {
        let moves = self.0.iter();
        moves.filter(move |(_, run)| run.executed_at.is_none_or(|executed| at < executed))
    }

    fn under_way_at(&self, at: Wall) -> usize {
        self.not_executed_at(at)
            .filter(|(_, run)| run.opened_at <= at)
            .count()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::*;

    const REGION: &str = "eu-west-1";

    /// An application of two: in which wave, behind whom, and from when to when its run was under way.
    type Row<'a> = (&'a str, u32, &'a [&'a str], u64, Option<u64>);

    fn run(app: &str, opened: u64, executed: Option<u64>) -> Run {
        let plan = Plan {
            carriers: Vec::new(),
            application: app.into(),
            kind: RunKind::Switchover,
            from: REGION.into(),
            to: "eu-central-1".into(),
            runbook: RUNBOOK.to_owned(),
            objective: Objective::default(),
            config: ConfigHash::from("test"),
            epoch: Epoch(1),
            steps: Vec::new(),
            notes: Vec::new(),
            data_loss: None,
            made_at: Wall(opened),
            hash: PlanHash(String::new()),
        };
        Run {
            id: plan.run_id(),
            application: app.into(),
            epoch: plan.epoch,
            plan,
            origin: Origin::Operator {
                name: "ada".to_owned(),
                reason: "test".to_owned(),
            },
            opened_at: Wall(opened),
            closed_at: None,
            executed_at: executed.map(Wall),
            status: RunStatus::Executing,
            abort: None,
            soak: Millis::ZERO,
            data_loss_approval: DataLossApproval::Anyone,
            paused: None,
            steps: BTreeMap::new(),
            restoring: Vec::new(),
            findings: Vec::new(),
            drill: None,
        }
    }

    fn state(parallel: u32, rows: &[Row<'_>]) -> State {
        let evacuee = |wave: u32, depends_on: &[&str]| Evacuee {
            wave,
            priority: 100,
            depends_on: depends_on.iter().copied().map(AppId::from).collect(),
            home: REGION.into(),
            status: EvacueeStatus::Waiting,
        };
        let evacuation = Evacuation {
            id: EvacuationId("one".to_owned()),
            region: REGION.into(),
            by: "ada".to_owned(),
            reason: "test".to_owned(),
            parallel,
            allow_data_loss: false,
            begun_at: Wall(10),
            status: EvacuationStatus::Running,
            applications: rows
                .iter()
                .map(|(app, wave, needs, ..)| (AppId::from(*app), evacuee(*wave, needs)))
                .collect(),
        };
        let mut state = State::default();
        state.evacuations.insert(evacuation.id.clone(), evacuation);
        for (app, _, _, opened, executed) in rows {
            let run = run(app, *opened, *executed);
            state.runs.insert(run.id.clone(), run);
        }
        state
    }

    fn disorder_of(parallel: u32, rows: &[Row<'_>], held: &[&str]) -> Option<String> {
        let held = held.iter().copied().map(AppId::from).collect();
        disorder(&state(parallel, rows), &held)
    }

    #[test]
    fn what_is_in_order_is_not_complained_of() {
        let rows: [Row<'_>; 3] = [
            ("a", 1, &[], 10, Some(20)),
            ("b", 1, &["a"], 20, Some(30)),
            ("c", 2, &[], 30, None),
        ];
        assert_eq!(disorder_of(1, &rows, &[]), None);
        assert_eq!(disorder(&State::default(), &BTreeSet::new()), None);
        // A run of before is none of its business.
        let before: [Row<'_>; 2] = [("a", 1, &[], 5, None), ("b", 1, &["a"], 20, Some(30))];
        assert_eq!(disorder_of(1, &before, &[]), None);
    }

    #[test]
    fn too_many_at_once() {
        let rows: [Row<'_>; 3] = [
            ("a", 1, &[], 10, Some(20)),
            ("b", 1, &[], 11, Some(20)),
            ("c", 1, &[], 19, None),
        ];
        assert_eq!(disorder_of(3, &rows, &[]), None);
        let said = disorder_of(2, &rows, &[]).unwrap();
        assert_eq!(said, "3 were under way at once");
    }

    #[test]
    fn before_what_it_depends_on() {
        let rows: [Row<'_>; 2] = [("a", 1, &[], 10, Some(20)), ("b", 1, &["a"], 19, None)];
        let said = disorder_of(5, &rows, &["a"]).unwrap();
        assert_eq!(said, "b went before a");
    }

    #[test]
    fn before_an_earlier_wave_unless_that_was_held() {
        let rows: [Row<'_>; 2] = [("a", 1, &[], 10, Some(20)), ("b", 2, &[], 19, None)];
        assert_eq!(disorder_of(5, &rows, &[]).unwrap(), "b went before a");
        assert_eq!(disorder_of(5, &rows, &["a"]), None);
    }

    #[test]
    fn those_who_are_out_are_counted_once_it_is_completed() {
        let rows: [Row<'_>; 2] = [("a", 1, &[], 10, Some(20)), ("b", 1, &[], 10, Some(20))];
        let mut state = state(2, &rows);
        let active = |region: &str| AppState {
            active: Some(region.into()),
            ..AppState::default()
        };
        state.apps.insert("a".into(), active("eu-central-1"));
        state.apps.insert("b".into(), active(REGION));
        assert_eq!(evacuated(&state), None);
        for evacuation in state.evacuations.values_mut() {
            evacuation.status = EvacuationStatus::Completed { at: Wall(30) };
        }
        assert_eq!(evacuated(&state), Some(1));
    }
}
