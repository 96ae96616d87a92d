//! `failoverctl alive`: what a container's runtime or a supervisor asks again and again.
//!
//! An image of the two programs alone has nothing else that could ask. The pages need no token, so
//! neither does this.

use serde::Serialize;

use super::Exit;
use super::frame::{Ended, Frame};

/// As typed.
#[derive(Debug, PartialEq, Eq, clap::Args)]
pub struct RawAlive {
    /// Ask whether the member does its part, too; a restart does not mend that
    #[arg(long)]
    ready: bool,
}

/// The answer.
#[derive(Serialize)]
struct Health {
    /// The page that was asked for.
    page: &'static str,
    good: bool,
    /// What the page says.
    said: String,
}

impl RawAlive {
    /// Asks for the page.
    ///
    /// # Errors
    /// Nobody answers.
    pub fn run(&self, frame: &Frame) -> Ended {
        let page = if self.ready { "readyz" } else { "livez" };
        let (status, text) = frame.client.page(&[page])?;
        let good = status == 200;
        let health = Health {
            page,
            good,
            said: text.trim_end().to_owned(),
        };
        let exit = if good { Exit::Good } else { Exit::No };
        Ok(frame.show(&health, exit, |health, _| format!("{}\n", health.said)))
    }
}
