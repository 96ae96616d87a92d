//! What may be typed after `failoverctl`, and what it means.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::client;
use super::member::{Act, Change, Format, Remote};
use crate::drill::{DrillOptions, Scenario};

/// Moves live applications between AWS Regions, and proves on any day that it can.
#[derive(Debug, Parser)]
#[command(name = "failoverctl", version, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 good; 1 the answer is no (a drill failed, a check found \
    problems); 2 usage or configuration; 3 unreachable; 4 refused by a guard; 5 not authorised."
)]
pub struct RawArgs {
    #[command(subcommand)]
    verb: RawVerb,
}

#[derive(Debug, Subcommand)]
enum RawVerb {
    /// Play a game day: a Region dies in an emulated world, and failoverd must cope
    ///
    /// Nothing but this host's loopback interface is used. The report is written to --out.
    Drill(RawDrill),
    /// Check the configuration and its runbooks, offline
    Validate {
        /// The configuration file
        #[arg(long, value_name = "FILE", default_value = "failoverd.toml")]
        config: PathBuf,
    },
    /// Make an authority and a certificate for each member, for trials
    ///
    /// Not for production: whoever can read the folder can speak as any member.
    DevCerts {
        /// The configuration whose members get certificates
        #[arg(long, value_name = "FILE", default_value = "failoverd.toml")]
        config: PathBuf,
        /// Where they are written; nothing that is there is overwritten
        #[arg(long, value_name = "DIR", default_value = "tls")]
        out: PathBuf,
        /// How long they are good for
        #[arg(
            long,
            value_name = "N",
            default_value_t = 30,
            value_parser = clap::value_parser!(u16).range(1..=825)
        )]
        days: u16,
    },
    /// See who is a member of the cluster, and change it
    ///
    /// Any member may be asked. Nobody becomes or ceases to be a member by itself.
    Member(RawMember),
    /// Print the version
    Version,
}

#[derive(Debug, Args)]
struct RawRemote {
    /// The API of any member, as http://HOST:PORT
    #[arg(
        long,
        value_name = "URL",
        env = "FAILOVERCTL_SERVER",
        hide_env_values = true,
        default_value = client::DEFAULT_SERVER,
        global = true
    )]
    server: String,
    /// How the answer is written
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Table, global = true)]
    output: Format,
}

#[derive(Debug, Args)]
struct RawMember {
    #[command(subcommand)]
    verb: RawMemberVerb,
    #[command(flatten)]
    remote: RawRemote,
}

#[derive(Debug, Subcommand)]
enum RawMemberVerb {
    /// Show every member: its role, when it was last heard, what is wrong
    List,
    /// Give a configured member a vote
    ///
    /// It must stand in the [[member]] list of every daemon, run, and be heard. It follows until it
    /// has caught up, and votes from then on.
    Add(RawChange),
    /// Take a member's vote, and forget its data folder
    Remove(RawChange),
    /// Let a member come back whose data folder was lost
    Readmit(RawChange),
    /// Have the leader give up leadership, so that another member leads
    StandDown(RawChange),
}

#[derive(Debug, Args)]
struct RawChange {
    /// The member
    id: String,
    /// Do it without asking to type the member's id
    #[arg(long)]
    yes: bool,
    /// Who asks for it, for the logs
    #[arg(
        long,
        value_name = "NAME",
        env = "USER",
        default_value = "unknown",
        hide_env_values = true
    )]
    by: String,
}

impl RawChange {
    fn to(self, act: Act) -> Change {
        Change {
            act,
            id: self.id,
            yes: self.yes,
            by: self.by,
        }
    }
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
struct RawDrill {
    #[command(subcommand)]
    verb: Option<RawDrillVerb>,
    /// What is played: a shipped scenario's name (see `drill list`) or a file of your own
    #[arg(long, value_name = "NAME|FILE", default_value = Scenario::DEFAULT)]
    scenario: String,
    /// How many times faster than real time the world runs
    #[arg(
        long,
        value_name = "1..60",
        default_value_t = DrillOptions::DEFAULT_SPEED,
        value_parser = clap::value_parser!(u32).range(1..=i64::from(DrillOptions::MAX_SPEED))
    )]
    speed: u32,
    /// Makes the faults and their order repeat
    #[arg(long, value_name = "N", default_value_t = DrillOptions::DEFAULT_SEED)]
    seed: u64,
    /// Print one JSON object instead of a summary; progress goes to standard error
    #[arg(long)]
    json: bool,
    /// Where report.json, report.md and report.html are written
    #[arg(long, value_name = "DIR", default_value = "./drill-report")]
    out: PathBuf,
    /// Play with this runbook instead of the scenario's
    #[arg(long, value_name = "FILE")]
    runbook: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum RawDrillVerb {
    /// Name every shipped scenario, a line each
    List,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    Drill(PlayDrill),
    ListScenarios,
    Validate {
        config: PathBuf,
    },
    DevCerts {
        config: PathBuf,
        out: PathBuf,
        days: u16,
    },
    ListMembers {
        remote: Remote,
    },
    ChangeMembers {
        remote: Remote,
        change: Change,
    },
    Version,
}

