//! Who is a member, and changing it.

use axum::extract::{Path, State};
use http::StatusCode;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use crate::api::act::{Act, line};
use crate::api::members;
use crate::api::params::Told;
use crate::api::problem::Problem;
use crate::api::room::Room;
use crate::api::state::Api;
use crate::api::wire::{AccessRole, ChangeBody, MemberList, MembersChanged};
use crate::daemon::members::{MemberAct, MemberChange, MembersNow};
use crate::model::MemberId;

/// Characters of a member's id.
const ID: usize = 128;

pub(super) fn routes(room: Room) -> Room {
    room.look(AccessRole::Viewer, routes!(list))
        .change_all(AccessRole::Admin, routes!(change))
}

/// Every member: its role, when it was last heard, what is wrong.
#[utoipa::path(
    get,
    path = "/v1/members",
    tag = "members",
    responses((status = 200, description = "Every member.", body = MemberList)),
)]
async fn list(State(api): State<Api>) -> Told<MemberList> {
    Told(members::list(api.source()))
}

/// Whom, and what.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct Change {
    /// The member.
    #[param(
        min_length = 1,
        max_length = 128,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    )]
    id: String,
    /// What is to be done.
    #[param(inline)]
    act: ActWord,
}

/// What may be done with a member.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum ActWord {
    Add,
    Remove,
    Readmit,
    StandDown,
}

/// Give a member a vote, take it, let it come back with another data folder, have it stand down.
#[utoipa::path(
    post,
    path = "/v1/members/{id}/{act}",
    tag = "members",
    params(Change),
    request_body = ChangeBody,
    responses((status = 200, description = "It is done.", body = MembersChanged)),
)]
async fn change(
    path: Result<Path<Change>, axum::extract::rejection::PathRejection>,
    act: Act<ChangeBody>,
) -> Result<Told<MembersChanged>, Problem> {
    let Path(change) = path.map_err(|_| no_such_act())?;
    let change = MemberChange {
        act: match change.act {
            ActWord::Add => MemberAct::Add,
            ActWord::Remove => MemberAct::Remove,
            ActWord::Readmit => MemberAct::Readmit,
            ActWord::StandDown => MemberAct::StandDown,
        },
        member: MemberId::from(line("the member's id", &change.id, ID)?),
        by: act.by.clone(),
    };
    let came: MembersNow = act
        .perform(async |desk| Ok(desk.change_members(change).await?))
        .await?;
    Ok(Told(MembersChanged {
        voters: came.voters.iter().map(ToString::to_string).collect(),
        warning: came.warning,
    }))
}

fn no_such_act() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "no_such_page",
        "nothing of that name can be done with a member",
        "There are add, remove, readmit and stand-down.",
    )
}
