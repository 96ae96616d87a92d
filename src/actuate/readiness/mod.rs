//! Readiness: a look at everything that the plans of one application will touch, by read calls only.
//!
//! ```text
//!  plans ────────── can they be made; what do they lean on       ┐
//!  accelerator ──── enabled, deployed; groups, endpoints, weights│
//!  records ──────── both sets, TTL, health checks                ├─▶ findings
//!  routing ──────── each control, at each endpoint of its cluster │
//!  database ─────── global cluster, members, instances, lag      │
//!   └ leftovers ─── a stale writer, snapshots of lost writes     │
//!  nodes ────────── status, health, zones, room to grow          │
//!  rights ───────── the policy simulator, call by call           ┘
//! ```
//!
//! Invariant: what was not answered is `Unknown`, and never blocks. What the service answered with a
//! no (it does not exist, it is not allowed) is a finding.
//! Invariant: nothing about the Region that serves now blocks: nobody moves there, and an outage of
//! it must not stand in the way of leaving it.
//! Invariant: of one application at most five calls are under way at once: each kind of resource is
//! looked at one call after the other. IAM is asked last and alone; between two calls to it, and to
//! Route 53 about its health checks, whose limits are an account's and low, there is a pause.

mod accelerator;
mod book;
mod database;
mod leftovers;
mod nodes;
mod plans;
mod prepare;
mod records;
mod rights;
mod routing;

use std::sync::Arc;

use super::Held;
use super::clients::Clients;
use crate::model::{AppRegion, Application, Millis, ReadinessFinding};
use crate::ports::{Clock, Inspection};
use book::Book;

pub use prepare::{Known, prepare};

/// World time between two calls to Route 53 or to IAM. Some accounts are held to five requests a
/// second, and a run's own calls come first.
const PAUSE: Millis = Millis(400);

/// Everything that the looks have in common.
struct Scene<'a> {
    clients: &'a Clients,
    app: &'a Application,
    asked: &'a Inspection,
    clock: &'a Arc<dyn Clock>,
}

impl Scene<'_> {
    /// Whether somebody may want to move there.
    fn is_candidate(&self, region: &AppRegion) -> bool {
        region.name != self.asked.active
    }

    fn book(&self) -> Book {
        Book::new(self.asked.active.clone())
    }

    /// Lets others call.
    async fn pause(&self) {
        self.clock.sleep(PAUSE).await;
    }
}

/// Looks at everything.
pub(super) async fn inspect(
    held: &Held,
    clock: &Arc<dyn Clock>,
    asked: &Inspection,
) -> Vec<ReadinessFinding> {
    let scene = Scene {
        clients: &held.clients,
        app: &held.application,
        asked,
        clock,
    };
    let mut book = scene.book();
    plans::judge(&scene, &mut book);
    let (touches, binding) = (asked.touches, asked.binding);
    let (accelerator, records, routing, database, nodes) = tokio::join!(
        when(touches.accelerator, accelerator::look(&scene)),
        when(touches.records, records::look(&scene)),
        when(touches.routing, routing::look(&scene)),
        when(touches.database, database::look(&scene)),
        when(touches.nodegroups, nodes::look(&scene)),
    );
    let (nodes, names) = nodes.unzip();
    for (looked, binds) in [
        (accelerator, binding.accelerator),
        (records, binding.records),
        (routing, binding.routing),
        (database, binding.database),
        (nodes, binding.nodegroups),
    ] {
        book.extend(looked.map(|looked| if binds { looked } else { looked.softened() }));
    }
    book.extend(Some(rights::look(&scene, &names.unwrap_or_default()).await));
    book.into_findings()
}

async fn when<T>(touched: bool, look: impl Future<Output = T>) -> Option<T> {
    if touched { Some(look.await) } else { None }
}
