//! Mistakes in configurations, alone and together with their runbooks.

use std::path::Path;

use failoverd::config::{self, Loaded};
use failoverd::runbook::spanned::{Diagnostics, Severity, Source, Style};

/// A small configuration without mistakes.
pub const GOOD: &str = r#"[node]
id = "a"
data_dir = "data"

[[member]]
id = "a"
region = "eu-west-1"
address = "a.example.net:7401"

[[member]]
id = "b"
region = "eu-central-1"
address = "b.example.net:7401"

[[member]]
id = "w"
region = "eu-north-1"
address = "w.example.net:7401"

[tls]
ca_file = "ca.pem"
cert_file = "a.pem"
key_file = "a.key"

[[detection.reference]]
id = "one"
kind = "tcp"
address = "1.1.1.1:443"

[[detection.reference]]
id = "two"
kind = "tcp"
address = "8.8.8.8:443"

[[detection.reference]]
id = "three"
kind = "tcp"
address = "9.9.9.9:443"

[[application]]
name = "shop"
automation = "automatic"
global_cluster = "shop-global"
accelerator_arn = "arn:aws:globalaccelerator::111122223333:accelerator/12ab"

[application.dns]
hosted_zone_id = "Z0123456789ABC"
records = [{ name = "shop.example.com", type = "A" }]

[application.vars]
write_check_url = "https://shop.example.com/write-check"

[[application.region]]
name = "eu-west-1"
role = "active"
db_cluster_arn = "arn:aws:rds:eu-west-1:111122223333:cluster:shop-west"
endpoint_group_arn = "arn:aws:globalaccelerator::111122223333:accelerator/12ab/listener/l/endpoint-group/w"
record_set_identifier = "west"
vars = { fence_url = "https://ops.west.example.net/fence" }
nodegroup = [{ cluster = "west", name = "web" }]

[[application.region.probe]]
id = "web"
kind = "http"
url = "https://west.example.net/healthz"

[[application.region]]
name = "eu-central-1"
role = "standby"
db_cluster_arn = "arn:aws:rds:eu-central-1:111122223333:cluster:shop-central"
endpoint_group_arn = "arn:aws:globalaccelerator::111122223333:accelerator/12ab/listener/l/endpoint-group/c"
record_set_identifier = "central"
vars = { fence_url = "https://ops.central.example.net/fence" }
nodegroup = [{ cluster = "central", name = "web" }]

[[application.region.probe]]
id = "web"
kind = "http"
url = "https://central.example.net/healthz"
"#;

pub fn changed(changes: &[(&str, &str)]) -> String {
    let mut text = GOOD.to_owned();
    for (old, new) in changes {
        assert!(text.contains(old), "{old}");
        text = text.replacen(old, new, 1);
    }
    text
}

pub fn read(
    text: &str,
    variables: &[(&str, &str)],
    runbooks: &[(&str, &str)],
) -> Result<Loaded, Diagnostics> {
    let variables: Vec<(String, String)> = variables
        .iter()
        .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
        .collect();
    let runbooks: Vec<_> = runbooks
        .iter()
        .map(|(name, text)| Source::new(*name, *text))
        .collect();
    config::from_sources(
        &Source::new("failoverd.toml", text),
        &variables,
        &runbooks,
        Path::new("/etc/failoverd"),
    )
}

/// What is said about `GOOD` after each `old` in it has become its `new`.
pub fn after(changes: &[(&str, &str)]) -> String {
    match read(&changed(changes), &[], &[]) {
        Ok(_) => panic!("no mistake was found"),
        Err(findings) => findings.to_string(),
    }
}

/// What is said although it is taken.
fn warned(changes: &[(&str, &str)]) -> String {
    match read(&changed(changes), &[], &[]) {
        Ok(loaded) => loaded.warnings.to_string(),
        Err(findings) => panic!("{findings}"),
    }
}

/// What is said about `GOOD` under these variables.
fn under(variables: &[(&str, &str)]) -> String {
    match read(GOOD, variables, &[]) {
        Ok(_) => panic!("no mistake was found"),
        Err(findings) => findings.to_string(),
    }
}

#[test]
fn without_mistakes_it_is_taken() {
    let loaded = read(GOOD, &[], &[]).unwrap();
    assert_eq!(
        loaded.config.node.data_dir,
        Path::new("/etc/failoverd/data")
    );
    assert_eq!(loaded.config.node.region.as_str(), "eu-west-1");
    insta::assert_debug_snapshot!(loaded.config.applications[0].regions[1]);
}

