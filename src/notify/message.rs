//! What people are told.

use crate::config::Urgency;
use crate::model::{AppId, RegionId, RunId, Wall};

/// One piece of news.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// For programs: stable over versions.
    pub kind: &'static str,
    /// The same for the beginning and the end of one thing, and for every member that tells of it.
    pub key: String,
    pub standing: Standing,
    pub urgency: Urgency,
    pub at: Wall,
    pub application: Option<AppId>,
    pub region: Option<RegionId>,
    pub run: Option<RunId>,
    /// One line, for a phone's lock screen.
    pub title: String,
    /// What is, in a sentence or two.
    pub text: String,
    /// What may be done about it.
    pub remedy: Option<String>,
    /// Part of a game day: never wakes anybody.
    pub drill: bool,
}

/// Whether something has begun, is over, or has simply happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Begun,
    Over,
    Told,
}

impl Standing {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Over => "over",
            Self::Told => "told",
        }
    }
}
