//! `failoverctl member`: who is a member, and changing it.

use std::io::{BufRead, IsTerminal, Write, stderr, stdin};
use std::time::Duration;

use super::client::{Client, ClientError, wrapped};
use super::table::table;
use super::{Exit, output};
use crate::api::wire::{ChangeBody, Disk, MemberList, MemberRow, Role};
use crate::daemon::members::{ChangeCode, MembersNow};

/// A member that catches up from a snapshot over a slow link takes so many rounds at the most; each
/// of them is some seconds long.
const ROUNDS: u32 = 30;

/// Between two rounds.
const PAUSE: Duration = Duration::from_secs(1);

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people
    Table,
    /// One JSON object
    Json,
}

/// Whom to ask, and how the answer is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    pub server: String,
    pub output: Format,
}

/// A change, as it was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub act: Act,
    pub id: String,
    pub yes: bool,
    pub by: String,
}

/// What may be done with a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Add,
    Remove,
    Readmit,
    StandDown,
}

impl Act {
    /// As the API calls it.
    fn path(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Remove => "remove",
            Self::Readmit => "readmit",
            Self::StandDown => "stand-down",
        }
    }

    fn warning(self, id: &str) -> String {
        match self {
            Self::Add => format!("{id} will have a vote in every decision."),
            Self::Remove => format!(
                "{id} will have no vote, and its data folder will be forgotten. Stop its daemon, or \
                 it will alarm that it has lost the quorum."
            ),
            Self::Readmit => format!(
                "The old data folder of {id} will be forgotten, with all that it promised. Do this \
                 only if that folder is lost for good."
            ),
            Self::StandDown => format!(
                "{id} will give up leadership. Nothing is decided until another member leads, \
                 which takes some seconds."
            ),
        }
    }

    fn done(self, id: &str) -> String {
        match self {
            Self::Add => format!("{id} has a vote."),
            Self::Remove => format!("{id} is no member any more."),
            Self::Readmit => format!("{id} is back, and has a vote."),
            Self::StandDown => {
                format!("{id} does not lead any more. Who does: failoverctl member list.")
            }
        }
    }
}

/// Shows who is a member.
pub fn list(remote: &Remote) -> Exit {
    let asked =
        Client::new(&remote.server).and_then(|client| client.get::<MemberList>(&["v1", "members"]));
    match asked {
        Ok(list) => match remote.output {
            Format::Table => output::answer(&render(&list), Exit::Good),
            Format::Json => json(&list),
        },
        Err(error) => failed(&error),
    }
}

/// Has it changed, if whoever typed it means it.
pub fn change(remote: &Remote, change: &Change) -> Exit {
    if !change.yes
        && let Err(exit) = confirm(change)
    {
        return exit;
    }
    let asked = Client::new(&remote.server).and_then(|client| ask(&client, change));
    match asked {
        Ok(now) => match remote.output {
            Format::Table => output::answer(&done(change, &now), Exit::Good),
            Format::Json => json(&now),
        },
        Err(error) => failed(&error),
    }
}

/// Asks again for as long as the answer is that it is under way.
fn ask(client: &Client, change: &Change) -> Result<MembersNow, ClientError> {
    let path = ["v1", "members", &change.id, change.act.path()];
    let body = ChangeBody {
        by: change.by.clone(),
    };
    let mut told = None;
    for _ in 1..ROUNDS {
        match client.post(&path, &body) {
            Err(ClientError::Problem(problem))
                if problem.code == ChangeCode::Unfinished.as_str() =>
            {
                if told.as_ref() != Some(&problem.detail) {
                    output::complain(
                        wrapped("", &format!("{}; waiting", problem.detail)).trim_end(),
                    );
                    told = Some(problem.detail);
                }
                client.pause(PAUSE);
            }
            other => return other,
        }
    }
    client.post(&path, &body)
}

