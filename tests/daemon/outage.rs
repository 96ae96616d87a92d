//! The main job: a Region is lost, and the daemon moves the application by itself.

use super::stage::{STANDBY, Stage};

#[tokio::test(flavor = "multi_thread")]
async fn a_region_is_lost_and_the_application_moves_by_itself() {
    let stage = Stage::new().await;
    let mut daemon = stage.steady().await;
    assert_eq!(daemon.page("/readyz").await.unwrap().0, 200);
    assert_eq!(daemon.page("/livez").await.unwrap().0, 200);
    stage.untouched();
    stage.lose_home();
    let metrics = daemon
        .shows("the run completes", |metrics| metrics.closed("completed"))
        .await;
    assert!(metrics.is("application_active", &[("region", STANDBY)]));
    stage.moved_once();
    drop(daemon);
    stage.strike().await;
}
