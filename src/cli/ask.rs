//! The verbs that ask a daemon. Each lives in a file of its own: a variant and an arm here are all that
//! another one needs.

use clap::Subcommand;

use super::frame::{Ended, Frame, RawWatch};
use super::{
    alive, audit, automation, check, drill_remote, evacuate, follow, member, plan, runs, show,
    start, status, steer, votes, whoami, why,
};
use crate::api::wire::RunKind;

/// As typed.
#[derive(Debug, PartialEq, Eq, Subcommand)]
pub enum Ask {
    /// Show what is lost, what failoverd does about it or why it waits, what you may do
    Status(status::RawStatus),
    /// Show the applications, a line each
    List(RawWatch),
    /// Show why nothing happens to an application, or why something does
    Why(why::RawWhy),
    /// Show who thinks what of which Region, and on what grounds
    Votes(votes::RawVotes),
    /// Show whether everything is there and allowed that a run would touch
    ///
    /// Ends with 1 if something blocks, or nobody has looked yet.
    Check(check::RawCheck),
    /// Show what a run would do, and whether it would be opened; nothing is changed
    ///
    /// Ends with 4 if it would be refused.
    Plan(plan::RawPlan),
    /// Move an application away from a Region that is lost
    ///
    /// Shows the plan, has you type the Region, and follows the run until it is executed.
    Failover(start::RawStart),
    /// Move an application while both Regions are well; no data is lost
    ///
    /// Shows the plan, has you type the Region, and follows the run until it is executed.
    Switchover(start::RawStart),
    /// Move an application home, while both Regions are well; no data is lost
    ///
    /// Shows the plan, has you type the Region, and follows the run until it is executed.
    Failback(start::RawStart),
    /// Take the share of one of several Regions that serve side by side away from it
    ///
    /// Shows the plan, has you type the Region, and follows the run until it is executed.
    Shift(start::RawShift),
    /// Give a Region that was shifted away its share back
    ///
    /// Shows the plan, has you type the Region, and follows the run until it is executed.
    Return(start::RawReturn),
    /// Move every application out of a Region, in waves
    ///
    /// Shows the waves, and has you type the Region. Once begun it goes on by itself, whoever leads.
    Evacuate(evacuate::RawEvacuate),
    /// Show the runs there have been, the newest first
    Runs(runs::RawRuns),
    /// Show a run: how it stands, its steps, why it was opened
    Show(show::RawShow),
    /// See how a run goes, until it is executed
    ///
    /// Ends with 0 if it reached its goal, with 1 if it was aborted, or waits for a person while
    /// nobody is at a terminal.
    Follow(follow::RawFollow),
    /// Approve or decline a step that waits for it
    Approve(steer::RawApprove),
    /// End a run: nothing new is begun in it
    Abort(steer::RawBecause),
    /// Begin nothing new in a run until it is resumed
    Pause(steer::RawBecause),
    /// Let a paused run go on
    Resume(steer::RawResume),
    /// Try a step of a run again
    Retry(steer::RawOfStep),
    /// Leave a step of a run out, as if it were done
    Skip(steer::RawOfStep),
    /// Let nothing be begun automatically, for a time
    PauseAutomation(automation::RawPause),
    /// Let failoverd act by itself again
    ResumeAutomation(automation::RawResume),
    /// End an application's cool-down and take its brake off
    Ack(automation::RawAck),
    /// Make a Region that is well again a candidate
    Rejoin(automation::RawRejoin),
    /// See who is a member of the cluster, and change it
    ///
    /// Any member may be asked. Nobody becomes or ceases to be a member by itself.
    #[command(subcommand)]
    Member(member::RawMember),
    /// Show who asked what of the cluster and what came of it; check that nothing is missing
    Audit(audit::RawAudit),
    /// Show whether a daemon lives, for supervisors and containers
    ///
    /// Needs no token. Ends with 0 if it does, with 1 if it says that it does not, with 3 if nobody
    /// answers.
    Alive(alive::RawAlive),
    /// Show as whom the daemon knows you, and what you may do
    Whoami,
    /// Typed as `drill`, with an application.
    #[command(skip)]
    GameDay(drill_remote::GameDay),
}

impl Ask {
    /// Has it done.
    ///
    /// # Errors
    /// Nobody answers, the answer is no, or it was not confirmed.
    pub fn run(&self, frame: &Frame) -> Ended {
        match self {
            Self::Status(raw) => raw.run(frame),
            Self::List(raw) => status::list(frame, *raw),
            Self::Why(raw) => raw.run(frame),
            Self::Votes(raw) => raw.run(frame),
            Self::Check(raw) => raw.run(frame),
            Self::Plan(raw) => raw.run(frame),
            Self::Failover(raw) => raw.run(frame, RunKind::Failover),
            Self::Switchover(raw) => raw.run(frame, RunKind::Switchover),
            Self::Failback(raw) => raw.run(frame, RunKind::Failback),
            Self::Shift(raw) => raw.run(frame),
            Self::Return(raw) => raw.run(frame),
            Self::Evacuate(raw) => raw.run(frame),
            Self::Runs(raw) => raw.run(frame),
            Self::Show(raw) => raw.run(frame),
            Self::Follow(raw) => raw.run(frame),
            Self::Approve(raw) => raw.run(frame),
            Self::Abort(raw) => raw.run(frame, steer::Act::Abort),
            Self::Pause(raw) => raw.run(frame, steer::Act::Pause),
            Self::Resume(raw) => raw.run(frame),
            Self::Retry(raw) => raw.retry(frame),
            Self::Skip(raw) => raw.skip(frame),
            Self::PauseAutomation(raw) => raw.run(frame),
            Self::ResumeAutomation(raw) => raw.run(frame),
            Self::Ack(raw) => raw.run(frame),
            Self::Rejoin(raw) => raw.run(frame),
            Self::Member(raw) => raw.run(frame),
            Self::Audit(raw) => raw.run(frame),
            Self::Alive(raw) => raw.run(frame),
            Self::Whoami => whoami::run(frame),
            Self::GameDay(day) => day.run(frame),
        }
    }
}
