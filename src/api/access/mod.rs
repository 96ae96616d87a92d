//! Who asks, and what they may do.
//!
//! ```text
//!  Authorization: Bearer … ──▶ hashed tokens ───┐
//!  client certificate ───────▶ [[certificate]] ─┼─▶ Caller: name, role, scope
//!  neither, without [auth] ──▶ this host only ──┘
//! ```
//!
//! Invariant: without `[auth]` only a request that came over loopback and is addressed to it has a caller.
//! Invariant: a token that could be guessed has no caller, whatever the file says.

mod browser;
mod caller;
mod file;
mod token;
mod tokens;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode};

pub(super) use self::browser::from_our_page;
pub(super) use self::caller::{Caller, How, Scope, role_word};
pub use self::file::TokensError;
use self::file::{Reload, TokensFile};
pub use self::token::{BYTES as TOKEN_BYTES, PREFIX as TOKEN_PREFIX, token_hash, token_of};
use super::peer::Peer;
use super::problem::Problem;
use super::wire::AccessRole;
use crate::config::{AuthCertificate, AuthRole, Config};
use crate::model::{AppId, DataLossApproval, Wall};

/// Between two looks at the file of tokens, in real time: a token that was taken out is refused after
/// that at the latest.
const RELOAD: Duration = Duration::from_secs(2);

/// Who may ask.
#[derive(Debug)]
pub struct Access {
    way: Way,
    /// Every configured application: others are told as mistakes of a scope.
    applications: BTreeSet<AppId>,
    /// Whether a loss of data needs another person's word than that of who asked for the run.
    second_person: bool,
}

#[derive(Debug)]
enum Way {
    /// Nobody is authenticated.
    Claimed,
    Shown {
        tokens: Option<TokensFile>,
        certificates: Vec<AuthCertificate>,
        metrics: bool,
    },
}

impl Access {
    /// As configured. Reads the file of tokens.
    ///
    /// # Errors
    ///
    /// If it cannot be read or has mistakes.
    pub fn open(config: &Config) -> Result<Self, TokensError> {
        let way = match &config.callers {
            None => Way::Claimed,
            Some(auth) => Way::Shown {
                tokens: auth
                    .tokens_file
                    .as_deref()
                    .map(TokensFile::open)
                    .transpose()?,
                certificates: auth.certificates.clone(),
                metrics: auth.metrics,
            },
        };
        let applications = config.applications.iter().map(|a| a.name.clone()).collect();
        let access = Self {
            way,
            applications,
            second_person: config.auth.data_loss_approval == DataLossApproval::OtherPerson,
        };
        access.remark();
        Ok(access)
    }

    /// Whoever shows one of these.
    #[cfg(test)]
    pub(super) fn of(auth: Option<&crate::config::Auth>) -> Result<Self, TokensError> {
        let way = match auth {
            None => Way::Claimed,
            Some(auth) => Way::Shown {
                tokens: auth
                    .tokens_file
                    .as_deref()
                    .map(TokensFile::open)
                    .transpose()?,
                certificates: auth.certificates.clone(),
                metrics: auth.metrics,
            },
        };
        Ok(Self {
            way,
            applications: BTreeSet::from(["shop".into()]),
            second_person: false,
        })
    }

    /// Whether a loss of data needs a second person.
    pub(super) fn needs_second_person(&self) -> bool {
        self.second_person
    }

    /// Whether `/metrics` asks who reads it.
    pub(super) fn guards_metrics(&self) -> bool {
        matches!(self.way, Way::Shown { metrics: true, .. })
    }

    /// Whether the tokens in use are those of the file; none where there is no file.
    pub(super) fn tokens_are_current(&self) -> Option<bool> {
        match &self.way {
            Way::Claimed | Way::Shown { tokens: None, .. } => None,
            Way::Shown {
                tokens: Some(file), ..
            } => Some(file.is_current()),
        }
    }

    /// How many tokens of each role have not expired; nothing where there is no file.
    pub(super) fn tokens_by_role(&self) -> BTreeMap<AccessRole, u64> {
        match &self.way {
            Way::Claimed | Way::Shown { tokens: None, .. } => BTreeMap::new(),
            Way::Shown {
                tokens: Some(file), ..
            } => file.tokens().by_role(real_now()),
        }
    }

    /// Who sent a request with these headers over that connection, at that moment of real time.
    pub(super) fn identify(
        &self,
        headers: &HeaderMap,
        peer: &Peer,
        now: Wall,
    ) -> Result<Caller, Problem> {
        match &self.way {
            Way::Claimed => claimed(headers, peer),
            Way::Shown {
                tokens,
                certificates,
                metrics: _,
            } => match bearer(headers)? {
                Some(token) => by_token(tokens.as_ref(), token, peer, now),
                None => by_certificate(certificates, peer),
            },
        }
    }

