//! Every wire of a drill's members: to each other and to AWS; and what is cut of them.
//!
//! ```text
//!  a ── a→b ──▶ b      a's calls to b, and b's answers
//!  a ◀── b→a ── b      b's calls to a, and a's answers
//!  a ──────────▶ AWS
//! ```
//!
//! A cut is told by whose packets are lost. Of a lost way from a to b the one wire loses its calls
//! and the other its answers.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;

use crate::model::MemberId;

use super::relay::{Flow, Relay};

/// Packets that are lost. Cuts add up: a path is whole once none of them is about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// Between members; whoever is not named is everybody.
    Path {
        from: Option<MemberId>,
        to: Option<MemberId>,
    },
    /// What that member asks of others; what they ask of it arrives, and its answers too.
    Calls(MemberId),
    /// Between that member and AWS, both ways.
    Aws(MemberId),
}

/// The wires. They end when dropped.
#[derive(Debug)]
pub(super) struct Wires {
    between: BTreeMap<(MemberId, MemberId), Relay>,
    to_aws: BTreeMap<MemberId, Relay>,
    cuts: Vec<Cut>,
}

impl Wires {
    /// Lays one wire for each ordered pair of members, and one from each to `aws`. Between members
    /// they lead nowhere until [`connect`](Self::connect).
    pub async fn lay(members: &[MemberId], aws: SocketAddr) -> io::Result<Self> {
        let mut between = BTreeMap::new();
        let mut to_aws = BTreeMap::new();
        for from in members {
            to_aws.insert(from.clone(), Relay::start(Some(aws)).await?);
            for to in members.iter().filter(|to| *to != from) {
                between.insert((from.clone(), to.clone()), Relay::start(None).await?);
            }
        }
        Ok(Self {
            between,
            to_aws,
            cuts: Vec::new(),
        })
    }

    /// Where `from` finds each other member.
    pub fn addresses(&self, from: &MemberId) -> BTreeMap<MemberId, SocketAddr> {
        self.between
            .iter()
            .filter(|((caller, _), _)| caller == from)
            .map(|((_, to), relay)| (to.clone(), relay.address()))
            .collect()
    }

    /// Where `from` finds AWS.
    pub fn aws(&self, from: &MemberId) -> Option<SocketAddr> {
        self.to_aws.get(from).map(Relay::address)
    }

    /// `member` listens there from now on, or nowhere.
    pub fn connect(&self, member: &MemberId, listens: Option<SocketAddr>) {
        for ((_, to), relay) in &self.between {
            if to == member {
                relay.lead_to(listens);
            }
        }
    }

    /// Those packets are lost from now on.
    pub fn cut(&mut self, cut: Cut) {
        self.cuts.push(cut);
        self.apply();
    }

    /// Ends one such cut; says whether there was one.
    pub fn mend(&mut self, cut: &Cut) -> bool {
        let Some(index) = self.cuts.iter().position(|known| known == cut) else {
            return false;
        };
        self.cuts.remove(index);
        self.apply();
        true
    }

    fn apply(&self) {
        for ((caller, called), relay) in &self.between {
            let silent = self.cuts.contains(&Cut::Calls(caller.clone()));
            relay.let_pass(Flow {
                there: !silent && !self.loses(caller, called),
                back: !silent && !self.loses(called, caller),
            });
        }
        for (member, relay) in &self.to_aws {
            let cut = self.cuts.contains(&Cut::Aws(member.clone()));
            relay.let_pass(if cut { Flow::CUT } else { Flow::OPEN });
        }
    }

    fn loses(&self, sender: &MemberId, receiver: &MemberId) -> bool {
        self.cuts.iter().any(|cut| match cut {
            Cut::Path { from, to } => {
                from.as_ref().is_none_or(|from| from == sender)
                    && to.as_ref().is_none_or(|to| to == receiver)
            }
            Cut::Calls(_) | Cut::Aws(_) => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> MemberId {
        MemberId::from(name)
    }

    async fn wires() -> Wires {
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
        Wires::lay(&[id("a"), id("b"), id("c")], nowhere)
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn every_member_finds_every_other_at_an_address_of_its_own() {
        let wires = wires().await;
        let mut seen = std::collections::BTreeSet::new();
        for member in ["a", "b", "c"] {
            let others = wires.addresses(&id(member));
            assert_eq!(others.len(), 2);
            assert!(!others.contains_key(&id(member)));
            seen.extend(others.into_values());
            seen.extend(wires.aws(&id(member)));
        }
        assert_eq!(seen.len(), 9);
    }

    #[tokio::test]
    async fn cuts_add_up_and_are_mended_one_by_one() {
        let mut wires = wires().await;
        let out = Cut::Path {
            from: Some(id("a")),
            to: None,
        };
        let into = Cut::Path {
            from: None,
            to: Some(id("b")),
        };
        wires.cut(out.clone());
        wires.cut(into.clone());
        let lost = |wires: &Wires, from, to| wires.loses(&id(from), &id(to));
        assert!(lost(&wires, "a", "b") && lost(&wires, "a", "c") && lost(&wires, "c", "b"));
        assert!(!lost(&wires, "b", "a") && !lost(&wires, "b", "c") && !lost(&wires, "c", "a"));
        assert!(wires.mend(&out));
        assert!(lost(&wires, "a", "b") && !lost(&wires, "a", "c"));
        assert!(wires.mend(&into));
        assert!(!lost(&wires, "a", "b"));
        assert!(!wires.mend(&into), "it is mended already");
    }
}
