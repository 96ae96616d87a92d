//! `failoverctl member`: who is a member, and changing it.

use std::time::Duration;

use clap::{Args, Subcommand};

use super::frame::{
    Cell, ClientError, Ended, Frame, Palette, RawWatch, Table, Tone, confirm, length, or_dash,
    watch, wrapped,
};
use super::{Exit, output};
use crate::api::wire::{ChangeBody, Disk, MemberList, MemberRow, Role};
use crate::daemon::members::{ChangeCode, MembersNow};

/// A member that catches up from a snapshot over a slow link takes so many rounds at the most; each
/// of them is some seconds long.
const ROUNDS: u32 = 30;

/// Between two rounds.
const PAUSE: Duration = Duration::from_secs(1);

/// As typed.
#[derive(Debug, PartialEq, Eq, Subcommand)]
pub enum RawMember {
    /// Show every member: its role, when it was last heard, what is wrong
    List(RawWatch),
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

/// One change, as typed.
#[derive(Debug, PartialEq, Eq, Args)]
pub struct RawChange {
    /// The member
    id: String,
    /// Do it without asking to type the member's id
    #[arg(long)]
    yes: bool,
}

/// A change and whom it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Change {
    act: Act,
    id: String,
}

/// What may be done with a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
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

impl RawMember {
    /// Shows who is a member, or has it changed if whoever typed it means it.
    ///
    /// # Errors
    /// Nobody answers, the answer is no, or it was not confirmed.
    pub fn run(&self, frame: &Frame) -> Ended {
        let (act, raw) = match self {
            Self::List(raw) => {
                let fetch = || frame.client.get::<MemberList>(&["v1", "members"]);
                return watch(frame, *raw, fetch, render);
            }
            Self::Add(raw) => (Act::Add, raw),
            Self::Remove(raw) => (Act::Remove, raw),
            Self::Readmit(raw) => (Act::Readmit, raw),
            Self::StandDown(raw) => (Act::StandDown, raw),
        };
        let change = Change {
            act,
            id: raw.id.clone(),
        };
        if !raw.yes {
            confirm(&wrapped("", &act.warning(&raw.id)), &raw.id)?;
        }
        let now = ask(frame, &change)?;
        Ok(frame.show(&now, Exit::Good, |now, _| done(&change, now)))
    }
}

/// Asks again for as long as the answer is that it is under way.
fn ask(frame: &Frame, change: &Change) -> Result<MembersNow, ClientError> {
    let path = ["v1", "members", &change.id, change.act.path()];
    let body = ChangeBody {
        by: frame.by.clone(),
    };
    let mut told = None;
    for _ in 1..ROUNDS {
        match frame.client.post(&path, &body) {
            Err(ClientError::Problem { problem, .. })
                if problem.code == ChangeCode::Unfinished.as_str() =>
            {
                if told.as_ref() != Some(&problem.detail) {
                    output::complain(
                        wrapped("", &format!("{}; waiting", problem.detail)).trim_end(),
                    );
                    told = Some(problem.detail);
                }
                frame.client.pause(PAUSE)?;
            }
            other => return other,
        }
    }
    frame.client.post(&path, &body)
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

fn render(list: &MemberList, palette: Palette) -> String {
    let leads = match &list.leader {
        Some(leader) => format!("{leader} leads (term {})", list.term),
        None => "nobody leads".to_owned(),
    };
    let mut text = wrapped("", &format!("As {} sees it: {leads}.", list.answered_by));
    text.push('\n');
    let head = [
        "MEMBER", "REGION", "ROLE", "HEARD", "LINK", "VERSION", "SCHEMA", "DISK",
    ];
    let mut table = Table::new(head);
    for row in &list.members {
        table.row(cells(list, row));
    }
    text += &table.render(palette);
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

fn cells(list: &MemberList, row: &MemberRow) -> [Cell; 8] {
    let own = row.id == list.answered_by;
    let schema = row.schema.map(|schema| schema.to_string());
    [
        row.id.as_str().into(),
        or_dash(row.region.as_deref()).into(),
        match row.role {
            Role::Leader => Cell::toned(Tone::Strong, "leader"),
            Role::Voter => "voter".into(),
            Role::Learner => "learner".into(),
            Role::Absent => "no vote".into(),
        },
        match row.last_heard_ms {
            _ if own => "itself".into(),
            Some(ms) => length(ms).into(),
            None => "never".into(),
        },
        if row.connected {
            Cell::toned(Tone::Good, "up")
        } else {
            Cell::toned(Tone::Bad, "DOWN")
        },
        or_dash(row.version.as_deref()).into(),
        or_dash(schema.as_deref()).into(),
        match row.disk {
            Disk::Known => "known".into(),
            Disk::Other => Cell::toned(Tone::Bad, "OTHER"),
            Disk::Unknown => "-".into(),
        },
    ]
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
        let text = render(&list, Palette::PLAIN);
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
        };
        let now = MembersNow {
            voters: ["eu-central-1", "eu-west-1"].map(Into::into).into(),
            warning: crate::ledger::even_voters(2),
        };
        insta::assert_snapshot!("member_removed", done(&change, &now));
    }
}