    /// Looks at the file now and then, for good.
    pub(super) async fn keep_current(self: std::sync::Arc<Self>) {
        let mut tick = tokio::time::interval(RELOAD);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let access = std::sync::Arc::clone(&self);
            let looked = tokio::task::spawn_blocking(move || access.reload()).await;
            if let Err(error) = looked {
                tracing::error!(%error, "the file of tokens was not looked at");
            }
        }
    }

    /// Takes a new file of tokens, if there is one and it is good. Blocks on it.
    fn reload(&self) {
        let Way::Shown {
            tokens: Some(file), ..
        } = &self.way
        else {
            return;
        };
        match file.reload() {
            Reload::Unchanged => {}
            Reload::Taken { tokens } => {
                tracing::info!(path = %file.path().display(), tokens, "new tokens are in use");
                self.remark();
            }
            Reload::Kept { why } => tracing::warn!(
                path = %file.path().display(),
                why,
                "the new file of tokens is not good: the old ones stay in use"
            ),
        }
    }

    /// Says what is worth knowing about the file.
    fn remark(&self) {
        let Way::Shown {
            tokens: Some(file), ..
        } = &self.way
        else {
            return;
        };
        let path = file.path().display();
        if file.is_readable_by_others() {
            tracing::warn!(%path, "the file of tokens may be read by every user of this host: chmod 640");
        }
        for application in file.tokens().unknown_applications(&self.applications) {
            tracing::warn!(%path, %application, "a token is for an application that is not configured here");
        }
    }
}

/// The moment that expiry is judged by.
#[expect(
    clippy::disallowed_methods,
    reason = "tokens expire in real time, in a drill, too"
)]
pub(super) fn real_now() -> Wall {
    let ms = jiff::Timestamp::now().as_millisecond();
    Wall(u64::try_from(ms).unwrap_or(0))
}

fn claimed(headers: &HeaderMap, peer: &Peer) -> Result<Caller, Problem> {
    if !peer.loopback {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "not_on_loopback",
            "this daemon's API is open to other hosts, and it cannot tell who asks",
            "Set `api` under [node] to a loopback address, such as 127.0.0.1:7400, or add [auth].",
        ));
    }
    browser::addressed_to_this_host(headers)?;
    Ok(Caller {
        name: None,
        how: How::Claimed,
        role: AccessRole::Admin,
        scope: Scope::Everything,
        expires: None,
        from: peer.address,
    })
}

/// The token of the request, if it has one.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let Some(header) = headers.get(AUTHORIZATION) else {
        return Ok(None);
    };
    let token = header.to_str().ok().and_then(|text| {
        let (scheme, token) = text.split_once(' ')?;
        let token = token.trim();
        (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
    });
    token.map(Some).ok_or_else(|| {
        unauthorized(
            "bad_authorization",
            "the Authorization header holds no bearer token",
            "Send it as: Authorization: Bearer fod_…",
        )
    })
}

fn by_token(
    file: Option<&TokensFile>,
    token: &str,
    peer: &Peer,
    now: Wall,
) -> Result<Caller, Problem> {
    if let Some(why) = token::weakness(token) {
        return Err(unauthorized(
            "weak_token",
            format!("the token could be guessed: {why}"),
            "Make one with failoverctl token new, and put its block into the file of tokens.",
        ));
    }
    let tokens = file.map(TokensFile::tokens);
    let Some(entry) = tokens.as_ref().and_then(|tokens| tokens.find(token)) else {
        return Err(unauthorized(
            "unknown_token",
            "nobody here knows this token",
            "Is it the token of this cluster, and does its hash stand in this member's file of \
             tokens? Any admin can add it: failoverctl token new.",
        ));
    };
    if let Some(expires) = entry.expires
        && expires <= now
    {
        return Err(unauthorized(
            "expired_token",
            format!(
                "the token of `{}` has expired at {}",
                entry.name,
                super::view::moment(expires)
            ),
            "Ask an admin for a new one: failoverctl token new.",
        ));
    }
    Ok(Caller {
        name: Some(entry.name.clone()),
        how: How::Token,
        role: entry.role,
        scope: entry.scope.clone(),
        expires: entry.expires,
        from: peer.address,
    })
}

fn by_certificate(known: &[AuthCertificate], peer: &Peer) -> Result<Caller, Problem> {
    let Some(shown) = &peer.certificate else {
        return Err(unauthorized(
            "no_token",
            "the request does not say who asks",
            "Send a token: Authorization: Bearer fod_…; failoverctl takes it from \
             FAILOVERCTL_TOKEN. An admin makes one with failoverctl token new.",
        ));
    };
    let found = known.iter().find(|known| shown.names.contains(&known.name));
    let Some(found) = found else {
        let names = shown.names.join(", ");
        return Err(unauthorized(
            "unknown_certificate",
            format!("nobody here knows the certificate of {names}"),
            "Add [[auth.certificate]] with its name and role to this member's configuration, or send \
             a token.",
        ));
    };
    Ok(Caller {
        name: Some(found.name.clone()),
        how: How::Certificate,
        role: match found.role {
            AuthRole::Viewer => AccessRole::Viewer,
            AuthRole::Operator => AccessRole::Operator,
            AuthRole::Admin => AccessRole::Admin,
        },
        scope: match &found.applications {
            None => Scope::Everything,
            Some(apps) => Scope::Only(apps.clone()),
        },
        expires: Some(shown.not_after),
        from: peer.address,
    })
}

fn unauthorized(
    code: &'static str,
    detail: impl Into<String>,
    remedy: impl Into<String>,
) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, code, detail, remedy)
}