#[test]
fn an_unreadable_file() {
    let error = config::load(Path::new("no/such/failoverd.toml"), std::iter::empty()).unwrap_err();
    insta::assert_snapshot!(error.render(Style::Plain));
}

#[test]
fn a_folder_instead_of_a_file() {
    let error = config::load(Path::new("src"), std::iter::empty()).unwrap_err();
    insta::assert_snapshot!(error.render(Style::Plain));
}

#[test]
fn a_folder_of_runbooks_that_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("failoverd.toml");
    std::fs::write(&path, format!("{GOOD}\n[runbooks]\ndir = \"books\"\n")).unwrap();
    let error = config::load(&path, std::iter::empty()).unwrap_err();
    let found = error.diagnostics();
    let flat = found.flat();
    assert_eq!(flat.len(), 1, "{found}");
    assert_eq!(flat[0].code, "config::unreadable");
    assert!(
        flat[0].line.is_some(),
        "it names the line that asked for it"
    );
}

#[test]
fn runbooks_are_found_beside_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("failoverd.toml");
    std::fs::create_dir(folder.path().join("runbooks")).unwrap();
    std::fs::write(&path, GOOD).unwrap();
    std::fs::write(
        folder.path().join("runbooks/own.toml"),
        "schema = 1\nname = \"own\"\n",
    )
    .unwrap();
    let error = config::load(&path, std::iter::empty()).unwrap_err();
    assert!(
        error
            .diagnostics()
            .iter()
            .all(|d| d.place.to_string().contains("own.toml"))
    );
}

#[test]
fn several_mistakes_at_once() {
    insta::assert_snapshot!(after(&[
        ("data_dir", "datadir"),
        ("eu-north-1", "eu-nroth-1"),
        ("\"8.8.8.8:443\"", "\"8.8.8.8\""),
        ("role = \"standby\"", "role = \"active\""),
        (
            "url = \"https://central",
            "interval = 5\nurl = \"https://central"
        ),
        ("id = \"web\"", "id = \"web\"\nfal = 3"),
    ]));
}

#[test]
fn a_syntax_error_and_what_else_there_is() {
    insta::assert_snapshot!(after(&[
        ("id = \"a\"", "id = \"a"),
        ("eu-north-1", "moon-1"),
    ]));
}

#[test]
fn who_approves_a_loss_of_data_is_part_of_what_a_vote_is_cast_under() {
    let hash = |approval: &str| {
        let text = format!("{GOOD}\n[auth]\n{approval}\n");
        let config = read(&text, &[], &[]).expect("it is valid").config;
        config.applications[0].config.clone()
    };
    let unsaid = hash("");
    assert_eq!(hash("data_loss_approval = \"anyone\""), unsaid);
    assert_ne!(hash("data_loss_approval = \"other_person\""), unsaid);
}

#[test]
fn an_api_that_would_be_open_or_read_on_the_way() {
    let node = "data_dir = \"data\"\n";
    let beyond = "data_dir = \"data\"\napi = \"0.0.0.0:7400\"\n";
    let open = after(&[(node, beyond)]);
    assert!(open.contains("config::api_without_auth"), "{open}");
    let tokens = "[auth]\ntokens_file = \"tokens.toml\"\n\n[tls]\n";
    let plain = after(&[(node, beyond), ("[tls]\n", tokens)]);
    assert!(plain.contains("config::api_in_plain_text"), "{plain}");
    let word = tokens.replace("tokens.toml\"\n", "tokens.toml\"\ninsecure = true\n");
    let word = warned(&[(node, beyond), ("[tls]\n", &word)]);
    assert!(word.contains("config::api_in_plain_text"), "{word}");
}

const API_TLS: &str = "[api_tls]\ncert_file = \"api.pem\"\nkey_file = \"api.key\"\n";

#[test]
fn certificates_of_callers_that_nobody_asks_for() {
    let ada = "[[auth.certificate]]\nname = \"ada.example.com\"\nrole = \"operator\"\n";
    insta::assert_snapshot!(after(&[("[tls]\n", &format!("{API_TLS}\n{ada}\n[tls]\n"))]));
}

#[test]
fn callers_certificates_of_whom_none_is_known() {
    let auth = "[auth]\ntokens_file = \"tokens.toml\"\n";
    let asks = "client_ca_file = \"callers.pem\"\n";
    let text = format!("{API_TLS}{asks}\n{auth}\n[tls]\n");
    insta::assert_snapshot!(warned(&[("[tls]\n", &text)]));
}

