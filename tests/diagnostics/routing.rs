//! Routing controls: the cluster's endpoints, each Region's control, and the steps that turn them.

use failoverd::runbook::parse_runbook;

use super::config::{after, changed, read};

const WEST: &str =
    "arn:aws:route53-recovery-control::111122223333:controlpanel/p1/routingcontrol/w1";
const CENTRAL: &str =
    "arn:aws:route53-recovery-control::111122223333:controlpanel/p1/routingcontrol/c1";

const CLUSTER: &str = r#"[application.routing_controls]
endpoints = [
  { region = "us-east-1", url = "https://host-a.us-east-1.example.com/v1" },
  { region = "us-west-2", url = "https://host-b.us-west-2.example.com/v1" },
  { region = "eu-west-1", url = "https://host-c.eu-west-1.example.com/v1" },
  { region = "ap-northeast-1", url = "https://host-d.ap-northeast-1.example.com/v1" },
  { region = "ap-southeast-2", url = "https://host-e.ap-southeast-2.example.com/v1" },
]

[application.vars]
"#;

const RUNBOOKS: &str = r#"[application.runbooks]
failover = "arc-routing-controls"

[application.vars]
"#;

/// The good configuration with these controls, this cluster and this choice of runbook.
fn changes<'a>(west: &'a str, central: &'a str, sections: &'a str) -> [(&'static str, &'a str); 3] {
    [
        ("record_set_identifier = \"west\"\n", west),
        ("record_set_identifier = \"central\"\n", central),
        ("[application.vars]\n", sections),
    ]
}

fn control(identifier: &str, arn: &str) -> String {
    format!("record_set_identifier = \"{identifier}\"\nrouting_control_arn = \"{arn}\"\n")
}

#[test]
fn a_cluster_with_its_controls_is_taken() {
    let (west, central) = (control("west", WEST), control("central", CENTRAL));
    let sections = CLUSTER.replace("[application.vars]\n", RUNBOOKS);
    let text = changed(&changes(&west, &central, &sections));
    let loaded = match read(&text, &[], &[]) {
        Ok(loaded) => loaded,
        Err(findings) => panic!("{findings}"),
    };
    let app = &loaded.config.applications[0];
    let cluster = app.resources.routing_cluster.as_ref().unwrap();
    assert_eq!(cluster.endpoints.len(), 5);
    assert_eq!(cluster.endpoints[4].region.as_str(), "ap-southeast-2");
    let controls: Vec<_> = app
        .regions
        .iter()
        .map(|region| region.resources.routing_control_arn.as_deref())
        .collect();
    assert_eq!(controls, [Some(WEST), Some(CENTRAL)]);
}

#[test]
fn endpoints_that_cannot_be() {
    let (west, central) = (control("west", WEST), control("central", CENTRAL));
    let sections = r#"[application.routing_controls]
endpoints = [
  { region = "us-east-1", url = "https://host-a.us-east-1.example.com/v1" },
  { region = "us-east-1", url = "https://host-a.us-east-1.example.com/v1" },
  { region = "eu-west-9", url = "host-c.eu-west-1.example.com" },
  { region = "eu-west-1" },
]
regions = []

[application.vars]
"#;
    insta::assert_snapshot!(after(&changes(&west, &central, sections)));
}

#[test]
fn no_endpoints_at_all() {
    let (west, central) = (control("west", WEST), control("central", CENTRAL));
    let sections = "[application.routing_controls]\n\n[application.vars]\n";
    insta::assert_snapshot!(after(&changes(&west, &central, sections)));
}

#[test]
fn two_regions_with_one_control() {
    let (west, central) = (control("west", WEST), control("central", WEST));
    insta::assert_snapshot!(after(&changes(&west, &central, CLUSTER)));
}

#[test]
fn controls_by_other_names() {
    let wrong = WEST.replace("routingcontrol", "safetyrule");
    let (west, central) = (
        control("west", &wrong),
        control(
            "central",
            "arn:aws:route53-recovery-control:us-west-2:111122223333:controlpanel/p1/routingcontrol/c1",
        ),
    );
    insta::assert_snapshot!(after(&changes(&west, &central, CLUSTER)));
}

#[test]
fn a_control_without_a_cluster() {
    let (west, central) = (control("west", WEST), control("central", CENTRAL));
    insta::assert_snapshot!(after(&changes(&west, &central, "[application.vars]\n")));
}

#[test]
fn a_runbook_that_turns_controls_of_an_application_without_any() {
    insta::assert_snapshot!(after(&[("[application.vars]\n", RUNBOOKS)]));
}

#[test]
fn steps_that_turn_the_wrong_controls() {
    let step = |with: &str| {
        let text = format!(
            "schema = 1\nname = \"small\"\ndescription = \"Switch.\"\nfor = [\"failover\"]\n\
             objective = {{ rto = \"5m\", rpo = \"10s\" }}\n\n[[step]]\nid = \"switch\"\n\
             uses = \"arc.routing_control\"\nwith = {with}\n"
        );
        match parse_runbook("runbooks/small.toml", &text) {
            Ok(_) => panic!("no mistake was found"),
            Err(findings) => findings.to_string(),
        }
    };
    insta::assert_snapshot!("one_region", step("{ on = \"to\", off = \"to\" }"));
    insta::assert_snapshot!("nothing_off", step("{ on = \"to\" }"));
    insta::assert_snapshot!(
        "no_safety_rule",
        step("{ on = \"to\", off = \"from\", override_safety_rules = [\"all\"] }")
    );
}
