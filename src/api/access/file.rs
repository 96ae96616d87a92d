//! The file of tokens as it stands now.
//!
//! It is looked at every few seconds. A new one with mistakes in it is not taken: the old one stays in
//! use, the log and a metric say so.

use std::fmt;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::tokens::Tokens;
use crate::peer::{Mark, mark};
use crate::runbook::spanned::{Diagnostics, Style};

/// Why the tokens cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokensError {
    #[error(
        "the tokens of `tokens_file` under [auth] cannot be read from {}; make it readable for the daemon's user", path.display()
    )]
    Unreadable {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("the file of tokens has mistakes:\n{}", .0.render(Style::Plain))]
    Invalid(Diagnostics),
}

/// The tokens, replaced as a whole.
pub(super) struct TokensFile {
    path: PathBuf,
    now: Mutex<Current>,
}

struct Current {
    tokens: Arc<Tokens>,
    /// How the file stood when it was last looked at, taken or not.
    seen: Mark,
    error: Option<String>,
}

/// What a look at the file brought.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reload {
    Unchanged,
    Taken { tokens: usize },
    Kept { why: String },
}

impl TokensFile {
    /// Reads it for the first time. Blocks on it.
    pub fn open(path: &Path) -> Result<Self, TokensError> {
        let seen = mark(path);
        let tokens = Arc::new(read(path)?);
        Ok(Self {
            path: path.to_owned(),
            now: Mutex::new(Current {
                tokens,
                seen,
                error: None,
            }),
        })
    }

    pub fn tokens(&self) -> Arc<Tokens> {
        Arc::clone(&self.lock().tokens)
    }

    /// Whether what is in use is what stands in the file.
    pub fn is_current(&self) -> bool {
        self.lock().error.is_none()
    }

    /// Looks whether it was written since. Blocks on it.
    pub fn reload(&self) -> Reload {
        let seen = mark(&self.path);
        if self.lock().seen == seen {
            return Reload::Unchanged;
        }
        // Not under the lock: callers go on being recognised while a slow disk is read.
        let read = read(&self.path);
        let mut now = self.lock();
        now.seen = seen;
        match read {
            Ok(tokens) => {
                now.error = None;
                now.tokens = Arc::new(tokens);
                Reload::Taken {
                    tokens: now.tokens.len(),
                }
            }
            Err(error) => {
                let why = error.to_string();
                now.error = Some(why.clone());
                Reload::Kept { why }
            }
        }
    }

    /// Whether others than its owner may read it: hashes of good tokens are no secret, but who may do
    /// what is nobody else's business.
    pub fn is_readable_by_others(&self) -> bool {
        std::fs::metadata(&self.path).is_ok_and(|file| file.mode() & 0o007 != 0)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Current> {
        // Fields are assigned one by one and none of that can panic.
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for TokensFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokensFile({})", self.path.display())
    }
}

fn read(path: &Path) -> Result<Tokens, TokensError> {
    let text = std::fs::read_to_string(path).map_err(|source| TokensError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    Tokens::parse(&path.display().to_string(), &text).map_err(TokensError::Invalid)
}