#[test]
fn an_api_beyond_this_host_that_encrypts() {
    let beyond = "data_dir = \"data\"\napi = \"0.0.0.0:7400\"\n";
    let auth = "[auth]\ntokens_file = \"tokens.toml\"\n";
    let text = changed(&[
        ("data_dir = \"data\"\n", beyond),
        ("[tls]\n", &format!("{API_TLS}\n{auth}\n[tls]\n")),
    ]);
    let read = read(&text, &[], &[]).expect("it is valid");
    assert_eq!(
        read.warnings.count(Severity::Warning),
        0,
        "{:?}",
        read.warnings
    );
    assert!(read.config.api_tls.is_some());
}

#[test]
fn half_of_the_apis_tls() {
    let half = API_TLS.replace("key_file", "key_fil");
    insta::assert_snapshot!(after(&[("[tls]\n", &format!("{half}\n[tls]\n"))]));
}

#[test]
fn callers_that_nobody_could_be() {
    let auth = "[auth]\nmetrics = true\ninsecur = true\n\n[tls]\n";
    let said = after(&[("[tls]\n", auth)]);
    assert!(said.contains("config::auth_lets_nobody_in"), "{said}");
    assert!(said.contains("`insecur`"), "{said}");
}

#[test]
fn an_unknown_region() {
    insta::assert_snapshot!(after(&[("\"eu-north-1\"", "\"eu-north-7\"")]));
}

#[test]
fn a_region_that_is_new_may_be_named() {
    let text = changed(&[(
        "id = \"w\"\nregion = \"eu-north-1\"",
        "id = \"w\"\nregion = \"eu-north-7\"",
    )]);
    let text = format!("{text}\n[aws]\nextra_regions = [\"eu-north-7\"]\n");
    assert!(read(&text, &[], &[]).is_ok());
}

#[test]
fn an_arn_of_the_wrong_service() {
    insta::assert_snapshot!(after(&[(
        "arn:aws:rds:eu-west-1:111122223333:cluster:shop-west",
        "arn:aws:eks:eu-west-1:111122223333:cluster/shop-west"
    )]));
}

#[test]
fn an_arn_of_the_wrong_region() {
    insta::assert_snapshot!(after(&[(
        "arn:aws:rds:eu-west-1:",
        "arn:aws:rds:eu-central-1:"
    )]));
}

#[test]
fn an_endpoint_group_of_another_accelerator() {
    insta::assert_snapshot!(after(&[(
        "accelerator/12ab/listener/l/endpoint-group/c",
        "accelerator/99ff/listener/l/endpoint-group/c"
    )]));
}

#[test]
fn alarms_that_cannot_be() {
    let alarms = "drill_alarm = [\n  { region = \"eu-north-7\", name = \"errors\" },\n  \
                  { region = \"us-east-1\", name = \"arn:aws:cloudwatch:us-east-1:1:alarm:errors\" },\n  \
                  { region = \"us-east-1\", named = \"errors\" },\n]\n";
    insta::assert_snapshot!(after(&[(
        "automation = \"automatic\"\n",
        &format!("automation = \"automatic\"\n{alarms}")
    )]));
}

#[test]
fn a_zone_by_its_name() {
    insta::assert_snapshot!(after(&[("Z0123456789ABC", "example.com")]));
}

#[test]
fn a_probe_that_follows_the_traffic() {
    insta::assert_snapshot!(after(&[
        ("https://west.example.net", "https://Shop.example.com"),
        (
            "https://central.example.net",
            "https://a1234567890abcdef.awsglobalaccelerator.com"
        ),
    ]));
}

#[test]
fn one_probe_for_two_regions() {
    insta::assert_snapshot!(after(&[(
        "https://central.example.net",
        "https://west.example.net"
    )]));
}

#[test]
fn a_region_that_nothing_watches() {
    insta::assert_snapshot!(after(&[(
        "url = \"https://central",
        "critical = false\nurl = \"https://central"
    )]));
}

#[test]
fn a_node_that_is_no_member() {
    insta::assert_snapshot!(after(&[("[node]\nid = \"a\"", "[node]\nid = \"c\"")]));
}

#[test]
fn a_node_elsewhere_than_its_member() {
    insta::assert_snapshot!(after(&[(
        "data_dir = \"data\"",
        "data_dir = \"data\"\nregion = \"eu-north-1\""
    )]));
}

