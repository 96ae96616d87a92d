//! The spanned walk: one way to read a TOML file that collects *every* mistake, each with its place.
//!
//! ```text
//!  text ──Document::parse──▶ Node tree ──Table, read::*──▶ drafts ──▶ valid values
//!                 │ (environment overlay: config only)   │
//!                 └────────────── Findings ◀─────────────┘ ──▶ Diagnostics ──render──▶ a person
//! ```
//!
//! Why not serde: it stops at the first error, and it forgets where a value stood by the time two
//! values are compared with each other (a need and the step it names). A person who mends a runbook
//! at night wants all of it at once.
//!
//! Invariant: a reader that returns `None` has recorded why. Nothing is refused silently, and
//! nothing is reported twice.

mod diagnostic;
mod document;
mod duration;
pub mod read;
mod render;
mod table;

pub use diagnostic::{Diagnostic, Diagnostics, FlatDiagnostic, Place, Severity, Source};
pub use document::{Document, Field, Kind, Node};
pub use duration::{DurationError, parse_duration};
pub use render::Style;
pub use table::{Findings, Located, Table, closest};
