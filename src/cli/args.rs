//! What may be typed after `failoverctl`, and what it means.

use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use super::ask::Ask;
use super::break_glass::BreakGlass;
use super::drill_remote::{GameDay, RawGameDay, SANDBOX};
use super::frame::RawGlobal;
use super::iam_policy::IamPolicy;
use super::ledger::RawLedger;
use super::token::NewToken;
use crate::drill::{DrillOptions, Scenario};

/// Moves live applications between AWS Regions, and proves on any day that it can.
#[derive(Debug, Parser)]
#[command(name = "failoverctl", version, max_term_width = 80)]
#[command(
    after_help = "Exit codes: 0 good; 1 the answer is no (a drill failed, a check found \
    problems); 2 usage or configuration; 3 unreachable; 4 refused by a guard; 5 not authorised."
)]
pub struct RawArgs {
    #[command(flatten)]
    global: RawGlobal,
    #[command(subcommand)]
    verb: RawVerb,
}

#[derive(Debug, Subcommand)]
enum RawVerb {
    #[command(flatten)]
    Ask(Ask),
    /// Play a game day: a Region dies in an emulated world, and failoverd must cope
    ///
    /// Nothing but this host's loopback interface is used. The report is written to --out.
    ///
    /// With an APPLICATION it is a game day on the live cluster: the daemons at --server rehearse the
    /// loss of the Region that serves, down to a look at each step of the plan, and change nothing. With
    /// --live they move it in earnest: a planned switchover, a soak, and back.
    Drill(RawDrill),
    /// Check the configuration and its runbooks, offline
    Validate {
        /// The configuration file
        #[arg(long, value_name = "FILE", default_value = "failoverd.toml")]
        config: PathBuf,
    },
    /// Print the least IAM policy that the configuration needs, offline
    ///
    /// What the runbooks of its applications change, what their steps and the members read, on these
    /// resources and no others. Nothing is asked of AWS.
    IamPolicy(IamPolicy),
    /// Move an application without a quorum: by a named person, from anywhere
    ///
    /// For when the members cannot: most of them are gone, or the ledger is. It starts no daemon and
    /// asks no API. What it does is written into a journal folder; the same folder goes on with it.
    #[command(
        override_usage = "failoverctl break-glass APP --to REGION --by NAME --reason TEXT [OPTIONS]"
    )]
    BreakGlass(BreakGlass),
    /// Back up, look into, restore or force the ledger, on a stopped member's host
    #[command(subcommand)]
    Ledger(RawLedger),
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
    /// Make a token for somebody who may ask a daemon
    #[command(subcommand)]
    Token(RawToken),
    /// Print what makes a shell complete failoverctl's words
    ///
    /// For bash: failoverctl completions bash > /etc/bash_completion.d/failoverctl
    Completions {
        /// Which shell
        #[arg(value_enum)]
        shell: Shell,
    },
    /// Print failoverctl's manual page, or write one page per verb
    Man {
        /// Where a page per verb is written; the main page goes to standard output if absent
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// Print the version
    Version,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
struct RawDrill {
    #[command(subcommand)]
    verb: Option<RawDrillVerb>,
    /// On the live cluster: the application that is drilled
    #[arg(conflicts_with_all = SANDBOX)]
    application: Option<String>,
    #[command(flatten)]
    game_day: RawGameDay,
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
    ///
    /// ./drill-report if absent; of a drill on the live cluster they are written only where this says.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Play with this runbook instead of the scenario's
    #[arg(long, value_name = "FILE")]
    runbook: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum RawDrillVerb {
    /// Name every shipped scenario, a line each
    List,
}

/// All that may be typed, for whatever reads it but people.
pub fn words() -> clap::Command {
    let mut command = RawArgs::command();
    command.build();
    command
}

/// The same for people: what may be said with every verb that asks a daemon stands on the first page
/// alone, but for how the answer is written.
pub fn definition() -> clap::Command {
    let mut command = words();
    let verbs: Vec<String> = command
        .get_subcommands()
        .map(|verb| verb.get_name().to_owned())
        .collect();
    for verb in verbs {
        let asks = !OFFLINE.contains(&verb.as_str());
        command = command.mut_subcommand(verb, |verb| brief(verb, asks));
    }
    command
}

#[derive(Debug, Subcommand)]
enum RawToken {
    /// Draw a token, and print it with the block that makes the members know it
    ///
    /// Nothing is asked of anybody and nothing is written. The token is printed once; its hash alone
    /// stands in the file of tokens, which every member reads.
    New(NewToken),
}

/// The verbs that ask nobody.
const OFFLINE: [&str; 10] = [
    "drill",
    "validate",
    "iam-policy",
    "ledger",
    "dev-certs",
    "token",
    "completions",
    "man",
    "version",
    "help",
];

fn brief(command: clap::Command, asks: bool) -> clap::Command {
    let command = command.mut_args(|arg| {
        let keep = !arg.is_global_set() || asks && arg.get_id() == "output";
        // -h and --help are nobody's invention.
        let keep = keep || arg.get_id() == "help";
        arg.hide(!keep).help_heading(None::<&str>)
    });
    let command = command.mut_subcommands(|verb| brief(verb, asks));
    if asks {
        command.after_help("Whom to ask, as whom, and in which colours: see `failoverctl --help`.")
    } else {
        command
    }
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    Drill(PlayDrill),
    ListScenarios,
    Validate {
        config: PathBuf,
    },
    IamPolicy(IamPolicy),
    BreakGlass(BreakGlass),
    Ledger(RawLedger),
    DevCerts {
        config: PathBuf,
        out: PathBuf,
        days: u16,
    },
    Ask {
        global: RawGlobal,
        verb: Ask,
    },
    NewToken(NewToken),
    Completions {
        shell: Shell,
    },
    Man {
        out: Option<PathBuf>,
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
            RawVerb::Drill(RawDrill {
                application: Some(application),
                game_day,
                out,
                ..
            }) => Self::Ask {
                global: raw.global,
                verb: Ask::GameDay(GameDay {
                    application,
                    typed: game_day,
                    out,
                }),
            },
            RawVerb::Drill(raw) => Self::Drill(PlayDrill {
                scenario: raw.scenario,
                options: DrillOptions {
                    speed: raw.speed,
                    seed: raw.seed,
                    runbook: raw.runbook,
                },
                json: raw.json,
                out: raw.out.unwrap_or_else(|| "./drill-report".into()),
            }),
            RawVerb::Validate { config } => Self::Validate { config },
            RawVerb::IamPolicy(asked) => Self::IamPolicy(asked),
            RawVerb::BreakGlass(asked) => Self::BreakGlass(asked),
            RawVerb::Ledger(verb) => Self::Ledger(verb),
            RawVerb::DevCerts { config, out, days } => Self::DevCerts { config, out, days },
            RawVerb::Ask(verb) => Self::Ask {
                global: raw.global,
                verb,
            },
            RawVerb::Token(RawToken::New(asked)) => Self::NewToken(asked),
            RawVerb::Completions { shell } => Self::Completions { shell },
            RawVerb::Man { out } => Self::Man { out },
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
    fn a_drill_of_an_application_asks_the_live_cluster() {
        let typed = [
            "drill",
            "shop",
            "--reason",
            "weekly",
            "--server",
            "http://a:1",
        ];
        let Command::Ask { global, verb } = meaning(&typed) else {
            panic!("it asks");
        };
        assert_eq!(global.server, ["http://a:1"]);
        assert!(matches!(verb, Ask::GameDay(day) if day.application == "shop"));
        for mixed in [
            ["drill", "shop", "--seed", "7"],
            ["drill", "--to", "eu-west-1", "--json"],
        ] {
            let typed = std::iter::once("failoverctl").chain(mixed);
            assert!(RawArgs::try_parse_from(typed).is_err(), "{mixed:?}");
        }
    }

    #[test]
    fn list_is_a_verb_of_its_own() {
        assert_eq!(meaning(&["drill", "list"]), Command::ListScenarios);
    }

    #[test]
    fn a_speed_out_of_range_is_refused() {
        for speed in ["0", "61", "-1", "fast"] {
            let typed = ["failoverctl", "drill", "--speed", speed];
            assert!(RawArgs::try_parse_from(typed).is_err(), "{speed}");
        }
    }

    #[test]
    fn the_options_of_asking_may_stand_before_and_after_the_verb() {
        let typed = ["--server", "http://a:1,http://b:2", "whoami", "--by", "Ada"];
        let Command::Ask { global, .. } = meaning(&typed) else {
            panic!("a verb that asks");
        };
        assert_eq!(global.server, ["http://a:1", "http://b:2"]);
        assert_eq!(global.by, "Ada");
    }

    /// Each verb's page, whatever verbs there are.
    #[test]
    fn help_says_what_there_is() {
        pages("help", definition().term_width(80));
    }

    fn pages(name: &str, mut command: clap::Command) {
        let text = command.render_long_help().to_string();
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{name}: {line}");
        }
        insta::assert_snapshot!(name.to_owned(), text);
        for verb in command.get_subcommands() {
            if verb.get_name() != "help" {
                let verb = verb.clone().term_width(80);
                pages(&format!("{name}_{}", verb.get_name()), verb);
            }
        }
    }
}
