//! What every verb that asks a daemon stands on.
//!
//! ```text
//!  RawGlobal ──open──▶ Frame ──┬─ client ══ HTTP ══▶ the first daemon that answers
//!                              ├─ show: table │ json │ yaml ──▶ stdout
//!                              ├─ watch: the same again, until Ctrl-C
//!                              └─ confirm: asks on stderr, reads stdin
//! ```
//!
//! Invariant: json and yaml are the wire object itself, whole; only tables choose and shorten.
//! Invariant: no line of a table is longer than [`WIDTH`].

mod client;
mod confirm;
mod error;
mod global;
mod palette;
mod servers;
mod table;
mod watch;
mod words;

pub use client::Client;
pub use confirm::confirm;
pub use error::{ClientError, wrapped};
pub use global::{Format, RawGlobal};
pub use palette::{Palette, Tone};
pub use table::{Cell, Table};
pub use watch::{RawWatch, watch};
pub use words::{age, length, moment, or_dash, since};

use std::io::{IsTerminal, stdout};

use serde::Serialize;

use super::{Exit, output};

/// Columns of a terminal that nobody has widened.
pub const WIDTH: usize = 80;

/// A daemon to be asked, and how its answers are shown.
pub struct Frame {
    pub client: Client,
    pub output: Format,
    /// For standard output.
    pub palette: Palette,
    /// `--no-color`.
    plain: bool,
    /// Who asks, where the daemon does not know it better.
    pub by: String,
}

/// Why a verb ends without an answer.
#[derive(Debug)]
pub enum Stop {
    /// There is none, and nobody was told yet.
    Client(ClientError),
    /// Already told.
    Told(Exit),
}

impl From<ClientError> for Stop {
    fn from(error: ClientError) -> Self {
        Self::Client(error)
    }
}

/// How a verb ends.
pub type Ended = Result<Exit, Stop>;

impl Frame {
    /// Has `verb` done with what the options say; tells what goes wrong.
    pub fn with(global: &RawGlobal, verb: impl FnOnce(&Self) -> Ended) -> Exit {
        match Self::open(global)
            .map_err(Stop::from)
            .and_then(|frame| verb(&frame))
        {
            Ok(exit) | Err(Stop::Told(exit)) => exit,
            // Whoever pressed Ctrl-C knows.
            Err(Stop::Client(ClientError::Interrupted)) => Exit::No,
            Err(Stop::Client(error)) => {
                output::complain(error.render().trim_end());
                error.exit()
            }
        }
    }

    fn open(global: &RawGlobal) -> Result<Self, ClientError> {
        Ok(Self {
            client: Client::new(&global.access()?)?,
            output: global.output,
            palette: Palette::new(!global.no_color && output::colour(stdout().is_terminal())),
            plain: global.no_color,
            by: global.by.clone(),
        })
    }

    /// Whether colours are wanted there.
    pub fn colours(&self, is_terminal: bool) -> bool {
        !self.plain && output::colour(is_terminal)
    }

    /// Writes the answer as it was asked for.
    pub fn show<T: Serialize>(
        &self,
        answer: &T,
        exit: Exit,
        table: impl FnOnce(&T, Palette) -> String,
    ) -> Exit {
        match self.output {
            Format::Table => output::answer(&table(answer, self.palette), exit),
            Format::Json | Format::Yaml => match self.output.written(answer) {
                Ok(text) => output::answer(&text, exit),
                Err(why) => {
                    output::complain(&format!("error: {why}"));
                    Exit::No
                }
            },
        }
    }
}