#[test]
fn health_checks_have_a_port_of_their_own() {
    insta::assert_snapshot!(after(&[(
        "data_dir = \"data\"",
        "data_dir = \"data\"\napi = \"127.0.0.1:9414\"\nsteer = \"0.0.0.0:9414\""
    )]));
}

#[test]
fn health_checks_ask_an_address() {
    insta::assert_snapshot!(after(&[(
        "data_dir = \"data\"",
        "data_dir = \"data\"\nsteer = 9414"
    )]));
}

/// A runbook that steers where no member tells anybody.
#[test]
fn steering_that_nobody_can_follow() {
    const STEERS: &str = "schema = 1\nname = \"by-steering\"\ndescription = \"Steers.\"\n\
        for = [\"failover\"]\nobjective = { rto = \"5m\", rpo = \"10s\" }\n\n\
        [[step]]\nid = \"open\"\nuses = \"steer\"\nwith = { region = \"to\", serve = true }\n";
    let text = GOOD.replace(
        "[application.vars]",
        "[application.runbooks]\nfailover = \"by-steering\"\n\n[application.vars]",
    );
    let runbooks = [("by-steering.toml", STEERS)];
    let warned = read(&text, &[], &runbooks).unwrap();
    insta::assert_snapshot!(warned.warnings.to_string());
    let served = text.replace(
        "data_dir = \"data\"",
        "data_dir = \"data\"\nsteer = \"0.0.0.0:9414\"",
    );
    let quiet = read(&served, &[], &runbooks).unwrap();
    assert!(!quiet.warnings.to_string().contains("steer_not_served"));
    let steer = quiet.config.node.steer.map(|address| address.to_string());
    assert_eq!(steer.as_deref(), Some("0.0.0.0:9414"));
}

#[test]
fn one_region_alone() {
    let (text, _) = GOOD
        .split_once("\n[[application.region]]\nname = \"eu-central-1\"")
        .unwrap();
    insta::assert_snapshot!(read(text, &[], &[]).unwrap_err().to_string());
}

#[test]
fn no_active_region() {
    insta::assert_snapshot!(after(&[("role = \"active\"", "role = \"standby\"")]));
}

#[test]
fn two_reference_targets() {
    insta::assert_snapshot!(after(&[(
        "[[detection.reference]]\nid = \"three\"\nkind = \"tcp\"\naddress = \"9.9.9.9:443\"\n",
        ""
    )]));
}

#[test]
fn a_reference_target_inside_a_region() {
    insta::assert_snapshot!(after(&[(
        "address = \"9.9.9.9:443\"",
        "address = \"9.9.9.9:443\"\nregion = \"eu-central-1\""
    )]));
}

#[test]
fn a_freshness_that_no_vote_can_keep() {
    insta::assert_snapshot!(after(&[(
        "[application.vars]",
        "[application.guards]\nfreshness = \"8s\"\n[application.vars]"
    )]));
}

#[test]
fn bad_lengths_of_time() {
    insta::assert_snapshot!(after(&[(
        "[application.vars]",
        "[application.guards]\nhold_down = \"30\"\ncool_down = \"1 hour\"\nsoak = \"40d\"\n[application.vars]"
    )]));
}

#[test]
fn two_applications_of_one_name() {
    let (_, app) = GOOD.split_once("[[application]]").unwrap();
    let text = format!("{GOOD}\n[[application]]{app}");
    let found = read(&text, &[], &[]).unwrap_err();
    insta::assert_snapshot!(found.to_string());
}

#[test]
fn a_standby_probe_that_does_not_exist() {
    insta::assert_snapshot!(after(&[(
        "role = \"standby\"",
        "role = \"standby\"\nstandby_probes = [\"wbe\"]"
    )]));
}

#[test]
fn a_runbook_that_does_not_exist() {
    insta::assert_snapshot!(after(&[(
        "[application.vars]",
        "[application.runbooks]\nfailover = \"activ-passive\"\n[application.vars]"
    )]));
}

#[test]
fn resources_that_the_runbook_needs() {
    insta::assert_snapshot!(after(&[
        ("global_cluster = \"shop-global\"\n", ""),
        ("record_set_identifier = \"central\"\n", ""),
        (
            "vars = { fence_url = \"https://ops.central.example.net/fence\" }",
            "vars = { fence_ulr = \"https://ops.central.example.net/fence\" }"
        ),
    ]));
}

