//! Who asks, and everything in one look.

use axum::extract::State;
use utoipa_axum::routes;

use crate::api::access::Caller;
use crate::api::params::Told;
use crate::api::room::Room;
use crate::api::state::Api;
use crate::api::wire::{AccessRole, Identity, Status};

pub(super) fn routes(room: Room) -> Room {
    room.look(AccessRole::Viewer, routes!(whoami))
        .look(AccessRole::Viewer, routes!(status))
}

/// Who the caller is, and what they may do.
#[utoipa::path(
    get,
    path = "/v1/whoami",
    tag = "about",
    responses((status = 200, description = "Whoever asks.", body = Identity)),
)]
async fn whoami(State(api): State<Api>, caller: Caller) -> Told<Identity> {
    Told(caller.identity(api.access().needs_second_person()))
}

/// How things stand: the cluster, every pause, every warning, every application.
#[utoipa::path(
    get,
    path = "/v1/status",
    tag = "status",
    responses((status = 200, description = "Everything in one look.", body = Status)),
)]
async fn status(State(api): State<Api>, caller: Caller) -> Told<Status> {
    let snapshot = api.now();
    Told(api.look(&snapshot).status(&caller))
}
