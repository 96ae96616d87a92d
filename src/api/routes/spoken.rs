//! Bodies of changes: who asks and why, wherever it stands in them.

use crate::api::act::Spoken;
use crate::api::wire::{
    Approve, Because, ChangeBody, OfStep, PauseAutomation, Rejoin, ResumeAutomation, StartDrill,
    StartEvacuation, StartRun, WithReason,
};

/// What may have been said.
trait Said {
    fn said(&self) -> Option<&str>;
}

impl Said for String {
    fn said(&self) -> Option<&str> {
        Some(self)
    }
}

impl Said for Option<String> {
    fn said(&self) -> Option<&str> {
        self.as_deref()
    }
}

/// Of bodies with `by` and `reason`, required or not.
macro_rules! spoken {
    ($($body:ty),+ $(,)?) => {$(
        impl Spoken for $body {
            fn by(&self) -> Option<&str> {
                self.by.said()
            }

            fn reason(&self) -> Option<&str> {
                self.reason.said()
            }
        }
    )+};
}

spoken!(
    Approve,
    Because,
    OfStep,
    PauseAutomation,
    Rejoin,
    ResumeAutomation,
    StartEvacuation,
    StartDrill,
    StartRun,
    WithReason,
);

impl Spoken for ChangeBody {
    fn by(&self) -> Option<&str> {
        Some(&self.by)
    }

    fn reason(&self) -> Option<&str> {
        None
    }
}
