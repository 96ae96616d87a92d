//! failoverctl's side of the API: one request, one answer, and every way it can end badly in words.
//!
//! Invariant: a request that may have changed something is sent once. Whoever wants it repeated knows
//! that it may be.

use std::time::Duration;

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::Exit;
use crate::api::Problem;

/// Where the daemon's API is if nothing else is said: the default of `[node] api`.
pub const DEFAULT_SERVER: &str = "http://127.0.0.1:7400";

/// A daemon on this host, or behind a tunnel, answers a connection at once or never.
const CONNECT: Duration = Duration::from_secs(3);

/// Longer than the API keeps a connection.
const ANSWER: Duration = Duration::from_secs(15);

/// Bytes of an answer that are taken: thousands of members' worth.
const LARGEST: usize = 8 << 20;

/// Columns of a terminal nobody has widened.
const WIDTH: usize = 80;

/// One daemon's API.
pub struct Client {
    server: Url,
    http: reqwest::Client,
    runtime: tokio::runtime::Runtime,
}

/// Why there is no answer that can be used.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("`{server}` is not the address of a daemon's API: {why}")]
    BadServer { server: String, why: String },
    #[error("this program cannot speak HTTP here: {why}")]
    Setup { why: String },
    #[error("no daemon answers at {server}: {why}")]
    Unreachable { server: String, why: String },
    #[error("{}", .0.detail)]
    Problem(Problem),
    #[error("{server} answers ({status}), but not as a failoverd of this version does: {why}")]
    Strange {
        server: String,
        status: u16,
        why: String,
    },
}