#[test]
fn records_of_another_routing_policy() {
    let zone = "[application.dns]\n";
    let weighted = format!("{zone}routing = \"weighted\"\n");
    let latency = format!("{zone}routing = \"latency\"\n");
    insta::assert_snapshot!("roles_of_weighted_records", after(&[(zone, &weighted)]));
    insta::assert_snapshot!("a_routing_policy_unknown", after(&[(zone, &latency)]));
    let runbook = "schema = 1\nname = \"own\"\ndescription = \"d\"\nfor = [\"switchover\"]\n\
                   objective = { rto = \"5m\", rpo = \"10s\" }\n[[step]]\nid = \"w\"\n\
                   uses = \"route53.weights\"\nwith = { region = \"to\", percent = 100 }\n";
    let text = changed(&[(
        "[application.vars]",
        "[application.runbooks]\nswitchover = \"own\"\n[application.vars]",
    )]);
    let found = read(&text, &[], &[("runbooks/own.toml", runbook)]).unwrap_err();
    insta::assert_snapshot!("weights_of_failover_records", found.to_string());
}

#[test]
fn a_runbook_with_a_mistake_and_a_configuration_with_one() {
    let runbook = "schema = 1\nname = \"own\"\ndescription = \"d\"\nfor = [\"failover\"]\n\
                   objective = { rto = \"5m\", rpo = \"10s\" }\n[[step]]\nid = \"d\"\n\
                   uses = \"global_accelerator.dial\"\nwith = { region = \"to\", percent = 101 }\n";
    let text = changed(&[("role = \"standby\"", "role = \"passive\"")]);
    let found = read(&text, &[], &[("runbooks/own.toml", runbook)]).unwrap_err();
    insta::assert_snapshot!(found.to_string());
}

#[test]
fn a_runbook_for_another_kind_of_run() {
    let runbook = "schema = 1\nname = \"own\"\ndescription = \"d\"\nfor = [\"failover\"]\n\
                   objective = { rto = \"5m\", rpo = \"10s\" }\n[[step]]\nid = \"d\"\n\
                   uses = \"global_accelerator.dial\"\nwith = { region = \"to\", percent = 100 }\n";
    let text = changed(&[(
        "[application.vars]",
        "[application.runbooks]\nswitchover = \"own\"\n[application.vars]",
    )]);
    let found = read(&text, &[], &[("runbooks/own.toml", runbook)]).unwrap_err();
    insta::assert_snapshot!(found.to_string());
}

#[test]
fn weight_that_is_taken_and_never_given_back() {
    let own = |give_back: &str| {
        format!(
            "schema = 1\nname = \"own\"\ndescription = \"d\"\nfor = [\"failover\", \"failback\"]\n\
             objective = {{ rto = \"5m\", rpo = \"10s\" }}\n[[step]]\nid = \"raise\"\n\
             uses = \"global_accelerator.dial\"\nwith = {{ region = \"to\", percent = 100 }}\n\
             [[step]]\nid = \"shut\"\nuses = \"global_accelerator.weight\"\n\
             with = {{ region = \"from\", weight = 0 }}\n{give_back}"
        )
    };
    let text = changed(&[(
        "[application.vars]",
        "[application.runbooks]\nfailover = \"own\"\nfailback = \"own\"\n[application.vars]",
    )]);
    let warnings = |runbook: &str| match read(&text, &[], &[("runbooks/own.toml", runbook)]) {
        Ok(loaded) => loaded.warnings.to_string(),
        Err(findings) => panic!("{findings}"),
    };
    insta::assert_snapshot!(warnings(&own("")));
    let open = "[[step]]\nid = \"open\"\nuses = \"global_accelerator.weight\"\n\
                with = { region = \"to\", match = \"recorded\" }\n";
    assert!(!warnings(&own(open)).contains("weight_not_given_back"));
}

#[test]
fn a_variable_of_the_wrong_type() {
    insta::assert_snapshot!(under(&[
        ("FAILOVERD_DETECTION__FALL", "often"),
        ("FAILOVERD_GUARDS__QUARANTINE", "yes"),
    ]));
}

#[test]
fn a_variable_of_no_key() {
    insta::assert_snapshot!(under(&[("FAILOVERD_NODE__REGOIN", "eu-west-1")]));
}

#[test]
fn a_variable_for_a_list() {
    insta::assert_snapshot!(under(&[("FAILOVERD_MEMBER__ID", "x")]));
}

