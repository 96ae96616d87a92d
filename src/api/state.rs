//! What every route is given.

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::access::{Access, Caller};
use super::act::Desk;
use super::memory::Memory;
use super::places::Places;
use super::problem::Problem;
use super::source::ApiSource;
use super::view::Look;
use crate::daemon::snapshot::Snapshot;
use crate::model::{AppId, Application, Drill, DrillId, Run, RunId};

/// Shared by every route and every connection.
#[derive(Clone)]
pub(super) struct Api(Arc<Inner>);

struct Inner {
    source: ApiSource,
    desk: Desk,
    memory: Memory,
    places: Places,
    document: std::sync::OnceLock<Bytes>,
    /// Changes under way: they are brought to their end though whoever asked goes away.
    changes: TaskTracker,
    stopping: CancellationToken,
}

impl Api {
    pub fn new(mut source: ApiSource, stopping: CancellationToken) -> Self {
        let desk = Desk::of(&mut source);
        Self(Arc::new(Inner {
            source,
            desk,
            memory: Memory::default(),
            places: Places::default(),
            document: std::sync::OnceLock::new(),
            changes: TaskTracker::new(),
            stopping,
        }))
    }

    pub fn source(&self) -> &ApiSource {
        &self.0.source
    }

    pub fn access(&self) -> &Access {
        &self.0.source.access
    }

    /// Where changes are asked for; only [`super::act::Act::perform`] can.
    pub fn desk(&self) -> &Desk {
        &self.0.desk
    }

    pub fn memory(&self) -> &Memory {
        &self.0.memory
    }

    pub fn places(&self) -> &Places {
        &self.0.places
    }

    pub fn changes(&self) -> &TaskTracker {
        &self.0.changes
    }

    /// Ends when the daemon drains.
    pub fn stopping(&self) -> &CancellationToken {
        &self.0.stopping
    }

    /// The OpenAPI document, once it is made.
    pub fn document(&self) -> &std::sync::OnceLock<Bytes> {
        &self.0.document
    }

    /// The last turn's snapshot. Never waits longer than it takes to copy a pointer.
    pub fn now(&self) -> Arc<Snapshot> {
        self.0.source.now()
    }

    /// Every turn's snapshot, as it comes.
    pub fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.0.source.snapshot.clone()
    }

    /// The last turn as wire types are made of it.
    pub fn look<'a>(&'a self, snapshot: &'a Snapshot) -> Look<'a> {
        Look::new(&self.0.source, snapshot)
    }

    /// The configured application of that name, if the caller may know of it.
    pub fn application(&self, caller: &Caller, name: &str) -> Result<&Application, Problem> {
        let id = AppId::from(name);
        let known = self.0.source.applications.iter().find(|a| a.name == id);
        known
            .filter(|_| caller.scope.covers(&id))
            .ok_or_else(|| self.no_such_application(caller, name))
    }

    fn no_such_application(&self, caller: &Caller, name: &str) -> Problem {
        let apps = self.0.source.applications.iter().map(|app| &app.name);
        let known: Vec<&str> = apps
            .filter(|app| caller.scope.covers(app))
            .map(AppId::as_str)
            .collect();
        let close = crate::runbook::spanned::closest(name, &known);
        let remedy = match (close, known.as_slice()) {
            (Some(close), _) => format!("Did you mean {close}?"),
            (None, []) => "No application is configured that you may see.".to_owned(),
            (None, known) if known.len() <= 10 => {
                format!("The applications are {}.", known.join(", "))
            }
            (None, _) => "GET /v1/applications lists them: failoverctl list.".to_owned(),
        };
        Problem::new(
            StatusCode::NOT_FOUND,
            "no_such_application",
            format!("no application is called `{name}`"),
            remedy,
        )
    }

    /// The game day of that name, if the caller may know of it.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn drill<'s>(
        &self,
        caller: &Caller,
        snapshot: &'s Snapshot,
        name: &str,
    ) -> Result<&'s Drill, Problem> {
        let drill = snapshot.state.drill(&DrillId::from(name));
        drill
            .filter(|drill| caller.scope.covers(&drill.application))
            .ok_or_else(|| {
                Problem::new(
                    StatusCode::NOT_FOUND,
                    "no_such_drill",
                    format!("no game day is called `{name}`"),
                    "GET /v1/drills lists those that are kept.",
                )
            })
    }

    /// The run of that name, if the caller may know of it.
    pub fn run<'s>(
        &self,
        caller: &Caller,
        snapshot: &'s Snapshot,
        name: &str,
    ) -> Result<&'s Run, Problem> {
        let run = snapshot.state.runs.get(&RunId::from(name));
        run.filter(|run| caller.scope.covers(&run.application))
            .ok_or_else(|| {
                Problem::new(
                    StatusCode::NOT_FOUND,
                    "no_such_run",
                    format!("no run is called `{name}`"),
                    "GET /v1/runs lists those that are kept: failoverctl runs.",
                )
            })
    }
}