impl Client {
    /// Nothing is sent yet.
    pub fn new(server: &str) -> Result<Self, ClientError> {
        let bad = |why: &str| ClientError::BadServer {
            server: server.to_owned(),
            why: why.to_owned(),
        };
        let url = Url::parse(server).map_err(|error| bad(&error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(bad("it begins with neither http:// nor https://"));
        }
        if url.path() != "/" || url.query().is_some() {
            return Err(bad("it has a path; only the host and the port are given"));
        }
        let setup = |why: String| ClientError::Setup { why };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| setup(error.to_string()))?;
        // Installed already is just as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .timeout(ANSWER)
            // An operator's call goes to the member that was named, not to whoever stands between.
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| setup(chain(&error)))?;
        Ok(Self {
            server: url,
            http,
            runtime,
        })
    }

    /// Reads something.
    pub fn get<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T, ClientError> {
        self.send(Method::GET, path, None)
    }

    /// Asks for a change.
    pub fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body).map_err(|error| ClientError::Setup {
            why: error.to_string(),
        })?;
        self.send(Method::POST, path, Some(body))
    }

    /// Waits, on behalf of whoever asks again.
    pub fn pause(&self, length: Duration) {
        self.runtime
            .block_on(async { tokio::time::sleep(length).await });
    }

    fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        body: Option<Vec<u8>>,
    ) -> Result<T, ClientError> {
        let mut url = self.server.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            // What was typed never makes a path of its own.
            segments.clear().extend(path);
        }
        let mut request = self.http.request(method, url);
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        let (status, bytes) = self.runtime.block_on(self.answer(request))?;
        if (200..300).contains(&status) {
            return serde_json::from_slice(&bytes)
                .map_err(|error| self.strange(status, &error.to_string()));
        }
        match serde_json::from_slice::<Problem>(&bytes) {
            Ok(problem) => Err(ClientError::Problem(problem)),
            Err(_) => Err(self.strange(status, "it gives no reason that can be read")),
        }
    }

    async fn answer(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<(u16, Vec<u8>), ClientError> {
        let unreachable = |error: reqwest::Error| ClientError::Unreachable {
            server: self.name(),
            why: chain(&error.without_url()),
        };
        let mut answer = request.send().await.map_err(unreachable)?;
        let status = answer.status().as_u16();
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(unreachable)? {
            if bytes.len() + chunk.len() > LARGEST {
                return Err(self.strange(status, "it does not come to an end"));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok((status, bytes))
    }

    fn name(&self) -> String {
        self.server.as_str().trim_end_matches('/').to_owned()
    }

    fn strange(&self, status: u16, why: &str) -> ClientError {
        ClientError::Strange {
            server: self.name(),
            status,
            why: why.to_owned(),
        }
    }
}

impl ClientError {
    /// How the program ends.
    pub fn exit(&self) -> Exit {
        match self {
            Self::BadServer { .. } => Exit::Usage,
            Self::Setup { .. } | Self::Unreachable { .. } | Self::Strange { .. } => {
                Exit::Unreachable
            }
            Self::Problem(problem) => match problem.status {
                401 | 403 => Exit::NotAuthorised,
                409 => Exit::Refused,
                // Nobody who could do it has answered.
                500..=599 => Exit::Unreachable,
                _ => Exit::Usage,
            },
        }
    }

    /// What a person may do about it.
    fn remedy(&self) -> &str {
        match self {
            Self::BadServer { .. } => {
                "Give it as http://HOST:PORT, with --server or in FAILOVERCTL_SERVER."
            }
            Self::Setup { .. } => "Look at this host's limits.",
            Self::Unreachable { .. } => {
                "Is failoverd running there? `api` under [node] says where it listens; name it with \
                 --server or in FAILOVERCTL_SERVER. Any member will do."
            }
            Self::Problem(problem) => &problem.remedy,
            Self::Strange { .. } => {
                "Is it failoverd that listens there, and is it of the same version? See failoverctl \
                 version."
            }
        }
    }

    /// For people, in 80 columns.
    pub fn render(&self) -> String {
        let mut text = wrapped("error: ", &self.to_string());
        if let Self::Problem(problem) = self {
            text += &wrapped(
                "  code: ",
                &format!("{} ({})", problem.code, problem.status),
            );
        }
        text += &wrapped("  help: ", self.remedy());
        text
    }
}

/// Wrapped, each further line below the first one's text, with a line's end.
pub fn wrapped(head: &str, text: &str) -> String {
    let indent = " ".repeat(head.len());
    let options = textwrap::Options::new(WIDTH)
        .initial_indent(head)
        .subsequent_indent(&indent)
        .break_words(false)
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    textwrap::fill(text, options) + "\n"
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16) -> ClientError {
        ClientError::Problem(Problem {
            title: "Conflict".to_owned(),
            status,
            code: "is_leader".to_owned(),
            detail: "member ireland leads, and the leader cannot remove itself".to_owned(),
            remedy: "Run failoverctl member stand-down ireland, wait until another member leads, \
                     and ask again."
                .to_owned(),
        })
    }

    #[test]
    fn a_problem_fits_a_terminal_and_ends_with_its_number() {
        insta::assert_snapshot!("problem", refused(409).render());
        for (status, exit) in [
            (400, Exit::Usage),
            (403, Exit::NotAuthorised),
            (404, Exit::Usage),
            (409, Exit::Refused),
            (503, Exit::Unreachable),
            (504, Exit::Unreachable),
        ] {
            assert_eq!(refused(status).exit(), exit, "{status}");
        }
    }

    #[test]
    fn an_address_that_is_none_is_a_mistake_in_usage() {
        for server in [
            "127.0.0.1:7400",
            "ftp://here",
            "http://here/v1",
            "",
            "http://",
        ] {
            let error = Client::new(server).err().expect("no address");
            assert_eq!(error.exit(), Exit::Usage, "{server}: {error}");
        }
    }

    #[test]
    fn nobody_there_is_said_with_the_remedy() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = free.local_addr().expect("bound");
        drop(free);
        let client = Client::new(&format!("http://{address}")).expect("an address");
        let error = client
            .get::<serde_json::Value>(&["v1", "members"])
            .expect_err("nobody is there");
        assert_eq!(error.exit(), Exit::Unreachable);
        let text = error.render();
        assert!(
            text.contains("no daemon answers at http://127.0.0.1:"),
            "{text}"
        );
        assert!(text.contains("--server"), "{text}");
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
    }
}
