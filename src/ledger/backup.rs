//! A ledger in one file: what was agreed at one moment, and what is needed to judge it.
//!
//! ```text
//!  failoverd-ledger-backup 1 sha256=<of everything after this line>\n
//!  { "cluster": …, "made_at": …, "schema": …, "state": … }\n
//! ```
//!
//! The first line is for people and `sha256sum` as well: `tail -n +2 FILE | sha256sum`.
//!
//! Invariant: a file that was cut off, changed, or written by a newer failoverd is refused before
//! anything is made of it.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::model::{LedgerId, MemberId, State, Wall};

use super::store::{SCHEMA, to_json};

/// What the first line begins with; the number is the form's.
const MAGIC: &str = "failoverd-ledger-backup ";
const FORM: &str = "1";

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backup {
    /// The cluster's name, where it was known.
    pub cluster: Option<String>,
    /// The member whose ledger it was taken from.
    pub member: MemberId,
    /// When.
    pub made_at: Wall,
    /// By which failoverd.
    pub version: String,
    /// What reads it must know this schema of the log.
    pub schema: u32,
    /// Which ledger it is of.
    pub ledger: Option<LedgerId>,
    /// The entry of the log up to which the state had come, and the term it was read in.
    pub applied: u64,
    pub term: u64,
    /// Everything that was agreed.
    pub state: State,
}

/// Read before the rest, which a newer schema may have changed beyond reading.
#[derive(Deserialize)]
struct SchemaOnly {
    schema: u32,
}

/// Why a file is no backup to go by.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("it is no backup of a ledger: its first line is not one's; check the path")]
    NotOne,
    #[error(
        "it is of form {found}, and this failoverctl reads form {FORM}; use the version that wrote it, or a later one"
    )]
    Form { found: String },
    #[error(
        "it is damaged or cut off: its content has the checksum {found}, and {said} was written; use another copy"
    )]
    Checksum { said: String, found: String },
    #[error(
        "it was made by a newer failoverd (schema {found}, this one knows up to {SCHEMA}); use that version or a later one"
    )]
    NewerSchema { found: u32 },
    #[error("its content cannot be read; use another copy")]
    Unreadable(#[from] serde_json::Error),
}

impl Backup {
    /// As it is written.
    pub fn encode(&self) -> Vec<u8> {
        let mut content = to_json(self);
        content.push(b'\n');
        let mut file = format!("{MAGIC}{FORM} sha256={}\n", checksum(&content)).into_bytes();
        file.extend(content);
        file
    }

    /// What a file says.
    ///
    /// # Errors
    ///
    /// If it is not, whole, what was written.
    pub fn decode(file: &[u8]) -> Result<Self, BackupError> {
        let end = file.iter().position(|byte| *byte == b'\n');
        let (line, content) = end
            .and_then(|end| Some((file.get(..end)?, file.get(end + 1..)?)))
            .ok_or(BackupError::NotOne)?;
        let line = std::str::from_utf8(line).map_err(|_| BackupError::NotOne)?;
        let rest = line.strip_prefix(MAGIC).ok_or(BackupError::NotOne)?;
        let (form, said) = rest.split_once(" sha256=").ok_or(BackupError::NotOne)?;
        if form != FORM {
            return Err(BackupError::Form {
                found: form.to_owned(),
            });
        }
        let found = checksum(content);
        if found != said {
            return Err(BackupError::Checksum {
                said: said.to_owned(),
                found,
            });
        }
        let SchemaOnly { schema } = serde_json::from_slice(content)?;
        if schema > SCHEMA {
            return Err(BackupError::NewerSchema { found: schema });
        }
        Ok(serde_json::from_slice(content)?)
    }

    /// The members on record in it.
    pub fn members(&self) -> Vec<&MemberId> {
        if self.state.disks.is_empty() {
            vec![&self.member]
        } else {
            self.state.disks.keys().collect()
        }
    }
}

fn checksum(content: &[u8]) -> String {
    hex::encode(Sha256::digest(content))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AppId, AppState, Epoch};

    fn backup() -> Backup {
        let mut state = State::default();
        let shop = AppState {
            epoch: Epoch(7),
            ..AppState::default()
        };
        state.apps.insert(AppId::from("shop"), shop);
        Backup {
            cluster: Some("shops".to_owned()),
            member: MemberId::from("ireland"),
            made_at: Wall(1_700_000_000_000),
            version: "0.1.0".to_owned(),
            schema: SCHEMA,
            ledger: Some(LedgerId::Founded),
            applied: 40,
            term: 3,
            state,
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let backup = backup();
        assert_eq!(Backup::decode(&backup.encode()).expect("reads"), backup);
    }

    #[test]
    fn every_cut_and_every_changed_byte_is_found() {
        let file = backup().encode();
        for end in 0..file.len() {
            assert!(Backup::decode(&file[..end]).is_err(), "cut at {end}");
        }
        for at in 0..file.len() {
            let mut changed = file.clone();
            changed[at] ^= 1;
            assert!(Backup::decode(&changed).is_err(), "changed at {at}");
        }
    }

    #[test]
    fn each_mistake_says_what_to_do() {
        let newer = Backup {
            schema: SCHEMA + 1,
            ..backup()
        };
        let file = backup().encode();
        let form_2 =
            String::from_utf8(file.clone())
                .expect("text")
                .replacen("backup 1 ", "backup 2 ", 1);
        let mut told = String::new();
        for (name, bytes) in [
            ("empty", Vec::new()),
            ("another file", b"schema = 1\nname = \"x\"\n".to_vec()),
            ("another form", form_2.into_bytes()),
            ("cut off", file[..file.len() - 10].to_vec()),
            ("newer", newer.encode()),
        ] {
            let error = Backup::decode(&bytes).expect_err(name);
            let text = error.to_string();
            // The checksums are of this test's own content.
            let text = text
                .split(" has the checksum")
                .next()
                .unwrap_or_default()
                .to_owned();
            told += &format!("{name}: {text}\n");
        }
        insta::assert_snapshot!(told, @r"
        empty: it is no backup of a ledger: its first line is not one's; check the path
        another file: it is no backup of a ledger: its first line is not one's; check the path
        another form: it is of form 2, and this failoverctl reads form 1; use the version that wrote it, or a later one
        cut off: it is damaged or cut off: its content
        newer: it was made by a newer failoverd (schema 4, this one knows up to 3); use that version or a later one
        ");
    }
}