#[test]
fn variables_are_taken_as_their_keys_type() {
    let loaded = read(
        GOOD,
        &[
            ("FAILOVERD_NODE__ID", "b"),
            ("FAILOVERD_DETECTION__FALL", "7"),
            ("FAILOVERD_DETECTION__REGION_DOWN__WEIGHT_PERCENT", "60"),
            ("FAILOVERD_GUARDS__QUARANTINE", "false"),
            ("FAILOVERD_GUARDS__HOLD_DOWN", "1m"),
            ("FAILOVERD_AWS__EXTERNAL_ID", "secret"),
            ("FAILOVERD_SERVICE_HOST", "10.0.0.1"),
        ],
        &[],
    )
    .unwrap();
    let app = &loaded.config.applications[0];
    assert_eq!(loaded.config.node.region.as_str(), "eu-central-1");
    assert_eq!(app.regions[0].probes[0].fall, 7);
    assert!(!app.guards.quarantine);
    assert_eq!(app.guards.hold_down.to_string(), "1m");
    assert_eq!(app.aws.external_id.as_deref(), Some("secret"));
    assert_eq!(
        app.detection.region_down,
        failoverd::model::RegionDownRule::WeightPercent(60)
    );
}

#[test]
fn the_hash_follows_what_decides_and_nothing_else() {
    let hash = |text: &str, variables: &[(&str, &str)]| {
        read(text, variables, &[]).unwrap().config.applications[0]
            .config
            .clone()
    };
    let plain = hash(GOOD, &[]);
    assert_eq!(plain, hash(&format!("# a comment\n{GOOD}"), &[]));
    assert_eq!(plain, hash(GOOD, &[("FAILOVERD_AWS__EXTERNAL_ID", "x")]));
    assert_eq!(plain, hash(GOOD, &[("FAILOVERD_NODE__ID", "b")]));
    assert_ne!(plain, hash(GOOD, &[("FAILOVERD_DETECTION__FALL", "4")]));
    assert_ne!(plain, hash(GOOD, &[("FAILOVERD_GUARDS__HOLD_DOWN", "1m")]));
    let changed = |old, new| hash(&changed(&[(old, new)]), &[]);
    assert_eq!(plain, changed("w.example.net:7401", "10.0.0.9:7401"));
    assert_ne!(
        plain,
        changed("region = \"eu-north-1\"", "region = \"eu-south-1\""),
        "who stands outside of a Region"
    );
    assert_ne!(
        plain,
        changed(
            "[tls]",
            "[[member]]\nid = \"x\"\nregion = \"eu-west-3\"\naddress = \"x.example.net:7401\"\n\n[tls]"
        ),
        "how many are a majority"
    );
    let (name, text) = config::BUILT_IN_RUNBOOKS[0];
    let with = |text: &str| {
        let loaded = read(GOOD, &[], &[(name, text)]).unwrap();
        loaded.config.applications[0].config.clone()
    };
    assert_eq!(plain, with(&format!("{text}\n# a comment\n")));
    assert_ne!(
        plain,
        with(&text.replace("timeout = \"4m\"", "timeout = \"3m\""))
    );
}

#[test]
fn one_member_alone() {
    insta::assert_snapshot!(warned(&[
        (
            "[[member]]\nid = \"b\"\nregion = \"eu-central-1\"\naddress = \"b.example.net:7401\"\n",
            ""
        ),
        (
            "[[member]]\nid = \"w\"\nregion = \"eu-north-1\"\naddress = \"w.example.net:7401\"\n",
            ""
        ),
    ]));
}

#[test]
fn two_members() {
    insta::assert_snapshot!(warned(&[(
        "[[member]]\nid = \"w\"\nregion = \"eu-north-1\"\naddress = \"w.example.net:7401\"\n",
        ""
    )]));
}

#[test]
fn a_heartbeat_shorter_than_the_way_between_regions() {
    let short = ("[tls]", "[cluster]\nheartbeat = \"200ms\"\n[tls]");
    insta::assert_snapshot!(warned(&[short]));
    // On one host it may be as short as it likes.
    let mut near = vec![short];
    for (index, member) in ["a.ex", "b.ex", "w.ex"].into_iter().enumerate() {
        let there = format!("address = \"{member}ample.net:7401\"");
        let here = format!("address = \"127.0.0.1:740{}\"", index + 1);
        let leaked: (&'static str, &'static str) = (there.leak(), here.leak());
        near.push(leaked);
    }
    assert!(!warned(&near).contains("short_heartbeat"));
}

