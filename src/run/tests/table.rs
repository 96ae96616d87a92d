//! Every pair of (status, event) of the step table, by name. A pair that is not listed here does
//! not compile: the match over both enums has no wildcard.

use super::fixture::{BOOT, OTHER_BOOT, World, plan};
use crate::model::*;

/// The statuses, as the table names them.
#[derive(Clone, Copy, Debug)]
enum From {
    Waiting,
    Awaiting,
    Intent,
    Unknown,
    Done,
    Skipped,
    Failed,
}

/// The events, as the table names them.
#[derive(Clone, Copy, Debug)]
enum On {
    Intent,
    IntentOfAnotherLife,
    Done,
    Skipped,
    Failed,
    Unknown,
    Await,
    NotSent,
    Approve,
    Decline,
    Skip,
    Retry,
}

#[derive(Debug, PartialEq, Eq)]
enum To {
    /// Moves to the status of that name.
    Moves(&'static str),
    /// A repetition: nothing changes.
    Same,
    Refused,
}

const STATUSES: [From; 7] = [
    From::Waiting,
    From::Awaiting,
    From::Intent,
    From::Unknown,
    From::Done,
    From::Skipped,
    From::Failed,
];

const EVENTS: [On; 12] = [
    On::Intent,
    On::IntentOfAnotherLife,
    On::Done,
    On::Skipped,
    On::Failed,
    On::Unknown,
    On::Await,
    On::NotSent,
    On::Approve,
    On::Decline,
    On::Skip,
    On::Retry,
];

fn expected(from: From, on: On) -> To {
    use To::{Moves, Refused, Same};
    match (from, on) {
        (From::Waiting, On::Intent | On::IntentOfAnotherLife) => Moves("intent"),
        (From::Waiting, On::Done) => Moves("done"),
        (From::Waiting, On::Skipped | On::Skip) => Moves("skipped"),
        (From::Waiting, On::Failed) => Moves("failed"),
        (From::Waiting, On::Await) => Moves("awaiting_approval"),
        (From::Waiting, On::Unknown | On::NotSent | On::Approve | On::Decline | On::Retry) => {
            Refused
        }

        (From::Awaiting, On::Await) => Same,
        (From::Awaiting, On::Approve) => Moves("waiting"),
        (From::Awaiting, On::Decline) => Moves("failed"),
        (From::Awaiting, On::Skip) => Moves("skipped"),
        (
            From::Awaiting,
            On::Intent
            | On::IntentOfAnotherLife
            | On::Done
            | On::Skipped
            | On::Failed
            | On::Unknown
            | On::NotSent
            | On::Retry,
        ) => Refused,

        (From::Intent, On::IntentOfAnotherLife) => Moves("intent"),
        (From::Intent, On::Done) => Moves("done"),
        (From::Intent, On::Failed) => Moves("failed"),
        (From::Intent, On::Unknown) => Moves("unknown"),
        (From::Intent, On::Await) => Moves("awaiting_approval"),
        (From::Intent, On::NotSent) => Moves("waiting"),
        (
            From::Intent,
            On::Intent | On::Skipped | On::Approve | On::Decline | On::Skip | On::Retry,
        ) => Refused,

        (From::Unknown, On::Intent | On::IntentOfAnotherLife) => Moves("intent"),
        (From::Unknown, On::Done) => Moves("done"),
        (From::Unknown, On::Failed) => Moves("failed"),
        (From::Unknown, On::Unknown) => Same,
        (From::Unknown, On::Await) => Moves("awaiting_approval"),
        (
            From::Unknown,
            On::Skipped | On::NotSent | On::Approve | On::Decline | On::Skip | On::Retry,
        ) => Refused,

        (From::Done, On::Done) => Same,
        (
            From::Done,
            On::Intent
            | On::IntentOfAnotherLife
            | On::Skipped
            | On::Failed
            | On::Unknown
            | On::Await
            | On::NotSent
            | On::Approve
            | On::Decline
            | On::Skip
            | On::Retry,
        ) => Refused,

        (From::Skipped, On::Skipped) => Same,
        (
            From::Skipped,
            On::Intent
            | On::IntentOfAnotherLife
            | On::Done
            | On::Failed
            | On::Unknown
            | On::Await
            | On::NotSent
            | On::Approve
            | On::Decline
            | On::Skip
            | On::Retry,
        ) => Refused,

        (From::Failed, On::Failed) => Same,
        (From::Failed, On::Skip) => Moves("skipped"),
        (From::Failed, On::Retry) => Moves("waiting"),
        (
            From::Failed,
            On::Intent
            | On::IntentOfAnotherLife
            | On::Done
            | On::Skipped
            | On::Unknown
            | On::Await
            | On::NotSent
            | On::Approve
            | On::Decline,
        ) => Refused,
    }
}

fn at(from: From) -> World {
    let mut world = World::with(plan("shop", 1));
    match from {
        From::Waiting => {}
        From::Awaiting => {
            world.outcome("raise", Outcome::AwaitingApproval).unwrap();
        }
        From::Intent => {
            world.intend("raise", BOOT).unwrap();
        }
        From::Unknown => {
            world.intend("raise", BOOT).unwrap();
            world.unknown("raise").unwrap();
        }
        From::Done => {
            world.intend("raise", BOOT).unwrap();
            world.done("raise").unwrap();
        }
        From::Skipped => {
            world.skip("raise").unwrap();
        }
        From::Failed => {
            world.intend("raise", BOOT).unwrap();
            world.fail("raise").unwrap();
        }
    }
    world
}

fn send(world: &mut World, on: On) -> Result<Event, Rejection> {
    let skipped = Outcome::Skipped {
        why: SkipReason::NotNeeded,
    };
    match on {
        On::Intent => world.intend("raise", BOOT),
        On::IntentOfAnotherLife => world.intend("raise", OTHER_BOOT),
        On::Done => world.done("raise"),
        On::Skipped => world.outcome("raise", skipped),
        On::Failed => world.fail("raise"),
        On::Unknown => world.unknown("raise"),
        On::Await => world.outcome("raise", Outcome::AwaitingApproval),
        On::NotSent => world.not_sent("raise"),
        On::Approve => world.approve("raise", true),
        On::Decline => world.approve("raise", false),
        On::Skip => world.skip("raise"),
        On::Retry => world.retry("raise"),
    }
}

#[test]
fn every_pair_of_status_and_event_does_what_the_table_says() {
    for from in STATUSES {
        for on in EVENTS {
            let mut world = at(from);
            let before = world.status("raise");
            let answer = send(&mut world, on);
            let found = match &answer {
                Ok(Event::NoChange) => To::Same,
                Ok(_) => To::Moves(world.status("raise").as_str()),
                Err(_) => To::Refused,
            };
            assert_eq!(found, expected(from, on), "{from:?} on {on:?}: {answer:?}");
            if found != To::Moves(world.status("raise").as_str()) {
                assert_eq!(before, world.status("raise"), "{from:?} on {on:?}");
            }
        }
    }
}
