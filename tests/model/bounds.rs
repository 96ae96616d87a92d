//! How much may go wrong in one story.
//!
//! What happens when nothing goes wrong costs nothing: every order of what is under way at the same
//! time is explored. Each deviation is paid from a budget of its kind and from one of all kinds, so
//! that a bound is a sentence: "an election, a lost answer and a round that passes too early, any two
//! of them, anywhere". Faults nearly never need company of more than two others to do harm; what the
//! bound leaves out the simulation of `docs/reliability.md` walks through at random.

/// What may still go wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Budget {
    /// Of all kinds together.
    pub faults: u8,
    /// The process of a leader dies; it starts again at once, or stays away.
    pub crashes: u8,
    /// A member that does not lead goes away.
    pub absences: u8,
    /// Another member is elected while the leader is well.
    pub elections: u8,
    /// An answer, a reply or a request is lost; a look finds nothing.
    pub losses: u8,
    /// A round passes while somebody is still waited for, or while a deposed leader knows nothing.
    pub delays: u8,
    /// A proposal stays in the leader's log, uncommitted, for any length of time.
    pub strandings: u8,
    /// A sheet of votes is late, by any length of time, or never arrives.
    pub late_sheets: u8,
    /// The Region is lost, or comes back.
    pub turns: u8,
    /// One member's own path to the Region is cut, or mends.
    pub cuts: u8,
    /// A person aborts the open run.
    pub aborts: u8,
    /// A person pauses automation, or resumes it.
    pub pauses: u8,
    /// The dates leap an hour ahead.
    pub leaps: u8,
}

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Crash,
    Absence,
    Election,
    Loss,
    Delay,
    Stranding,
    LateSheet,
    Turn,
    Cut,
    Abort,
    Pause,
    Leap,
}

impl Budget {
    fn of(&mut self, fault: Fault) -> &mut u8 {
        match fault {
            Fault::Crash => &mut self.crashes,
            Fault::Absence => &mut self.absences,
            Fault::Election => &mut self.elections,
            Fault::Loss => &mut self.losses,
            Fault::Delay => &mut self.delays,
            Fault::Stranding => &mut self.strandings,
            Fault::LateSheet => &mut self.late_sheets,
            Fault::Turn => &mut self.turns,
            Fault::Cut => &mut self.cuts,
            Fault::Abort => &mut self.aborts,
            Fault::Pause => &mut self.pauses,
            Fault::Leap => &mut self.leaps,
        }
    }

    pub fn has(mut self, fault: Fault) -> bool {
        self.faults > 0 && *self.of(fault) > 0
    }

    /// Pays for one. Who cannot pay does not ask: see [`Budget::has`].
    pub fn pay(&mut self, fault: Fault) {
        self.faults -= 1;
        *self.of(fault) -= 1;
    }
}

/// One theme: where it begins and what may go wrong in it.
#[derive(Clone, Debug)]
pub struct Bounds {
    pub name: &'static str,
    /// No story is longer.
    pub rounds: u32,
    /// Who leads at the beginning.
    pub leader: usize,
    /// Whether the Region is lost at the beginning.
    pub lost: bool,
    /// Whether the runbook has its third step.
    pub lowers: bool,
    pub budget: Budget,
}
