//! Who asks, once that is known.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use crate::api::wire::{AccessRole, Identity};
use crate::model::{AppId, Wall};

/// Whoever asks, as far as they could show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::api) struct Caller {
    /// Of the token or certificate; none where nobody is authenticated: then each body says it.
    pub name: Option<String>,
    pub how: How,
    pub role: AccessRole,
    pub scope: Scope,
    pub expires: Option<Wall>,
    /// Where the connection comes from.
    pub from: SocketAddr,
}

/// How they showed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::api) enum How {
    Token,
    Certificate,
    /// They did not: only this host's own users can ask.
    Claimed,
}

impl How {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Certificate => "certificate",
            Self::Claimed => "claimed",
        }
    }
}

/// Which applications a caller may see and steer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::api) enum Scope {
    Everything,
    Only(BTreeSet<AppId>),
}

impl Scope {
    pub fn covers(&self, app: &AppId) -> bool {
        match self {
            Self::Everything => true,
            Self::Only(apps) => apps.contains(app),
        }
    }

    pub fn is_everything(&self) -> bool {
        matches!(self, Self::Everything)
    }
}

impl Caller {
    /// What they are called where they do not say it themselves.
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or("this host")
    }

    pub fn identity(&self, second_person: bool) -> Identity {
        Identity {
            name: self.name().to_owned(),
            how: self.how.as_str().to_owned(),
            role: self.role,
            applications: match &self.scope {
                Scope::Everything => None,
                Scope::Only(apps) => Some(apps.iter().map(ToString::to_string).collect()),
            },
            expires_at: self.expires.map(crate::api::view::moment),
            second_person,
        }
    }
}

/// The word of a role, as in configuration and JSON.
pub(in crate::api) fn role_word(role: AccessRole) -> &'static str {
    match role {
        AccessRole::Viewer => "viewer",
        AccessRole::Operator => "operator",
        AccessRole::Admin => "admin",
    }
}
