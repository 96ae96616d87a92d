//! What the routes ask of the daemon.

use std::sync::Arc;

use async_trait::async_trait;

use crate::controller::{DrillAsk, PlanAsk, Planned, RunRequest, Started};
use crate::daemon::members::{ChangeRefused, MemberChange, MembersNow};
use crate::daemon::{AskFailed, EvacuationAsk, NodeHandle, NotChecked};
use crate::model::{AppId, CommandBody, DrillId, Evacuation, Event, HeldReadiness, Rejection};
use crate::ports::LedgerError;

/// Everything that a call may change. Between the routes and the daemon, so that tests can stand there.
#[async_trait]
pub trait OperatorDesk: Send + Sync + 'static {
    /// Writes an operator's word to the ledger, through the leader.
    ///
    /// # Errors
    ///
    /// If the ledger did not answer; whether it was written is then unknown, unless nobody leads.
    async fn command(&self, body: CommandBody) -> Result<Result<Event, Rejection>, LedgerError>;

    /// Shows what a run would do if it were asked for now. Changes nothing.
    ///
    /// # Errors
    ///
    /// If there is no leader or no answer in time.
    async fn plan(&self, ask: PlanAsk) -> Result<Planned, AskFailed>;

    /// Asks for a run and waits until it is open or refused.
    ///
    /// # Errors
    ///
    /// With every reason why none was opened, or if nobody can tell.
    async fn start(&self, request: RunRequest) -> Result<Started, AskFailed>;

    /// Shows an evacuation as it would begin now. Changes nothing.
    ///
    /// # Errors
    ///
    /// Why it would be refused.
    fn plan_evacuation(&self, ask: &EvacuationAsk) -> Result<Evacuation, Rejection>;

    /// Begins an evacuation, through the leader.
    ///
    /// # Errors
    ///
    /// If the ledger did not answer; whether it has begun is then unknown, unless nobody leads.
    async fn begin_evacuation(
        &self,
        ask: &EvacuationAsk,
    ) -> Result<Result<Evacuation, Rejection>, LedgerError>;

    /// Begins a game day, if all is well.
    ///
    /// # Errors
    ///
    /// With every reason why none was begun, or if nobody can tell.
    async fn begin_drill(&self, ask: DrillAsk) -> Result<DrillId, AskFailed>;

    /// Looks now at everything that a plan of it would touch. Changes nothing.
    ///
    /// # Errors
    ///
    /// If a run is under way, or the look does not come to an end.
    async fn check_now(&self, app: AppId) -> Result<Arc<HeldReadiness>, NotChecked>;

    /// Changes who is a member, through the leader.
    ///
    /// # Errors
    ///
    /// If it was refused, or nobody can tell whether it was done.
    async fn change_members(&self, change: MemberChange) -> Result<MembersNow, ChangeRefused>;
}

impl std::fmt::Debug for dyn OperatorDesk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OperatorDesk")
    }
}

#[async_trait]
impl OperatorDesk for NodeHandle {
    async fn command(&self, body: CommandBody) -> Result<Result<Event, Rejection>, LedgerError> {
        NodeHandle::command(self, body).await
    }

    async fn change_members(&self, change: MemberChange) -> Result<MembersNow, ChangeRefused> {
        NodeHandle::change_members(self, change).await
    }

    fn plan_evacuation(&self, ask: &EvacuationAsk) -> Result<Evacuation, Rejection> {
        NodeHandle::plan_evacuation(self, ask)
    }

    async fn begin_evacuation(
        &self,
        ask: &EvacuationAsk,
    ) -> Result<Result<Evacuation, Rejection>, LedgerError> {
        NodeHandle::begin_evacuation(self, ask).await
    }

    async fn check_now(&self, app: AppId) -> Result<Arc<HeldReadiness>, NotChecked> {
        NodeHandle::check_now(self, app).await
    }

    async fn plan(&self, ask: PlanAsk) -> Result<Planned, AskFailed> {
        NodeHandle::plan(self, ask).await
    }

    async fn begin_drill(&self, ask: DrillAsk) -> Result<DrillId, AskFailed> {
        NodeHandle::begin_drill(self, ask).await
    }

    async fn start(&self, request: RunRequest) -> Result<Started, AskFailed> {
        NodeHandle::start(self, request).await
    }
}
