//! `failoverctl iam-policy`: the least that the daemons' role must be allowed, as a document for IAM.
//!
//! Every member needs the same: any of them may come to lead. Where applications are reached by roles of
//! their own (`assume_role`), each of those roles has a policy of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::{Exit, output};
use crate::actuate::permissions::Permission;
use crate::actuate::policy::{self, PolicyDocument};
use crate::config::{self, Config};
use crate::model::Application;

/// A managed policy's limit in characters, white space not counted (IAM user guide, quotas).
const MANAGED_LIMIT: usize = 6_144;

/// What was typed.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
pub struct IamPolicy {
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = "failoverd.toml")]
    pub config: PathBuf,
    /// The policy of this role, which applications name as `assume_role` [default: the daemons' own]
    #[arg(long, value_name = "ARN")]
    pub role: Option<String>,
}

/// By role, none for the daemons' own: what it needs.
type Roles = BTreeMap<Option<String>, BTreeSet<Permission>>;

/// Prints it.
pub fn print(asked: &IamPolicy) -> Exit {
    let config = match load(&asked.config) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let roles = roles(&config);
    let Some(needed) = roles.get(&asked.role) else {
        output::complain(&unknown(asked.role.as_deref(), &roles, &asked.config));
        return Exit::Usage;
    };
    let document = PolicyDocument::of(needed);
    let text = match serde_json::to_string_pretty(&document) {
        Ok(text) => text,
        Err(error) => {
            output::complain_chain(&error);
            return Exit::No;
        }
    };
    let others = roles.keys().flatten();
    for role in others.filter(|role| Some(*role) != asked.role.as_ref()) {
        output::complain(&format!(
            "note: another role has a policy of its own: failoverctl iam-policy --role {role}"
        ));
    }
    let size = text.chars().filter(|c| !c.is_whitespace()).count();
    if size > MANAGED_LIMIT {
        output::complain(&format!(
            "warning: {size} characters, and a managed policy holds {MANAGED_LIMIT}: give applications \
             roles of their own (`assume_role`), each with its policy"
        ));
    }
    output::answer(&(text + "\n"), Exit::Good)
}

fn load(path: &Path) -> Result<Config, Exit> {
    let loaded = config::load(path, config::environment()).map_err(|error| {
        output::complain_findings(&error.diagnostics());
        Exit::Usage
    })?;
    Ok(loaded.config)
}

fn roles(config: &Config) -> Roles {
    let mut roles = Roles::from([(None, BTreeSet::new())]);
    let role_of = |application: &Application| application.aws.assume_role.clone();
    for application in &config.applications {
        let role = role_of(application);
        if let Some(role) = &role {
            let own = roles.entry(None).or_default();
            own.insert(policy::assume(role));
        }
        let needed = policy::needed(application, &config.runbooks);
        roles.entry(role).or_default().extend(needed);
    }
    roles
}

fn unknown(role: Option<&str>, roles: &Roles, path: &Path) -> String {
    let known: Vec<&str> = roles.keys().flatten().map(String::as_str).collect();
    let known = match known.as_slice() {
        [] => "leave --role out: none has a role of its own".to_owned(),
        known => format!("name one of {}", known.join(", ")),
    };
    format!(
        "error: no application of {} has `assume_role = \"{}\"`\n  what to do: {known}",
        path.display(),
        role.unwrap_or_default()
    )
}
