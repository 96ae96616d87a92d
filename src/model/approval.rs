//! Who may allow that unreplicated data is lost.

use serde::{Deserialize, Serialize};

/// `[auth] data_loss_approval`: whose word is enough where a person asked for the run.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum DataLossApproval {
    /// Also the word of whoever asked for the run.
    #[default]
    Anyone,
    /// Only that of another person than the one who asked for the run.
    OtherPerson,
}

impl DataLossApproval {
    /// The word used in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Anyone => "anyone",
            Self::OtherPerson => "other_person",
        }
    }
}

/// Whether two names are one person's. Case and surrounding space tell nobody apart: who approves a
/// loss must not be let through by how they wrote themselves.
pub fn is_same_person(one: &str, other: &str) -> bool {
    one.trim().to_lowercase() == other.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_written_otherwise_is_the_same_person() {
        assert!(is_same_person("Ada", " ada "));
        assert!(!is_same_person("ada", "bob"));
    }
}
