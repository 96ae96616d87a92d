//! The status page: a few files compiled into the program, which hold nothing. What they show they ask
//! the API for, in the browser, with the token of whoever looks.
//!
//! ```text
//!  GET /                 index.html ──▶ /page/page.css, /page/main.js and its modules
//!       main.js ──GET /v1/events, /v1/status, …──▶ the API, like any other client
//! ```
//!
//! No build step and nothing from elsewhere: on the day of an outage the page must not need a network
//! beyond this member. Every answer forbids scripts, styles and connections of any other origin, and
//! the browser refuses to make markup of text (`require-trusted-types-for`).
//!
//! Invariant: these routes read nothing of the daemon's, so they may be open to all.

use std::sync::LazyLock;

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use sha2::{Digest, Sha256};

/// What a browser may do with the page: run its own files, ask its own origin, nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'; require-trusted-types-for 'script'; \
                      trusted-types 'none'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// One file of the page.
struct File {
    path: &'static str,
    content_type: &'static str,
    text: &'static str,
}

const FILES: [File; 14] = [
    File::new("/", HTML, include_str!("index.html")),
    File::new("/page/page.css", CSS, include_str!("page.css")),
    File::new("/page/icon.svg", SVG, include_str!("icon.svg")),
    File::new("/page/main.js", SCRIPT, include_str!("main.js")),
    File::new("/page/api.js", SCRIPT, include_str!("api.js")),
    File::new("/page/dom.js", SCRIPT, include_str!("dom.js")),
    File::new("/page/words.js", SCRIPT, include_str!("words.js")),
    File::new("/page/overview.js", SCRIPT, include_str!("overview.js")),
    File::new("/page/regions.js", SCRIPT, include_str!("regions.js")),
    File::new("/page/run.js", SCRIPT, include_str!("run.js")),
    File::new("/page/panels.js", SCRIPT, include_str!("panels.js")),
    File::new("/page/acts.js", SCRIPT, include_str!("acts.js")),
    File::new("/page/dialog.js", SCRIPT, include_str!("dialog.js")),
    File::new("/page/move.js", SCRIPT, include_str!("move.js")),
];

/// The entity tag of each file, in their order.
static TAGS: LazyLock<Vec<HeaderValue>> = LazyLock::new(|| FILES.iter().map(File::tag).collect());

impl File {
    const fn new(path: &'static str, content_type: &'static str, text: &'static str) -> Self {
        Self {
            path,
            content_type,
            text,
        }
    }

    fn tag(&self) -> HeaderValue {
        let tag = format!("\"{}\"", hex::encode(&Sha256::digest(self.text)[..12]));
        HeaderValue::from_str(&tag).expect("hexadecimal digits in quotes are a header's value")
    }
}

/// The routes of the page's files.
pub(super) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let mut router = Router::new();
    for (index, file) in FILES.iter().enumerate() {
        let serve = async move |asked: HeaderMap| answer(index, &asked);
        router = router.route(file.path, get(serve));
    }
    router
}

fn answer(index: usize, asked: &HeaderMap) -> Response {
    let file = &FILES[index];
    let tag = &TAGS[index];
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(file.content_type)),
        // Kept, and asked for again each time: a new version of the daemon brings a new page.
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (ETAG, tag.clone()),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    if asked.get(IF_NONE_MATCH) == Some(tag) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    (headers, file.text).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http::Request;
    use tower::ServiceExt;

    use super::*;

    async fn ask(path: &str, tag: Option<&HeaderValue>) -> Response {
        let mut request = Request::get(path);
        if let Some(tag) = tag {
            request = request.header(IF_NONE_MATCH, tag);
        }
        let request = request.body(Body::empty()).unwrap();
        router::<()>().oneshot(request).await.unwrap()
    }

    #[tokio::test]
    async fn every_file_is_served_under_the_policy_and_not_sent_twice() {
        for file in &FILES {
            let answer = ask(file.path, None).await;
            assert_eq!(answer.status(), StatusCode::OK, "{}", file.path);
            let header = |name| answer.headers().get(name).cloned();
            assert_eq!(header(CONTENT_TYPE).unwrap(), file.content_type);
            assert_eq!(header(X_CONTENT_TYPE_OPTIONS).unwrap(), "nosniff");
            let policy = header(CONTENT_SECURITY_POLICY).unwrap();
            for part in [
                "default-src 'none'",
                "frame-ancestors 'none'",
                "script-src 'self';",
            ] {
                assert!(policy.to_str().unwrap().contains(part), "{policy:?}");
            }
            let again = ask(file.path, header(ETAG).as_ref()).await;
            assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{}", file.path);
            let other = ask(file.path, Some(&HeaderValue::from_static("\"other\""))).await;
            assert_eq!(other.status(), StatusCode::OK, "{}", file.path);
        }
    }

    /// What the policy would refuse in a browser, and what would make markup of text.
    #[test]
    fn the_files_need_nothing_from_elsewhere_and_never_parse_text_as_markup() {
        let banned = [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "localStorage",
            "style=\"",
            "onclick=",
            "https://",
        ];
        for file in &FILES {
            for word in banned {
                assert!(!file.text.contains(word), "{} has {word}", file.path);
            }
            let lines = file.text.lines().count();
            assert!(lines <= 500, "{} has {lines} lines", file.path);
        }
    }

    /// Each module that is imported, and each file that the page names, is there.
    #[test]
    fn nothing_is_named_that_is_not_served() {
        let served = |path: &str| FILES.iter().any(|file| file.path == path);
        for file in &FILES {
            for part in file.text.split("from './").skip(1) {
                let name = part.split('\'').next().unwrap();
                assert!(served(&format!("/page/{name}")), "{}: {name}", file.path);
            }
            for part in file.text.split("=\"/page/").skip(1) {
                let name = part.split('"').next().unwrap();
                assert!(served(&format!("/page/{name}")), "{}: {name}", file.path);
            }
        }
    }
}
