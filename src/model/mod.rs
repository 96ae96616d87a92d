//! Floor 0: the words of the system as plain types. No behaviour beyond constructors and display;
//! ordered maps and integers only, so that everything derives `Hash`, `Eq` and `Ord`.

mod application;
mod approval;
mod audit;
mod command;
mod decision;
mod disk;
mod drill;
mod epoch_record;
mod evacuation;
mod facts;
#[cfg(test)]
pub(crate) mod fixtures;
mod ids;
mod observation;
mod plan;
mod probe;
mod readiness;
mod run;
mod runbook;
mod state;
mod time;
mod vote;
mod window;

pub use application::*;
pub use approval::*;
pub use audit::*;
pub use command::*;
pub use decision::*;
pub use disk::*;
pub use drill::*;
pub use epoch_record::*;
pub use evacuation::*;
pub use facts::*;
pub use ids::*;
pub use observation::*;
pub use plan::*;
pub use probe::*;
pub use readiness::*;
pub use run::*;
pub use runbook::*;
pub use state::*;
pub use time::*;
pub use vote::*;
pub use window::*;
