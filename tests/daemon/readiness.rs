//! A standby that is not ready: nobody moves there until it is.

use failoverd::model::RegionId;
use failoverd::sandbox::Fault;

use super::stage::{STANDBY, Stage};

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_without_instances_is_not_moved_to_until_it_has_one() {
    let stage = Stage::new().await;
    let often = "[readiness]\ninterval = \"10s\"\n\n[detection]";
    stage.edit("[detection]", often);
    let headless = Fault::NoInstances {
        region: RegionId::from(STANDBY),
    };
    stage.inject(headless.clone());
    let mut daemon = stage.steady().await;
    daemon
        .until("it was looked at", async |daemon| {
            let words = ["the cluster has no instance", "add an instance to it"];
            daemon.log().says(&words).then_some(())
        })
        .await;

    stage.lose_home();
    daemon
        .shows("the finding holds", |metrics| {
            let reason = ("reason", "target_finding");
            metrics.phase("blocked")
                && metrics.is("application_held", &[reason])
                && metrics.is("guard_ruling", &[("guard", "target_ready"), reason])
        })
        .await;
    stage.untouched();

    // Somebody adds one: it is looked at again, and the application moves by itself.
    stage.clear(&headless);
    daemon
        .shows("the run completes", |metrics| metrics.closed("completed"))
        .await;
    stage.moved_once();
    drop(daemon);
    stage.strike().await;
}
