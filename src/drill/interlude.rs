//! Stops a member exactly where it hurts most: it has proven that it leads, and is about to call.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use crate::model::{
    Alarm, AlarmState, AppId, Intent, LagSample, NodegroupRef, NodegroupSize, RegionId, Traffic,
};
use crate::ports::{Actuator, Call, CallOutcome, Observation, Proof, ReadError};

use super::hourglass::Brake;

/// Before the next call of which action a member stands still; outlives its restarts.
#[derive(Clone, Debug, Default)]
pub(super) struct Cue(Arc<Mutex<Option<String>>>);

impl Cue {
    /// Before the next call of that action, by its name in runbooks.
    pub fn give(&self, action: &str) {
        *self.lock() = Some(action.to_owned());
    }

    /// Not any more.
    pub fn take_back(&self) {
        self.lock().take();
    }

    fn is_for(&self, intent: &Intent) -> bool {
        self.lock()
            .take_if(|action| action == intent.name())
            .is_some()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The member's own actuator, with a stop before it.
pub(super) struct Interlude {
    pub inner: Arc<dyn Actuator>,
    pub brake: Arc<Brake>,
    pub cue: Cue,
}

#[async_trait]
impl Actuator for Interlude {
    async fn observe(&self, app: &AppId, intent: &Intent) -> Observation {
        self.inner.observe(app, intent).await
    }

    async fn apply(&self, app: &AppId, call: &Call<'_>, proof: &Proof) -> CallOutcome {
        if self.cue.is_for(call.intent) {
            self.brake.pull();
            // Blocks the only worker of this member's runtime, as SIGSTOP would at this very line.
            self.brake.pass();
        }
        self.inner.apply(app, call, proof).await
    }

    async fn read_traffic(&self, app: &AppId) -> Result<Traffic, ReadError> {
        self.inner.read_traffic(app).await
    }

    async fn read_lag(
        &self,
        app: &AppId,
        secondary: &RegionId,
    ) -> Result<Vec<LagSample>, ReadError> {
        self.inner.read_lag(app, secondary).await
    }

    async fn read_capacity(
        &self,
        app: &AppId,
        region: &RegionId,
    ) -> Result<Vec<(NodegroupRef, NodegroupSize)>, ReadError> {
        self.inner.read_capacity(app, region).await
    }

    async fn read_alarms(&self, app: &AppId) -> Vec<(Alarm, Result<AlarmState, ReadError>)> {
        self.inner.read_alarms(app).await
    }
}
