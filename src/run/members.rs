//! Which data folder each member speaks from.
//!
//! Invariant: a member's data folder changes only by way of being forgotten: a wiped member cannot
//! take its old place by itself.

use std::collections::BTreeMap;

use crate::model::{DiskId, Event, MemberId, Rejection, State};

pub(super) fn found(
    state: &mut State,
    disks: &BTreeMap<MemberId, DiskId>,
) -> Result<Event, Rejection> {
    if &state.disks == disks {
        return Ok(Event::NoChange);
    }
    if !state.disks.is_empty() {
        return Err(Rejection::Founded);
    }
    state.disks.clone_from(disks);
    Ok(Event::DisksChanged)
}

pub(super) fn record(
    state: &mut State,
    member: &MemberId,
    disk: DiskId,
) -> Result<Event, Rejection> {
    match state.disks.get(member) {
        Some(known) if *known == disk => Ok(Event::NoChange),
        Some(known) => Err(Rejection::OtherDisk {
            member: member.clone(),
            known: *known,
            got: disk,
        }),
        None => {
            state.disks.insert(member.clone(), disk);
            Ok(Event::DisksChanged)
        }
    }
}

/// The last one stays: an empty map means a cluster that is not founded yet.
pub(super) fn readmit(state: &mut State, member: &MemberId) -> Result<Event, Rejection> {
    if !state.disks.contains_key(member) {
        return Ok(Event::NoChange);
    }
    if state.disks.len() == 1 {
        return Err(Rejection::LastDisk {
            member: member.clone(),
        });
    }
    state.disks.remove(member);
    Ok(Event::DisksChanged)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disks(of: &[(&str, u128)]) -> BTreeMap<MemberId, DiskId> {
        of.iter()
            .map(|(member, disk)| (MemberId::from(*member), DiskId(*disk)))
            .collect()
    }

    #[test]
    fn a_cluster_is_founded_once() {
        let mut state = State::default();
        let first = disks(&[("a", 1), ("b", 2)]);
        assert_eq!(found(&mut state, &first), Ok(Event::DisksChanged));
        assert_eq!(found(&mut state, &first), Ok(Event::NoChange));
        let other = disks(&[("a", 1), ("b", 3)]);
        assert_eq!(found(&mut state, &other), Err(Rejection::Founded));
        assert_eq!(state.disks, first);
    }

    #[test]
    fn a_wiped_member_is_refused_until_it_is_readmitted() {
        let mut state = State {
            disks: disks(&[("a", 1), ("b", 2)]),
            ..State::default()
        };
        let b = MemberId::from("b");
        let refused = record(&mut state, &b, DiskId(9)).expect_err("refused");
        assert!(
            refused
                .to_string()
                .ends_with("failoverctl member readmit b"),
            "{refused}"
        );
        assert_eq!(readmit(&mut state, &b), Ok(Event::DisksChanged));
        assert_eq!(readmit(&mut state, &b), Ok(Event::NoChange));
        assert_eq!(record(&mut state, &b, DiskId(9)), Ok(Event::DisksChanged));
        assert_eq!(record(&mut state, &b, DiskId(9)), Ok(Event::NoChange));
    }

    #[test]
    fn the_last_data_folder_is_not_forgotten() {
        let mut state = State {
            disks: disks(&[("a", 1)]),
            ..State::default()
        };
        let a = MemberId::from("a");
        assert_eq!(
            readmit(&mut state, &a),
            Err(Rejection::LastDisk { member: a })
        );
    }
}