#[test]
fn a_guard_laxer_than_the_objective() {
    insta::assert_snapshot!(warned(&[(
        "[application.vars]",
        "[application.guards]\nrpo_max = \"1m\"\nhold_down = \"10m\"\nfreshness = \"12s\"\n[application.vars]"
    )]));
}

#[test]
fn fancy_has_colour_and_boxes() {
    let found = read(&changed(&[("data_dir", "datadir")]), &[], &[]).unwrap_err();
    let fancy = found.render(Style::Fancy);
    assert!(fancy.contains('╭') && fancy.contains("\u{1b}["), "{fancy}");
    assert!(!found.render(Style::Plain).contains('\u{1b}'));
}

mod any_text {
    use proptest::prelude::*;

    use super::{GOOD, read};

    proptest! {
        #[test]
        fn never_makes_it_panic(text in "(?s).{0,200}") {
            if let Err(findings) = read(&text, &[], &[]) {
                prop_assert!(findings.has_errors());
                let _ = findings.to_string();
            }
        }

        #[test]
        fn nor_does_a_good_one_with_a_piece_replaced(
            at in 0..GOOD.len(),
            length in 0_usize..40,
            piece in "[ \\n\"'\\[\\]{}=.,a-z0-9_-]{0,12}",
        ) {
            let end = (at + length).min(GOOD.len());
            let text = format!("{}{piece}{}", &GOOD[..at], &GOOD[end..]);
            match read(&text, &[], &[]) {
                Ok(loaded) => prop_assert!(!loaded.warnings.has_errors()),
                Err(findings) => {
                    prop_assert!(findings.has_errors());
                    let _ = findings.to_string();
                }
            }
        }

        #[test]
        fn nor_does_any_variable(name in "FAILOVERD_[A-Z_]{0,30}", value in ".{0,20}") {
            let _ = read(GOOD, &[(&name, &value)], &[]);
        }
    }
}

#[test]
fn members_that_cannot_be_reached() {
    insta::assert_snapshot!(after(&[
        ("address = \"b.example.net:7401\"\n", ""),
        ("address = \"w.example.net:7401\"\n", ""),
        (
            "[tls]\nca_file = \"ca.pem\"\ncert_file = \"a.pem\"\nkey_file = \"a.key\"\n",
            ""
        ),
    ]));
}

#[test]
fn members_with_half_of_their_tls() {
    insta::assert_snapshot!(after(&[
        (
            "address = \"w.example.net:7401\"",
            "address = \"b.example.net:7401\""
        ),
        ("cert_file = \"a.pem\"\n", ""),
        ("address = \"a.example.net:7401\"", "address = \"nowhere\""),
    ]));
}

#[test]
fn plain_text_beyond_this_host() {
    insta::assert_snapshot!(after(&[
        (
            "data_dir = \"data\"",
            "data_dir = \"data\"\npeer = \"0.0.0.0:7401\""
        ),
        (
            "address = \"b.example.net:7401\"",
            "address = \"127.0.0.1:7402\""
        ),
        (
            "ca_file = \"ca.pem\"\ncert_file = \"a.pem\"\nkey_file = \"a.key\"\n",
            "insecure = true\n"
        ),
    ]));
}

#[test]
fn plain_text_and_files_at_once() {
    insta::assert_snapshot!(after(&[("[tls]\n", "[tls]\ninsecure = true\n")]));
}

#[test]
fn a_member_whose_name_no_certificate_can_have() {
    insta::assert_snapshot!(after(&[("id = \"b\"", "id = \"-b-\"")]));
}

#[test]
fn plain_text_on_this_host() {
    let tls = "ca_file = \"ca.pem\"\ncert_file = \"a.pem\"\nkey_file = \"a.key\"\n";
    let changes = [
        ("a.example.net:7401", "127.0.0.1:7401"),
        ("b.example.net:7401", "localhost:7402"),
        ("w.example.net:7401", "[::1]:7403"),
        (tls, "insecure = true\n"),
    ];
    insta::assert_snapshot!(warned(&changes));
    let loaded = read(&changed(&changes), &[], &[]).unwrap();
    insta::assert_debug_snapshot!(loaded.config.peering);
}