/// One drill.
#[derive(Debug, PartialEq, Eq)]
pub struct PlayDrill {
    pub scenario: String,
    pub options: DrillOptions,
    pub json: bool,
    pub out: PathBuf,
}

impl From<RawArgs> for Command {
    fn from(raw: RawArgs) -> Self {
        match raw.verb {
            RawVerb::Drill(RawDrill {
                verb: Some(RawDrillVerb::List),
                ..
            }) => Self::ListScenarios,
            RawVerb::Drill(raw) => Self::Drill(PlayDrill {
                scenario: raw.scenario,
                options: DrillOptions {
                    speed: raw.speed,
                    seed: raw.seed,
                    runbook: raw.runbook,
                },
                json: raw.json,
                out: raw.out,
            }),
            RawVerb::Validate { config } => Self::Validate { config },
            RawVerb::DevCerts { config, out, days } => Self::DevCerts { config, out, days },
            RawVerb::Member(RawMember { verb, remote }) => {
                let remote = Remote {
                    server: remote.server,
                    output: remote.output,
                };
                let change = match verb {
                    RawMemberVerb::List => return Self::ListMembers { remote },
                    RawMemberVerb::Add(raw) => raw.to(Act::Add),
                    RawMemberVerb::Remove(raw) => raw.to(Act::Remove),
                    RawMemberVerb::Readmit(raw) => raw.to(Act::Readmit),
                    RawMemberVerb::StandDown(raw) => raw.to(Act::StandDown),
                };
                Self::ChangeMembers { remote, change }
            }
            RawVerb::Version => Self::Version,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn meaning(argv: &[&str]) -> Command {
        let argv = std::iter::once("failoverctl").chain(argv.iter().copied());
        RawArgs::try_parse_from(argv)
            .expect("these may be typed")
            .into()
    }

    #[test]
    fn the_definition_is_sound() {
        RawArgs::command().debug_assert();
    }

    #[test]
    fn a_drill_needs_no_argument() {
        assert_eq!(
            meaning(&["drill"]),
            Command::Drill(PlayDrill {
                scenario: "region-outage".to_owned(),
                options: DrillOptions::default(),
                json: false,
                out: "./drill-report".into(),
            })
        );
    }

    #[test]
    fn list_is_a_verb_of_its_own() {
        assert_eq!(meaning(&["drill", "list"]), Command::ListScenarios);
    }

    #[test]
    fn a_change_of_members_says_whom_to_ask() {
        let typed = [
            "member",
            "remove",
            "witness",
            "--yes",
            "--by",
            "Ada",
            "--server",
            "http://127.0.0.1:1",
        ];
        let remote = Remote {
            server: "http://127.0.0.1:1".to_owned(),
            output: Format::Table,
        };
        let change = Change {
            act: Act::Remove,
            id: "witness".to_owned(),
            yes: true,
            by: "Ada".to_owned(),
        };
        assert_eq!(meaning(&typed), Command::ChangeMembers { remote, change });
        let missing = ["failoverctl", "member", "remove"];
        assert!(RawArgs::try_parse_from(missing).is_err());
    }

    #[test]
    fn a_speed_out_of_range_is_refused() {
        for speed in ["0", "61", "-1", "fast"] {
            let typed = ["failoverctl", "drill", "--speed", speed];
            assert!(RawArgs::try_parse_from(typed).is_err(), "{speed}");
        }
    }

    #[test]
    fn help_says_what_there_is() {
        let help = |verb: &str| {
            let mut command = RawArgs::command();
            command.build();
            match command.find_subcommand_mut(verb) {
                Some(found) => found.render_long_help().to_string(),
                None => RawArgs::command().render_long_help().to_string(),
            }
        };
        insta::assert_snapshot!("help", help(""));
        insta::assert_snapshot!("help_drill", help("drill"));
        insta::assert_snapshot!("help_member", help("member"));
    }
}
