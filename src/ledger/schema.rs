//! A rolling upgrade: the leader proposes only what every member can read, and only what this version
//! still takes.
//!
//! What `apply` makes of a command may never change once a released failoverd knew it: members of two
//! versions would make two states of one log. So a rule that is added later stands here, before the log,
//! or `apply` goes by something in the command that older ones do not have.

use std::collections::BTreeMap;

use crate::model::{Command, CommandBody, MemberId, Rejection};

use super::core::Core;
use super::store::{FIRST_SCHEMA, SCHEMA};

/// Whether every member of the cluster knows that command.
pub(super) fn admits(core: &Core, command: &Command) -> Result<(), Rejection> {
    still_taken(command)?;
    let needs = command.since_schema();
    if needs <= FIRST_SCHEMA {
        return Ok(());
    }
    check(needs, &announced(core))
}

/// A log may hold pauses without an end: `apply` takes them as it always has. That of a restored
/// ledger is no command of its own, and ends with a person's word.
fn still_taken(command: &Command) -> Result<(), Rejection> {
    if matches!(
        &command.body,
        CommandBody::PauseAutomation { until: None, .. }
    ) {
        return Err(Rejection::PauseWithoutEnd);
    }
    Ok(())
}

/// The newest schema that each member of the cluster, learners included, says it can read.
pub(super) fn announced(core: &Core) -> BTreeMap<MemberId, u32> {
    let metrics = core.metrics();
    let nodes = metrics.membership_config.membership().nodes();
    nodes
        .map(|(_, peer)| {
            let schema = if peer.member == core.member {
                SCHEMA
            } else {
                let hello = core.roll.hello_of(&peer.member);
                // Not heard since this process started: it may be of the first release.
                hello.map_or(FIRST_SCHEMA, |hello| hello.schema)
            };
            (peer.member.clone(), schema)
        })
        .collect()
}

/// The first member that does not know what is needed is the reason.
pub(super) fn check(needs: u32, announced: &BTreeMap<MemberId, u32>) -> Result<(), Rejection> {
    match announced.iter().find(|(_, knows)| **knows < needs) {
        None => Ok(()),
        Some((member, knows)) => Err(Rejection::OldMember {
            member: member.clone(),
            needs,
            knows: *knows,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Wall;

    #[test]
    fn a_pause_without_an_end_never_reaches_the_log() {
        let pause = |until| Command {
            at: Wall(1),
            body: CommandBody::PauseAutomation {
                app: None,
                by: "ada".to_owned(),
                reason: "patches".to_owned(),
                until,
            },
        };
        assert_eq!(still_taken(&pause(Some(Wall(2)))), Ok(()));
        assert_eq!(still_taken(&pause(None)), Err(Rejection::PauseWithoutEnd));
    }

    #[test]
    fn a_new_command_waits_for_the_last_old_member() {
        let mut announced = BTreeMap::from([
            (MemberId::from("frankfurt"), 2),
            (MemberId::from("ireland"), 1),
        ]);
        let refused = check(2, &announced).expect_err("refused");
        assert_eq!(
            refused.to_string(),
            "the command needs log schema 2, member ireland knows up to 1; upgrade it first"
        );
        assert_eq!(check(1, &announced), Ok(()));
        announced.insert(MemberId::from("ireland"), 3);
        assert_eq!(check(2, &announced), Ok(()));
    }
}