/// Whoever is at the terminal types the member's id.
fn confirm(change: &Change) -> Result<(), Exit> {
    if !stdin().is_terminal() || !stderr().is_terminal() {
        output::complain(&format!(
            "error: nobody can be asked to confirm: this is not a terminal\n  help: Add --yes to {} \
             {} without a question.",
            change.act.path(),
            change.id
        ));
        return Err(Exit::Usage);
    }
    match confirmed(change, &mut stdin().lock(), &mut stderr().lock()) {
        Ok(true) => Ok(()),
        // Nobody there any more is no yes either.
        Ok(false) | Err(_) => {
            output::complain("not confirmed: nothing was done");
            Err(Exit::No)
        }
    }
}

/// Says what will be done, and reads whether that is meant.
fn confirmed(
    change: &Change,
    typed: &mut impl BufRead,
    shown: &mut impl Write,
) -> std::io::Result<bool> {
    let question = wrapped("", &change.act.warning(&change.id));
    write!(shown, "{question}Type {} to confirm: ", change.id)?;
    shown.flush()?;
    let mut line = String::new();
    typed.read_line(&mut line)?;
    Ok(line.trim() == change.id)
}

fn failed(error: &ClientError) -> Exit {
    output::complain(error.render().trim_end());
    error.exit()
}

fn json(what: &impl serde::Serialize) -> Exit {
    match serde_json::to_string_pretty(what) {
        Ok(text) => output::answer(&(text + "\n"), Exit::Good),
        Err(error) => {
            output::complain(&format!("error: {error}"));
            Exit::No
        }
    }
}

fn done(change: &Change, now: &MembersNow) -> String {
    let voters: Vec<&str> = now.voters.iter().map(|id| id.as_str()).collect();
    let mut text = wrapped("", &change.act.done(&change.id));
    text += &wrapped("", &format!("Voting: {}.", voters.join(", ")));
    if let Some(warning) = &now.warning {
        text += &wrapped("warning: ", warning);
    }
    text
}

fn render(list: &MemberList) -> String {
    let leads = match &list.leader {
        Some(leader) => format!("{leader} leads (term {})", list.term),
        None => "nobody leads".to_owned(),
    };
    let mut text = wrapped("", &format!("As {} sees it: {leads}.", list.answered_by));
    text.push('\n');
    let head = [
        "MEMBER", "REGION", "ROLE", "HEARD", "LINK", "VERSION", "SCHEMA", "DISK",
    ];
    let rows: Vec<Vec<String>> = list.members.iter().map(|row| cells(list, row)).collect();
    text += &table(&head, &rows);
    let troubled = list.members.iter().filter_map(|row| {
        let trouble = row.trouble.as_ref()?;
        Some(wrapped(&format!("{}: ", row.id), trouble))
    });
    let warned = list.warnings.iter().map(|w| wrapped("warning: ", &w.text));
    let notes: String = troubled.chain(warned).collect();
    if !notes.is_empty() {
        text.push('\n');
        text += &notes;
    }
    text
}

fn cells(list: &MemberList, row: &MemberRow) -> Vec<String> {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let own = row.id == list.answered_by;
    vec![
        row.id.clone(),
        or_dash(row.region.clone()),
        match row.role {
            Role::Leader => "leader",
            Role::Voter => "voter",
            Role::Learner => "learner",
            Role::Absent => "no vote",
        }
        .to_owned(),
        match row.last_heard_ms {
            _ if own => "itself".to_owned(),
            Some(ms) => ago(ms),
            None => "never".to_owned(),
        },
        if row.connected { "up" } else { "DOWN" }.to_owned(),
        or_dash(row.version.clone()),
        or_dash(row.schema.map(|schema| schema.to_string())),
        match row.disk {
            Disk::Known => "known",
            Disk::Other => "OTHER",
            Disk::Unknown => "-",
        }
        .to_owned(),
    ]
}

