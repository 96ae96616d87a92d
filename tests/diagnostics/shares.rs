//! Regions that serve side by side, each with its share of the users.

use failoverd::model::{NodegroupRef, RegionId, RunKind};

use super::config::{after, changed, read};

/// What the runbooks for Regions side by side ask of the application, and a peak for each node group.
const COMPLETE: [(&str, &str); 4] = [
    (
        "{ fence_url = \"https://ops.west.example.net/fence\" }",
        "{ fence_url = \"https://ops.west.example.net/fence\", unfence_url = \"https://ops.west.example.net/unfence\", health_url = \"https://west.example.net/healthz\" }",
    ),
    (
        "{ fence_url = \"https://ops.central.example.net/fence\" }",
        "{ fence_url = \"https://ops.central.example.net/fence\", unfence_url = \"https://ops.central.example.net/unfence\", health_url = \"https://central.example.net/healthz\" }",
    ),
    (
        "{ cluster = \"west\", name = \"web\" }",
        "{ cluster = \"west\", name = \"web\", peak = 7 }",
    ),
    (
        "{ cluster = \"central\", name = \"web\" }",
        "{ cluster = \"central\", name = \"web\", peak = 5 }",
    ),
];

/// Both Regions of the good configuration serve.
const HALVES: [(&str, &str); 2] = [
    ("role = \"active\"", "role = \"active\"\nshare = 60"),
    ("role = \"standby\"", "role = \"active\"\nshare = 40"),
];

/// The same with these lines.
fn side_by_side<'a>(first: &'a str, second: &'a str) -> Vec<(&'a str, &'a str)> {
    let mut changes = vec![("role = \"active\"", first), ("role = \"standby\"", second)];
    changes.extend(COMPLETE);
    changes
}

#[test]
fn regions_with_shares_serve_side_by_side() {
    let mut changes = HALVES.to_vec();
    changes.extend(COMPLETE);
    let loaded = match read(&changed(&changes), &[], &[]) {
        Ok(loaded) => loaded,
        Err(findings) => panic!("{findings}"),
    };
    let app = &loaded.config.applications[0];
    assert!(app.is_active_active());
    let shares: Vec<_> = app.sharing().map(|r| (r.name.as_str(), r.share)).collect();
    assert_eq!(
        shares,
        [("eu-west-1", Some(60)), ("eu-central-1", Some(40))]
    );
    // The writer is at home in the one that is named first.
    assert_eq!(app.home, RegionId::from("eu-west-1"));
    let group = |cluster: &str| NodegroupRef {
        cluster: cluster.to_owned(),
        name: "web".to_owned(),
    };
    assert_eq!(app.regions[0].peak(&group("west")), Some(7));
    assert_eq!(app.regions[1].peak(&group("central")), Some(5));
    assert_eq!(app.regions[1].peak(&group("west")), None);
    // Only what moves shares is there unasked: what moves the writer alone is a choice.
    let runbooks: Vec<_> = app.runbooks.iter().collect();
    let shift = (&RunKind::Shift, &"active-active".to_owned());
    let give_back = (&RunKind::Return, &"active-active-return".to_owned());
    assert_eq!(runbooks, [shift, give_back]);
}

#[test]
fn what_the_runbooks_of_shares_need() {
    insta::assert_snapshot!(after(&HALVES));
}

#[test]
fn a_runbook_that_moves_users_where_only_a_shift_may() {
    let mut changes = HALVES.to_vec();
    changes.extend(COMPLETE);
    changes.push((
        "[application.vars]",
        "[application.runbooks]\nswitchover = \"active-passive\"\n\n[application.vars]",
    ));
    insta::assert_snapshot!(after(&changes));
}

#[test]
fn a_shift_where_one_region_serves() {
    insta::assert_snapshot!(after(&[(
        "[application.vars]",
        "[application.runbooks]\nshift = \"active-active\"\n\n[application.vars]",
    )]));
}

#[test]
fn others_where_there_are_none() {
    let own = "schema = 1\nname = \"own\"\ndescription = \"d\"\nfor = [\"failover\", \"shift\"]\n\
               objective = { rto = \"5m\", rpo = \"1s\" }\n\n[[step]]\nid = \"grow\"\n\
               uses = \"eks.scale_nodegroup\"\n\
               with = { region = \"others\", match = \"peak\", percent = 50 }\n";
    insta::assert_snapshot!(match failoverd::runbook::parse_runbook("own.toml", own) {
        Ok(_) => panic!("no mistake was found"),
        Err(findings) => findings.to_string(),
    });
}

#[test]
fn shares_that_do_not_add_up() {
    insta::assert_snapshot!(after(&side_by_side(
        "role = \"active\"\nshare = 50",
        "role = \"active\"\nshare = 40",
    )));
    insta::assert_snapshot!(after(&side_by_side(
        "role = \"active\"\nshare = 70",
        "role = \"active\"\nshare = 40",
    )));
}

#[test]
fn a_share_that_is_none() {
    insta::assert_snapshot!(after(&side_by_side(
        "role = \"active\"\nshare = 0",
        "role = \"active\"\nshare = 101",
    )));
}

#[test]
fn a_standby_with_a_share() {
    insta::assert_snapshot!(after(&side_by_side(
        "role = \"active\"\nshare = 50",
        "role = \"standby\"\nshare = 50",
    )));
}

#[test]
fn one_with_a_share_and_one_without() {
    insta::assert_snapshot!(after(&side_by_side(
        "role = \"active\"\nshare = 100",
        "role = \"active\"",
    )));
}

#[test]
fn a_peak_of_nothing() {
    insta::assert_snapshot!(after(&[(
        "{ cluster = \"west\", name = \"web\" }",
        "{ cluster = \"west\", name = \"web\", peak = 0 }",
    )]));
}
