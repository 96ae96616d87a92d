//! What a web page that somebody on this host looks at may not do in their name.
//!
//! A page can send requests to loopback addresses, and can make a name of its own lead there. The first
//! is held off by `Origin` and by the media type of a change, which a browser asks leave for; the second
//! by the name the request is addressed to.

use std::net::IpAddr;

use http::header::{HOST, ORIGIN};
use http::{HeaderMap, StatusCode};

use crate::api::problem::Problem;

/// Where nobody is authenticated: only what is addressed to this host by a name that nobody else can
/// give it.
pub(super) fn addressed_to_this_host(headers: &HeaderMap) -> Result<(), Problem> {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    if host.is_some_and(is_this_host) {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::FORBIDDEN,
        "foreign_host",
        "the request is addressed to another host's name",
        "Use a loopback address, such as http://127.0.0.1:7400.",
    ))
}

/// A change that a browser sends comes from the page that this daemon serves, or from no page.
pub(in crate::api) fn from_our_page(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(origin) = headers.get(ORIGIN) else {
        return Ok(());
    };
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let ours = origin.to_str().ok().and_then(|origin| {
        let (_scheme, site) = origin.split_once("://")?;
        Some(site.eq_ignore_ascii_case(host?))
    });
    if ours == Some(true) {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::FORBIDDEN,
        "foreign_origin",
        "the request comes from another site's page",
        "Use the page that this daemon serves, or failoverctl.",
    ))
}

fn is_this_host(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        Some(_) | None => host,
    };
    let bare = name
        .strip_prefix('[')
        .and_then(|n| n.strip_suffix(']'))
        .unwrap_or(name);
    bare.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_name_that_is_made_to_lead_here_is_not_this_host() {
        for host in ["127.0.0.1:7400", "localhost", "LOCALHOST:1", "[::1]:7400"] {
            assert!(is_this_host(host), "{host}");
        }
        for host in [
            "rebound.example:7400",
            "127.0.0.1.example",
            "10.0.0.1:7400",
            "",
        ] {
            assert!(!is_this_host(host), "{host}");
        }
    }

    #[test]
    fn a_page_of_another_site_is_told_from_our_own() {
        let headers = |origin: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, HeaderValue::from_static("127.0.0.1:7400"));
            if let Some(origin) = origin {
                headers.insert(ORIGIN, HeaderValue::from_static(origin));
            }
            headers
        };
        for ours in [None, Some("http://127.0.0.1:7400")] {
            assert_eq!(from_our_page(&headers(ours)), Ok(()), "{ours:?}");
        }
        for theirs in ["http://evil.example", "null", "http://127.0.0.1:7401", ""] {
            let refused = from_our_page(&headers(Some(theirs)));
            assert!(refused.is_err(), "{theirs}");
        }
    }
}