/// How long ago: to the second, and coarser the longer it is.
fn ago(ms: u64) -> String {
    match ms / 1_000 {
        0 => format!("{ms} ms"),
        s @ 1..120 => format!("{s} s"),
        s @ 120..7_200 => format!("{} min", s / 60),
        s @ 7_200..172_800 => format!("{} h", s / 3_600),
        s => format!("{} d", s / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::wire::ListWarning;

    fn row(id: &str, role: Role) -> MemberRow {
        MemberRow {
            id: id.to_owned(),
            region: Some(id.to_owned()),
            address: Some(format!("failoverd.{id}.example.net:7401")),
            role,
            configured: true,
            last_heard_ms: Some(412),
            connected: true,
            version: Some("0.1.0".to_owned()),
            schema: Some(3),
            disk: Disk::Known,
            trouble: None,
        }
    }

    #[test]
    fn a_list_fits_a_terminal() {
        let list = MemberList {
            answered_by: "eu-central-1".to_owned(),
            leader: Some("eu-west-1".to_owned()),
            term: 7,
            quorum_reachable: true,
            members: vec![
                row("ap-northeast-1", Role::Learner),
                MemberRow {
                    last_heard_ms: None,
                    ..row("eu-central-1", Role::Voter)
                },
                row("eu-west-1", Role::Leader),
                MemberRow {
                    last_heard_ms: Some(400_000_000),
                    connected: false,
                    disk: Disk::Other,
                    version: None,
                    schema: None,
                    trouble: Some(
                        "refused here: `witness` has another data folder (d2) than the cluster \
                         knows (d1): failoverctl member readmit witness"
                            .to_owned(),
                    ),
                    ..row("witness", Role::Voter)
                },
                MemberRow {
                    last_heard_ms: None,
                    connected: false,
                    region: None,
                    disk: Disk::Unknown,
                    ..row("new", Role::Absent)
                },
            ],
            warnings: vec![ListWarning {
                code: "not_in_log".to_owned(),
                text: "new is configured and has no vote; run: failoverctl member add new"
                    .to_owned(),
            }],
        };
        let text = render(&list);
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
        insta::assert_snapshot!("member_list", text);
    }

    #[test]
    fn a_change_says_what_is_and_what_is_wrong_with_it() {
        let change = Change {
            act: Act::Remove,
            id: "witness".to_owned(),
            yes: true,
            by: "Ada".to_owned(),
        };
        let now = MembersNow {
            voters: ["eu-central-1", "eu-west-1"].map(Into::into).into(),
            warning: crate::ledger::even_voters(2),
        };
        insta::assert_snapshot!("member_removed", done(&change, &now));
    }

    #[test]
    fn only_the_members_own_id_confirms() {
        for act in [Act::Add, Act::Remove, Act::Readmit, Act::StandDown] {
            let change = Change {
                act,
                id: "witness".to_owned(),
                yes: false,
                by: "Ada".to_owned(),
            };
            for (typed, yes) in [
                ("witness\n", true),
                ("  witness\r\n", true),
                ("yes\n", false),
                ("witnes\n", false),
                ("\n", false),
                ("", false),
            ] {
                let mut shown = Vec::new();
                let meant = confirmed(&change, &mut typed.as_bytes(), &mut shown);
                assert_eq!(meant.expect("memory"), yes, "{typed:?}");
                let shown = String::from_utf8(shown).expect("text");
                assert!(shown.ends_with("Type witness to confirm: "), "{shown}");
                assert!(shown.lines().all(|l| l.chars().count() <= 80), "{shown}");
            }
        }
    }

    #[test]
    fn a_length_of_time_is_short() {
        for (ms, text) in [
            (999, "999 ms"),
            (1_999, "1 s"),
            (119_999, "119 s"),
            (120_000, "2 min"),
            (7_200_000, "2 h"),
            (172_800_000, "2 d"),
        ] {
            assert_eq!(ago(ms), text);
        }
    }
}
