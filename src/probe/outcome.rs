//! What an error means: did the endpoint fail, or could this host not ask?

use std::error::Error;
use std::io;

use crate::model::{FailureReason, SampleOutcome, UnknownReason};

/// Characters kept of an error's text. A sample travels in votes and stands in logs; an endpoint
/// must not decide how long it is.
const TEXT_LIMIT: usize = 160;

/// The endpoint failed.
pub(super) fn failed(reason: FailureReason) -> SampleOutcome {
    SampleOutcome::Failure(reason)
}

/// This host could not ask.
pub(super) fn local(why: impl AsRef<str>) -> SampleOutcome {
    SampleOutcome::Unknown(UnknownReason::Local(clip(why.as_ref())))
}

/// No resolver could be asked.
pub(super) fn no_resolver(why: impl AsRef<str>) -> SampleOutcome {
    SampleOutcome::Unknown(UnknownReason::ResolverUnreachable(clip(why.as_ref())))
}

/// At most [`TEXT_LIMIT`] characters of `text`.
pub(super) fn clip(text: &str) -> String {
    match text.char_indices().nth(TEXT_LIMIT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// An error with its causes, outermost first.
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Some wrappers print their cause themselves.
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    clip(&text)
}

/// Whether an error of a socket is about this host rather than about the endpoint.
///
/// `ENETUNREACH` and `EHOSTUNREACH` are not among them: routers send these about the other side.
/// Should our own uplink be gone, then the reference targets are gone too, and the member knows that
/// it is isolated.
pub(super) fn is_local(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(
            libc::EMFILE
                | libc::ENFILE
                | libc::ENOBUFS
                | libc::ENOMEM
                // No free port, or the source address is not (or no longer) ours.
                | libc::EADDRNOTAVAIL
                | libc::EADDRINUSE
                // A packet filter or a security module of this host.
                | libc::EACCES
                | libc::EPERM
                // This host does not speak that address family, or the source cannot go there.
                | libc::EAFNOSUPPORT
                | libc::EINVAL
                | libc::ENETDOWN
        )
    )
}

/// What a failed connect means.
pub(super) fn of_connect(error: &io::Error) -> SampleOutcome {
    if is_local(error) {
        return local(format!("cannot open a connection: {error}"));
    }
    match error.raw_os_error() {
        Some(libc::ECONNREFUSED) => failed(FailureReason::ConnectRefused),
        Some(libc::ETIMEDOUT) => failed(FailureReason::ConnectTimeout),
        _ => failed(FailureReason::Connect(clip(&error.to_string()))),
    }
}

/// What a failed TLS handshake means.
pub(super) fn of_handshake(error: &io::Error) -> SampleOutcome {
    if is_local(error) {
        return local(format!("cannot perform the TLS handshake: {error}"));
    }
    failed(FailureReason::Tls(if ended(error) {
        "the connection ended during the handshake".to_owned()
    } else {
        chain(error)
    }))
}

/// What a failed HTTP exchange means.
pub(super) fn of_exchange(error: &hyper::Error) -> SampleOutcome {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            if is_local(io) {
                return local(format!("cannot use the connection: {io}"));
            }
            if ended(io) {
                return failed(FailureReason::ClosedEarly);
            }
            // A server that asks for a client certificate says no only after the handshake.
            if let Some(tls) = io.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>()) {
                return failed(FailureReason::Tls(clip(&tls.to_string())));
            }
        }
        source = cause.source();
    }
    if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        return failed(FailureReason::ClosedEarly);
    }
    failed(FailureReason::Protocol(chain(error)))
}

/// Whether the other side ended the connection.
fn ended(error: &io::Error) -> bool {
    match error.kind() {
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::NotConnected
        | io::ErrorKind::UnexpectedEof => true,
        // `io::ErrorKind` is open-ended; only these say that the connection ended.
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_this_host_lacks_is_unknown_and_what_the_endpoint_does_is_a_failure() {
        for code in [
            libc::EMFILE,
            libc::ENFILE,
            libc::ENOBUFS,
            libc::ENOMEM,
            libc::EADDRNOTAVAIL,
            libc::EADDRINUSE,
            libc::EACCES,
            libc::EPERM,
            libc::EAFNOSUPPORT,
            libc::EINVAL,
            libc::ENETDOWN,
        ] {
            let outcome = of_connect(&io::Error::from_raw_os_error(code));
            assert!(
                matches!(outcome, SampleOutcome::Unknown(UnknownReason::Local(_))),
                "{code}: {outcome:?}"
            );
        }
        for code in [
            libc::ECONNREFUSED,
            libc::ETIMEDOUT,
            libc::ENETUNREACH,
            libc::EHOSTUNREACH,
            libc::ECONNRESET,
        ] {
            let outcome = of_connect(&io::Error::from_raw_os_error(code));
            assert!(
                matches!(outcome, SampleOutcome::Failure(_)),
                "{code}: {outcome:?}"
            );
        }
    }

    #[test]
    fn texts_are_bounded_at_a_character() {
        let long = "é".repeat(1_000);
        assert_eq!(clip(&long).chars().count(), TEXT_LIMIT + 1);
        assert_eq!(clip("short"), "short");
    }
}
