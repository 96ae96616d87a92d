//! The world: every resource's state, moved by what is asked of it and by time.
//!
//! ```text
//!  API call ──▶ state as written ──event, due later──▶ state as effective ──▶ data planes
//!  fault ─────▶ Regions, replication, capacity ─────────────┘                  timeline
//! ```
//!
//! Nothing runs in the background but the health checks that ask others (`checkers`): whoever looks first lets what is due by now happen, in order of
//! its due time. So the same calls at the same world times make the same world.
//!
//! Invariant: an event is handled at its own due time, whatever the moment it is handled.

mod accelerator;
mod aurora;
mod checks;
mod data_plane;
mod dns;
mod health;
mod mishaps;
mod nodes;
mod refusal;
mod routing;
mod state;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::model::{Millis, Now, RegionId, Wall};
use crate::ports::Clock;

pub(super) use accelerator::{Group, GroupUpdate};
pub(super) use aurora::{Cluster, no_cluster};
pub(super) use dns::{Action, RecordKey, normal_name, printed_name};
pub(super) use nodes::{Nodegroup, Scaling, Update, no_eks_cluster};
pub(super) use refusal::Refusal;
pub(super) use routing::{RoutingControls, no_cluster as no_routing_cluster};
pub(super) use state::State;

use super::faults::{LostReply, Obstacle};
use super::gate::{Gate, GateKeeper, HoldPoint, gate};
use super::wire::Call;
use super::{Change, Execution, Fault, LoggedRequest, Reply, SandboxSetup, Service, TimelineEvent};

/// The emulated world. Cheap to look at; every look is as of now.
#[derive(Debug)]
pub struct World {
    clock: Arc<dyn Clock>,
    started: Now,
    setup: SandboxSetup,
    state: Mutex<State>,
    gates: Mutex<Vec<Arc<GateKeeper>>>,
}

impl World {
    pub(super) fn new(setup: SandboxSetup, clock: Arc<dyn Clock>) -> Self {
        let started = clock.now();
        Self {
            state: Mutex::new(State::new(&setup, started.wall)),
            started,
            setup,
            clock,
            gates: Mutex::new(Vec::new()),
        }
    }

    /// What the world was made from.
    pub fn setup(&self) -> &SandboxSetup {
        &self.setup
    }

    /// World time. Ages with the clock that never steps, so that a stepped wall clock is somebody
    /// else's trouble, as it is with the real AWS.
    pub fn now(&self) -> Wall {
        self.started.wall + self.clock.now().mono.since(self.started.mono)
    }

    /// Waits for a length of world time.
    pub(super) async fn sleep(&self, length: Millis) {
        self.clock.sleep(length).await;
    }

    /// The real duration of a length of world time.
    pub(super) fn real(&self, length: Millis, floor: Duration) -> Duration {
        self.clock.real(length, floor)
    }

