//! A runbook of 200 steps: read, and made a plan of.

use std::fmt::Write;

use divan::Bencher;
use divan::counter::ItemsCount;
use failoverd::model::{
    EndpointGroup, Epoch, Plan, RegionId, RunKind, Runbook, State, Traffic, Wall,
};
use failoverd::runbook::{PlanRequest, parse_runbook, plan};

use super::world::{FROM, TO, application};

/// The walking runbook, and one twenty times as long as any that ships.
pub const LENGTHS: [usize; 2] = [10, 200];

/// `steps` steps in rows of ten; each needs two of the row above.
pub fn text(steps: usize) -> String {
    let mut text = String::from(
        "schema = 1\nname = \"many\"\ndescription = \"Many steps.\"\n\
         for = [\"failover\"]\nobjective = { rto = \"5m\", rpo = \"10s\" }\n",
    );
    for step in 0..steps {
        let action = match step % 3 {
            0 => {
                "uses = \"http.check\"\nwith = { url = \"${application.check_url}\", expect_status = 200 }"
            }
            1 => "uses = \"wait\"\nwith = { duration = \"10s\" }",
            _ => {
                "uses = \"http.request\"\nwith = { url = \"${application.check_url}\", method = \"POST\" }"
            }
        };
        let needs = match step.checked_sub(10) {
            Some(above) => format!(
                "needs = [\"step-{above:03}\", \"step-{:03}\"]\n",
                above / 10 * 10 + (above + 1) % 10
            ),
            None => String::new(),
        };
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "\n[[step]]\nid = \"step-{step:03}\"\n{action}\n{needs}timeout = \"1m\"\n"
        );
    }
    text
}

pub fn runbook(steps: usize) -> Runbook {
    parse_runbook("many.toml", &text(steps)).unwrap_or_else(|errors| panic!("{errors}"))
}

pub fn planned(runbook: &Runbook, number: usize) -> Plan {
    let app = application(number);
    let traffic = Traffic {
        routing: Vec::new(),
        records: Vec::new(),
        groups: vec![(
            FROM.into(),
            EndpointGroup {
                dial_percent: 100,
                endpoints: Vec::new(),
            },
        )],
    };
    plan(&PlanRequest {
        carriers: &[],
        app: &app,
        runbook,
        kind: RunKind::Failover,
        from: &RegionId::from(FROM),
        to: &RegionId::from(TO),
        state: &State::default(),
        fresh: Some((&traffic, Wall(1_000))),
        epoch: Epoch(1),
        data_loss: None,
        now: Wall(2_000),
    })
    .unwrap_or_else(|reason| panic!("{reason}"))
}

/// `parse_runbook`: from text to a checked graph. Items are steps.
#[divan::bench(args = LENGTHS)]
fn parse(bencher: Bencher<'_, '_>, steps: usize) {
    let text = text(steps);
    bencher
        .counter(ItemsCount::new(steps))
        .bench(|| parse_runbook("many.toml", &text));
}

/// `plan`: from the graph to resolved intents and their hash. Items are steps.
#[divan::bench(args = LENGTHS)]
fn make(bencher: Bencher<'_, '_>, steps: usize) {
    let runbook = runbook(steps);
    bencher
        .counter(ItemsCount::new(steps))
        .bench(|| planned(&runbook, 0));
}
