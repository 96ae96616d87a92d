//! What a data folder is of, and how far it has come: what members tell each other before their logs
//! speak.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::DiskId;

/// Which ledger a log is of. Two ledgers may have members of the same names on the same addresses with
/// the same certificates: a restored one and what is left of the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LedgerId {
    /// It began with a cluster of empty members.
    Founded,
    /// It began with what another had known, in this data folder: drawn at random, and only once.
    Begun(DiskId),
}

impl fmt::Display for LedgerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Founded => f.pad("the ledger that was founded with empty members"),
            Self::Begun(disk) => write!(f, "the ledger begun anew on disk {disk}"),
        }
    }
}

/// How far a data folder's promises and entries go. Of one folder it never goes back, unless the
/// folder was put back to an earlier time.
///
/// Compared in this order: a later promise counts for more than any number of entries. Entries count
/// only under the leader that the promise was given to: those of earlier leaders may rightly be taken
/// back.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct DiskMark {
    /// The newest term in which it has promised its vote,
    pub term: u64,
    /// the one it was promised to,
    pub candidate: u64,
    /// and the last entry of that leader's that it holds; 0 without any.
    pub index: u64,
}

impl fmt::Display for DiskMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "term {}, entry {}", self.term, self.index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_promise_counts_for_more_than_entries() {
        let mark = |term, candidate, index| DiskMark {
            term,
            candidate,
            index,
        };
        let in_order = [
            mark(0, 0, 0),
            mark(3, 1, 0),
            mark(3, 1, 90),
            mark(3, 1, 91),
            // The entries of the leader before may be taken back.
            mark(3, 2, 0),
            mark(4, 1, 0),
        ];
        assert!(in_order.is_sorted());
    }
}