    /// The state as of now.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere does not make the state unreadable; each change is made in one go.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.advance(self.now());
        state
    }

    /// What a health check has found just now.
    pub(super) fn checked(&self, id: &str, healthy: bool) {
        let mut state = self.state();
        state.dns.own_checks.found(id, healthy);
        state.tell();
    }

    /// Switches a fault on, or lets a one-time fault happen.
    pub fn inject(&self, fault: Fault) {
        self.state().inject(fault);
    }

    /// Switches a fault off; false if it was not on.
    pub fn clear(&self, fault: &Fault) -> bool {
        self.state().clear(fault)
    }

    /// The faults that are on.
    pub fn faults(&self) -> Vec<Fault> {
        self.state().faults.list()
    }

    /// Every request so far, in order.
    pub fn request_log(&self) -> Vec<LoggedRequest> {
        self.state().requests.clone()
    }

    /// What was asked for that the sandbox does not know: a gap in the sandbox or a mistake in the
    /// client, never to be passed over.
    pub fn unknown_operations(&self) -> Vec<String> {
        self.state().unknown.clone()
    }

    /// Everything that changed on the data planes, in order.
    pub fn timeline(&self) -> Vec<TimelineEvent> {
        self.state().timeline.events()
    }

    /// Rows that were acknowledged and are gone.
    pub fn lost_writes(&self) -> Vec<u64> {
        self.state().aurora.lost().to_vec()
    }

    /// Regions whose database takes writes at this moment.
    pub fn writers_now(&self) -> Vec<RegionId> {
        self.state().writers()
    }

    /// Whether at any moment every effective or configured dial stood at 0.
    pub fn ever_all_dials_zero(&self) -> bool {
        self.state().timeline.all_dials_zero
    }

    /// Whether at any moment no endpoint had a weight.
    pub fn ever_all_weights_zero(&self) -> bool {
        self.state().timeline.all_weights_zero
    }

    /// Whether at any moment a name of the zone had weighted record sets, all with weight 0.
    pub fn ever_all_record_weights_zero(&self) -> bool {
        self.state().timeline.all_record_weights_zero
    }

    /// Whether at any moment there were routing controls, and none was on.
    pub fn ever_all_controls_off(&self) -> bool {
        self.state().timeline.all_controls_off
    }

    /// Whether at any moment the failover name resolved to nothing.
    pub fn ever_unresolvable(&self) -> bool {
        self.state().timeline.unresolvable
    }

    /// Whether at any moment two Regions took writes.
    pub fn ever_two_writers(&self) -> bool {
        self.state().timeline.two_writers
    }

    /// Holds every request of that operation from now on, until the gate is opened.
    pub fn hold(&self, service: Service, operation: &str, point: HoldPoint) -> Gate {
        self.stand(service, operation, point, usize::MAX)
    }

    /// Holds the next request of that operation and no other, until the gate is opened: it overtakes
    /// nothing, and everything overtakes it.
    pub fn hold_one(&self, service: Service, operation: &str, point: HoldPoint) -> Gate {
        self.stand(service, operation, point, 1)
    }

    fn stand(&self, service: Service, operation: &str, point: HoldPoint, most: usize) -> Gate {
        let (gate, keeper) = gate(service, operation, point, most);
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        gates.retain(|gate| gate.stands());
        gates.push(keeper);
        gate
    }

    pub(super) fn gates(
        &self,
        service: Service,
        operation: &str,
        point: HoldPoint,
    ) -> Vec<Arc<GateKeeper>> {
        let gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        gates
            .iter()
            .filter(|g| g.stands() && g.service == service && g.operation == operation)
            .filter(|g| g.point == point)
            .cloned()
            .collect()
    }

    /// Notes a request as received.
    pub(super) fn log_request(&self, call: &Call) -> LoggedRequest {
        let mut state = self.state();
        let request = LoggedRequest {
            number: state.requests.len(),
            at: state.now,
            caller: call.caller.clone(),
            service: call.service,
            region: call.region.clone(),
            operation: call.operation.clone(),
            parameters: call.parameters.clone(),
            mutating: call.mutating,
            execution: Execution::NotExecuted,
            reply: Reply::NotSent,
        };
        state.requests.push(request.clone());
        request
    }

    /// A request as it stands in the log.
    pub(super) fn logged(&self, number: usize) -> Option<LoggedRequest> {
        self.state().requests.get(number).cloned()
    }

    pub(super) fn log_execution(&self, number: usize, execution: Execution) {
        if let Some(request) = self.state().requests.get_mut(number) {
            request.execution = execution;
        }
    }

    pub(super) fn log_reply(&self, number: usize, reply: Reply) {
        if let Some(request) = self.state().requests.get_mut(number) {
            request.reply = reply;
        }
    }

    pub(super) fn log_unknown(&self, what: String) {
        self.state().unknown.push(what);
    }

    pub(super) fn obstacle(&self, service: Service, region: &RegionId) -> Option<Obstacle> {
        self.state().obstacle(service, region)
    }

    /// Whether the caller's policy does not allow it.
    pub(super) fn denies(&self, call: &Call) -> bool {
        let action = format!("{}:{}", call.service.iam_prefix(), call.operation);
        self.state().faults.denies(&action)
    }

    pub(super) fn lose_reply(&self, service: Service, operation: &str) -> Option<LostReply> {
        self.state().faults.lose_reply(service, operation)
    }
}
