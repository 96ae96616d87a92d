//! `failoverctl whoami`.

use super::Exit;
use super::frame::{Ended, Frame, moment, wrapped};
use crate::api::wire::{AccessRole, Identity};

/// Shows as whom the daemon knows the caller.
///
/// # Errors
/// Nobody answers, or the token is none.
pub fn run(frame: &Frame) -> Ended {
    let identity: Identity = frame.client.get(&["v1", "whoami"])?;
    Ok(frame.show(&identity, Exit::Good, |identity, _| render(identity)))
}

fn render(identity: &Identity) -> String {
    let how = match identity.how.as_str() {
        "token" => "by token",
        "certificate" => "by client certificate",
        _ => "by nothing but your word: nobody is authenticated here",
    };
    let may = match identity.role {
        AccessRole::Viewer => "viewer: may look",
        AccessRole::Operator => "operator: may look, start and steer runs, pause automation",
        AccessRole::Admin => "admin: may do everything, the cluster's members included",
    };
    let mut text = wrapped("You are   ", &format!("{}, {how}", identity.name));
    text += &wrapped("Role      ", may);
    let scope = match &identity.applications {
        None => "all applications".to_owned(),
        Some(names) if names.is_empty() => "no application".to_owned(),
        Some(names) => names.join(", "),
    };
    text += &wrapped("Scope     ", &scope);
    if let Some(at) = &identity.expires_at {
        text += &wrapped("Expires   ", &moment(at));
    }
    if identity.second_person {
        text += &wrapped(
            "Data loss ",
            "must be approved by somebody other than who asked for the run",
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_one_is() {
        let claimed = Identity {
            name: "ada".to_owned(),
            how: "claimed".to_owned(),
            role: AccessRole::Admin,
            applications: None,
            expires_at: None,
            second_person: false,
        };
        let token = Identity {
            name: "night-shift".to_owned(),
            how: "token".to_owned(),
            role: AccessRole::Operator,
            applications: Some(vec!["shop".to_owned(), "search".to_owned()]),
            expires_at: Some("2027-01-01T00:00:00.000Z".to_owned()),
            second_person: true,
        };
        let text = format!("{}\n{}", render(&claimed), render(&token));
        insta::assert_snapshot!("whoami", text);
    }
}
