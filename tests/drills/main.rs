//! Every shipped scenario, played whole: the emulated AWS, real sockets, the real daemon.

use failoverd::drill::{self, DrillOptions, Progress, Scenario};

fn play(name: &str) {
    let scenario = Scenario::find(name).unwrap();
    let options = DrillOptions::default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let progress = Progress::lines(std::io::stderr());
    let report = runtime
        .block_on(drill::run(&scenario, &options, &progress))
        .unwrap();
    let broken: Vec<_> = report
        .invariants
        .iter()
        .filter(|invariant| !invariant.held)
        .collect();
    let failed: Vec<_> = report.checks.iter().filter(|check| !check.held).collect();
    assert!(report.passed, "{name}: {failed:#?} {broken:#?} {:#?}", report.run);
}

#[test]
fn region_outage() {
    play("region-outage");
}
