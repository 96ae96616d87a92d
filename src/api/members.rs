//! The member list, made of what is configured, what is in the log, and what is heard.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::api::source::{ApiSource, Configured};
use crate::api::wire::{Disk, ListWarning, MemberList, MemberRow, Role};
use crate::daemon::snapshot::Snapshot;
use crate::ledger::{self, Formation, SCHEMA};
use crate::model::MemberId;
use crate::peer::{PeerStatus, Refusal};

/// Who are the members, as this one sees it.
pub(super) fn list(source: &ApiSource) -> MemberList {
    let snapshot = source.now();
    let quorum = &snapshot.cluster.quorum;
    let members = rows(source, &snapshot);
    MemberList {
        answered_by: source.member.id.to_string(),
        leader: quorum.leader.as_ref().map(ToString::to_string),
        term: quorum.term,
        quorum_reachable: quorum.reachable,
        warnings: of_rows(&snapshot, &members),
        members,
    }
}

/// What a person should see to.
pub(super) fn warnings(source: &ApiSource, snapshot: &Snapshot) -> Vec<ListWarning> {
    of_rows(snapshot, &rows(source, snapshot))
}

fn rows(source: &ApiSource, snapshot: &Snapshot) -> Vec<MemberRow> {
    let quorum = &snapshot.cluster.quorum;
    let configured: BTreeMap<&MemberId, &Configured> =
        source.configured.iter().map(|c| (&c.id, c)).collect();
    let peers: BTreeMap<&MemberId, &PeerStatus> = snapshot
        .cluster
        .peers
        .iter()
        .map(|peer| (&peer.member, peer))
        .collect();
    let everybody: BTreeSet<&MemberId> = configured
        .keys()
        .copied()
        .chain(quorum.voters.iter().map(|voter| &voter.member))
        .chain(&quorum.learners)
        .collect();
    everybody
        .into_iter()
        .map(|id| {
            let configured = configured.get(id).copied();
            if *id == source.member.id {
                own(source, snapshot, configured)
            } else {
                other(snapshot, id, configured, peers.get(id).copied())
            }
        })
        .collect()
}

fn own(source: &ApiSource, snapshot: &Snapshot, configured: Option<&Configured>) -> MemberRow {
    let id = &source.member.id;
    let cluster = &snapshot.cluster;
    let refused = matches!(cluster.formation, Formation::Refuse { .. })
        || cluster
            .peers
            .iter()
            .any(|peer| matches!(peer.refuses, Some(Refusal::Disk { .. })));
    let disk = if refused && !cluster.quorum.reachable {
        Disk::Other
    } else if snapshot.state.disks.contains_key(id) {
        Disk::Known
    } else {
        Disk::Unknown
    };
    MemberRow {
        id: id.to_string(),
        region: Some(source.member.region.to_string()),
        address: configured.and_then(|c| c.address.clone()),
        role: role(snapshot, id),
        configured: configured.is_some(),
        last_heard_ms: None,
        connected: true,
        version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        schema: Some(SCHEMA),
        disk,
        trouble: cluster.takes_no_part(),
    }
}

fn other(
    snapshot: &Snapshot,
    id: &MemberId,
    configured: Option<&Configured>,
    peer: Option<&PeerStatus>,
) -> MemberRow {
    let identity = peer.and_then(|peer| peer.identity.as_ref());
    let connected = peer.is_some_and(|peer| peer.connected);
    let wiped = snapshot.cluster.quorum.wiped.iter();
    let disk = if wiped.into_iter().any(|wiped| wiped.member == *id) {
        Disk::Other
    } else if identity.is_some_and(|who| snapshot.state.disks.get(id) == Some(&who.disk)) {
        Disk::Known
    } else {
        Disk::Unknown
    };
    let region = configured.map(|c| &c.region);
    MemberRow {
        id: id.to_string(),
        region: region
            .or(identity.map(|who| &who.region))
            .map(ToString::to_string),
        address: configured.and_then(|c| c.address.clone()),
        role: role(snapshot, id),
        configured: configured.is_some(),
        last_heard_ms: peer.and_then(|peer| peer.last_heard).map(millis),
        connected,
        version: identity.map(|who| who.version.clone()),
        schema: identity.map(|who| who.schema),
        disk,
        trouble: peer
            .filter(|_| !connected)
            .and_then(|peer| peer.last_error.as_ref())
            .map(|fault| fault.message.clone()),
    }
}

fn role(snapshot: &Snapshot, id: &MemberId) -> Role {
    let quorum = &snapshot.cluster.quorum;
    let votes = quorum.voters.iter().any(|voter| voter.member == *id);
    if votes && quorum.leader.as_ref() == Some(id) {
        Role::Leader
    } else if votes {
        Role::Voter
    } else if quorum.learners.contains(id) {
        Role::Learner
    } else {
        Role::Absent
    }
}

fn of_rows(snapshot: &Snapshot, members: &[MemberRow]) -> Vec<ListWarning> {
    let cluster = &snapshot.cluster;
    let quorum = &cluster.quorum;
    let mut warnings = Vec::new();
    let mut warn = |code: &str, text: String| {
        let code = code.to_owned();
        warnings.push(ListWarning { code, text });
    };
    if !quorum.reachable {
        warn(
            "no_quorum",
            "no quorum is reachable from here: nothing is decided and nothing is written"
                .to_owned(),
        );
    }
    if let Some(text) = ledger::even_voters(quorum.voters.len()) {
        warn("even_voters", text);
    }
    if quorum.changing {
        warn(
            "half_changed",
            "a change of members was begun and not finished: ask for it again".to_owned(),
        );
    }
    for wiped in &quorum.wiped {
        warn("other_disk", wiped.to_string());
    }
    for (member, ledger) in &quorum.strangers {
        warn(
            "other_ledger",
            format!(
                "{member} is of another ledger ({ledger}): nothing of it counts here; one of the two \
                 must not run. If this one is right, stop {member}, give it an empty data folder and \
                 run: failoverctl member add {member}"
            ),
        );
    }
    // Before the first election nobody is in the log, and nothing is to be done about it.
    if !quorum.voters.is_empty() {
        for member in &quorum.not_in_log {
            warn(
                "not_in_log",
                format!(
                    "{member} is configured and has no vote; run: failoverctl member add {member}"
                ),
            );
        }
    }
    for member in &quorum.not_configured {
        warn(
            "not_configured",
            format!(
                "{member} is in the cluster and not in the [[member]] list here; run: failoverctl \
                 member remove {member}, or put it into the list"
            ),
        );
    }
    for (member, worst) in &cluster.slow {
        warn(
            "slow",
            format!(
                "the way to {member} and back took {worst:.0?} at its worst, longer than the \
                 heartbeat of {:.0?}; raise `heartbeat` under [cluster]",
                cluster.heartbeat
            ),
        );
    }
    let schemas: BTreeSet<u32> = members.iter().filter_map(|row| row.schema).collect();
    if let (Some(least), Some(most)) = (schemas.first(), schemas.last())
        && least < most
    {
        warn(
            "mixed_schemas",
            format!(
                "some members read log schema {least}, others {most}: finish the upgrade; until \
                 then nothing is written that the older ones cannot read"
            ),
        );
    }
    warnings
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