#[test]
fn one_member_alone_needs_nobody() {
    let alone = [
        (
            "[[member]]\nid = \"b\"\nregion = \"eu-central-1\"\naddress = \"b.example.net:7401\"\n",
            "",
        ),
        (
            "[[member]]\nid = \"w\"\nregion = \"eu-north-1\"\naddress = \"w.example.net:7401\"\n",
            "",
        ),
        ("address = \"a.example.net:7401\"\n", ""),
        (
            "[tls]\nca_file = \"ca.pem\"\ncert_file = \"a.pem\"\nkey_file = \"a.key\"\n",
            "",
        ),
    ];
    let loaded = read(&changed(&alone), &[], &[]).unwrap();
    assert_eq!(loaded.config.peering, None);
}

#[test]
fn nobody_who_may_approve_a_loss_of_data() {
    let text = format!("{GOOD}\n[auth]\ndata_loss_approval = \"another_person\"\n");
    insta::assert_snapshot!(read(&text, &[], &[]).unwrap_err().to_string());
}

#[test]
fn the_order_of_an_evacuation_is_not_what_a_vote_is_cast_under() {
    let hash = |text: &str| {
        let loaded = read(text, &[], &[]).expect("it is valid");
        loaded.config.applications[0].config.clone()
    };
    let ordered = GOOD.replacen("name = \"shop\"\n", "name = \"shop\"\npriority = 3\n", 1);
    assert_eq!(hash(GOOD), hash(&ordered));
    let window =
        "\n[[automation_window]]\nreason = \"patches\"\nevery = \"Sun 02:00\"\nfor = \"2h\"\n";
    assert_eq!(hash(GOOD), hash(&format!("{GOOD}{window}")));
}

#[test]
fn a_window_is_read_as_it_was_meant() {
    use failoverd::model::{Millis, WindowTimes};
    let windows = r#"
[[automation_window]]
reason = "patches"
every = "Sun 02:30"
for = "2h"
time_zone = "-05:30"

[[automation_window]]
applications = ["shop"]
reason = "upgrade"
from = "2026-12-01T02:00:00Z"
until = "2026-12-01T04:00:00+01:00"
"#;
    let loaded = read(&format!("{GOOD}{windows}"), &[], &[]).expect("it is valid");
    let [weekly, once] = loaded.config.windows.as_slice() else {
        panic!("{:?}", loaded.config.windows)
    };
    assert_eq!(
        weekly.times,
        WindowTimes::Every {
            weekday: Some(6),
            begins: Millis::from_mins(150),
            lasts: Millis::from_mins(120),
            ahead_of_utc: -330,
        }
    );
    let WindowTimes::Once { from, until } = &once.times else {
        panic!("{once:?}")
    };
    assert_eq!(until.since(*from), Millis::from_mins(60));
    assert_eq!(loaded.config.nag_after, Millis::from_mins(240));
}

/// The same application under another name, with an order of its own.
fn second(name: &str, order: &str) -> String {
    let (_, app) = GOOD.split_once("[[application]]").unwrap();
    let app = app
        .replace(
            "name = \"shop\"\n",
            &format!("name = \"{name}\"\n{order}\n"),
        )
        .replace("shop-global", &format!("{name}-global"));
    format!("\n[[application]]{app}")
}

#[test]
fn dependencies_that_do_not_exist_or_go_in_a_circle() {
    let unknown = format!("{GOOD}{}", second("till", "depends_on = [\"shpo\"]"));
    insta::assert_snapshot!(read(&unknown, &[], &[]).unwrap_err().to_string());
    let circle = GOOD.replacen(
        "name = \"shop\"\n",
        "name = \"shop\"\npriority = 0\ndepends_on = [\"till\"]\n",
        1,
    );
    let circle = format!("{circle}{}", second("till", "depends_on = [\"shop\"]"));
    insta::assert_snapshot!(read(&circle, &[], &[]).unwrap_err().to_string());
}

#[test]
fn windows_that_never_open_or_never_close() {
    let windows = r#"
[automation]
nag_after = "10s"

[[automation_window]]
applications = ["shpo"]
reason = "patches"
every = "Sunday 2:00"
for = "2h"
time_zone = "Europe/Berlin"

[[automation_window]]
reason = "both"
every = "Sun 02:00"
for = "2h"
from = "2026-12-01T02:00:00Z"

[[automation_window]]
reason = "always"
every = "day 02:00"
for = "24h"

[[automation_window]]
from = "2026-12-01T02:00:00Z"
until = "2026-12-01"

[[automation_window]]
reason = "backwards"
from = "2026-12-01T02:00:00Z"
until = "2026-12-01T02:00:00+02:00"
"#;
    let found = read(&format!("{GOOD}{windows}"), &[], &[]).unwrap_err();
    insta::assert_snapshot!(found.to_string());
}
