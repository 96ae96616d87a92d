//! Mistakes in `[auth]` and in the file of tokens that it names.

use failoverd::api::Access;
use failoverd::config::Auth;

use super::config::{GOOD, after, read};

/// Stands before the first table that takes it up.
const BEFORE: &str = "[tls]\n";

fn with(sections: &str) -> String {
    after(&[(BEFORE, &format!("{sections}\n{BEFORE}"))])
}

#[test]
fn every_mistake_in_auth() {
    insta::assert_snapshot!(with(
        r#"[auth]
tokens_file = 7
metrics = "yes"
insecure = 1
tokenfile = "tokens.toml"
data_loss_approval = "nobody"
certificate = [
    { name = "ada.example.com", role = "root" },
    { role = "operator" },
    { name = "bob.example.com", role = "viewer", applications = "shop" },
    { name = "", role = "viewer" },
]
"#
    ));
}

#[test]
fn nobody_who_may_ask() {
    insta::assert_snapshot!(with("[auth]\nmetrics = true\n"));
}

/// What the daemon says of that file before it starts.
fn tokens(text: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let file = folder.path().join("tokens.toml");
    std::fs::write(&file, text).expect("it can be written");
    let mut config = read(GOOD, &[], &[]).expect("it is valid").config;
    config.callers = Some(Auth {
        tokens_file: Some(file),
        certificates: Vec::new(),
        metrics: false,
        insecure: false,
    });
    let error = Access::open(&config).expect_err("a mistake in it");
    let folder = format!("{}/", folder.path().display());
    error.to_string().replace(&folder, "")
}

#[test]
fn every_mistake_in_a_token() {
    insta::assert_snapshot!(tokens(
        r#"[[token]]
name = "ada"
role = "root"
sha256 = "5f2c6a0b9d8e47138c1f0a6b7e93d2458ab1c0de73f4956a8b2c1d0e9f8a7b6c"
expires = 2027-06-30T00:00:00Z

[[token]]
name = "quorum"
role = "viewer"
sha256 = "5f2c"
expires = "next year"

[[token]]
role = "viewer"
applications = "shop"
hash = "5f2c6a0b9d8e47138c1f0a6b7e93d2458ab1c0de73f4956a8b2c1d0e9f8a7b6c"
"#
    ));
}

#[test]
fn two_tokens_that_cannot_be_told_apart() {
    insta::assert_snapshot!(tokens(
        r#"[[token]]
name = "ada"
role = "operator"
sha256 = "5f2c6a0b9d8e47138c1f0a6b7e93d2458ab1c0de73f4956a8b2c1d0e9f8a7b6c"

[[token]]
name = "ada"
role = "viewer"
sha256 = "0000000000000000000000000000000000000000000000000000000000000001"

[[token]]
name = "bob"
role = "viewer"
sha256 = "5f2c6a0b9d8e47138c1f0a6b7e93d2458ab1c0de73f4956a8b2c1d0e9f8a7b6c"
"#
    ));
}

#[test]
fn a_token_in_the_clear_is_told_and_not_repeated() {
    let secret = "fod_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";
    let said = tokens(&format!(
        "[[token]]\nname = \"ada\"\nrole = \"operator\"\nsha256 = \"{secret}\"\n\n\
         [[token]]\nname = \"bob\"\nrole = \"viewer\"\ntoken = \"{secret}\"\n"
    ));
    assert!(!said.contains(secret), "{said}");
    insta::assert_snapshot!(said);
}

#[test]
fn a_file_of_tokens_that_is_not_there_or_is_no_toml() {
    insta::assert_snapshot!(tokens("[[token]\nname = \"ada\n"));
    let mut config = read(GOOD, &[], &[]).expect("it is valid").config;
    config.callers = Some(Auth {
        tokens_file: Some("/nowhere/tokens.toml".into()),
        certificates: Vec::new(),
        metrics: false,
        insecure: false,
    });
    let error = Access::open(&config).expect_err("there is none");
    insta::assert_snapshot!(error);
}
