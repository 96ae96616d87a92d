//! Regions that serve side by side, each with its share of the users.

use failoverd::model::{NodegroupRef, RegionId};

use super::config::{after, changed, read};

/// Both Regions of the good configuration serve, with these lines.
fn side_by_side<'a>(first: &'a str, second: &'a str) -> [(&'a str, &'a str); 2] {
    [("role = \"active\"", first), ("role = \"standby\"", second)]
}

#[test]
fn regions_with_shares_serve_side_by_side() {
    let mut changes = side_by_side(
        "role = \"active\"\nshare = 60",
        "role = \"active\"\nshare = 40",
    )
    .to_vec();
    changes.push((
        "{ cluster = \"west\", name = \"web\" }",
        "{ cluster = \"west\", name = \"web\", peak = 7 }",
    ));
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
    assert_eq!(app.regions[1].peak(&group("central")), None);
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
