//! Every way in which asking can end badly, in words.

use std::path::PathBuf;

use super::WIDTH;
use crate::api::Problem;
use crate::api::wire::Reason;
use crate::cli::Exit;

/// Why there is no answer that can be used.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("`{server}` is not the address of a daemon's API: {why}")]
    BadServer { server: String, why: String },
    #[error("{} cannot be used: {why}", path.display())]
    BadFile { path: PathBuf, why: String },
    #[error("{place} holds no token: one word of visible characters is expected")]
    BadToken { place: String },
    #[error("a client certificate and its key go together: {missing} is missing")]
    Half { missing: &'static str },
    #[error("your token would travel to {server} unprotected; nothing was sent")]
    Unprotected { server: String },
    #[error("this program cannot speak HTTP here: {why}")]
    Setup { why: String },
    /// Each server that was tried, and what became of it. Nothing was asked.
    #[error("{}", nobody(.tried))]
    Unreachable { tried: Vec<(String, String)> },
    /// Sent, and no answer came.
    #[error("{server} was asked and gave no answer: {why}. Whether it was done is not known")]
    Lost { server: String, why: String },
    #[error("{}", .problem.detail)]
    Problem {
        problem: Box<Problem>,
        /// Where several things stand against it.
        reasons: Vec<Reason>,
    },
    #[error("{server} answers ({status}), but not as a failoverd of this version does: {why}")]
    Strange {
        server: String,
        status: u16,
        why: String,
    },
    #[error("interrupted")]
    Interrupted,
}

fn nobody(tried: &[(String, String)]) -> String {
    match tried {
        [(server, why)] => format!("no daemon answers at {server}: {why}"),
        several => format!("none of {} daemons answers", several.len()),
    }
}

impl ClientError {
    /// How the program ends.
    pub fn exit(&self) -> Exit {
        match self {
            Self::BadServer { .. }
            | Self::BadFile { .. }
            | Self::BadToken { .. }
            | Self::Half { .. }
            | Self::Unprotected { .. } => Exit::Usage,
            Self::Setup { .. }
            | Self::Unreachable { .. }
            | Self::Lost { .. }
            | Self::Strange { .. } => Exit::Unreachable,
            Self::Interrupted => Exit::No,
            Self::Problem { problem, .. } => match problem.status {
                401 | 403 => Exit::NotAuthorised,
                409 => Exit::Refused,
                // Nobody who could do it has answered, or not now.
                429 | 500..=599 => Exit::Unreachable,
                _ => Exit::Usage,
            },
        }
    }

    /// Whether asking again later may end otherwise.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Lost { .. } | Self::Strange { .. } => true,
            Self::Problem { problem, .. } => matches!(problem.status, 429 | 500..=599),
            Self::BadServer { .. }
            | Self::BadFile { .. }
            | Self::BadToken { .. }
            | Self::Half { .. }
            | Self::Unprotected { .. }
            | Self::Setup { .. }
            | Self::Interrupted => false,
        }
    }

    /// What a person may do about it.
    fn remedy(&self) -> &str {
        match self {
            Self::BadServer { .. } => {
                "Give it as https://HOST:PORT, with --server or in FAILOVERCTL_SERVER."
            }
            Self::BadFile { .. } => "Name a file that can be read and is what the option asks for.",
            Self::BadToken { .. } => {
                "Put the token that `failoverctl token new` printed there, and nothing else."
            }
            Self::Half { .. } => "Give --cert-file and --key-file, or neither.",
            Self::Unprotected { .. } => {
                "Name the server with https://, or reach it by a tunnel to this host's loopback."
            }
            Self::Setup { .. } => "Look at this host's limits.",
            Self::Unreachable { tried } if tried.iter().any(|(_, why)| of_tls(why)) => {
                "The connection was refused for its certificates: name the members' authority with \
                 --ca-file, and your own certificate with --cert-file and --key-file."
            }
            Self::Unreachable { .. } => {
                "Is failoverd running there? `api` under [node] says where it listens; name it with \
                 --server or in FAILOVERCTL_SERVER. Any member will do."
            }
            Self::Lost { .. } => "Look before you ask again: failoverctl status, failoverctl runs.",
            Self::Problem { problem, .. } => &problem.remedy,
            Self::Strange { .. } => {
                "Is it failoverd that listens there, and is it of the same version? See failoverctl \
                 version."
            }
            Self::Interrupted => "",
        }
    }

    /// For people, in 80 columns.
    pub fn render(&self) -> String {
        let mut text = wrapped("error: ", &self.to_string());
        match self {
            Self::Problem { problem, reasons } => {
                for reason in reasons
                    .iter()
                    .filter(|reason| reason.text != problem.detail)
                {
                    text += &wrapped("      - ", &format!("{}: {}", reason.code, reason.text));
                    if reason.remedy != problem.remedy {
                        text += &wrapped("        help: ", &reason.remedy);
                    }
                }
                text += &wrapped(
                    "  code: ",
                    &format!("{} ({})", problem.code, problem.status),
                );
            }
            Self::Unreachable { tried } if tried.len() > 1 => {
                for (server, why) in tried {
                    text += &wrapped("      - ", &format!("{server}: {why}"));
                }
            }
            Self::Unreachable { .. }
            | Self::BadServer { .. }
            | Self::BadFile { .. }
            | Self::BadToken { .. }
            | Self::Half { .. }
            | Self::Unprotected { .. }
            | Self::Setup { .. }
            | Self::Lost { .. }
            | Self::Strange { .. }
            | Self::Interrupted => {}
        }
        text += &wrapped("  help: ", self.remedy());
        text
    }
}

/// As rustls says it.
fn of_tls(why: &str) -> bool {
    [
        "certificate",
        "CertificateRequired",
        "UnknownCA",
        "UnknownIssuer",
    ]
    .iter()
    .any(|word| why.contains(word))
}

/// Wrapped, each further line below the first one's text, with a line's end.
pub fn wrapped(head: &str, text: &str) -> String {
    let indent = " ".repeat(head.chars().count());
    let options = textwrap::Options::new(WIDTH)
        .initial_indent(head)
        .subsequent_indent(&indent)
        .break_words(false)
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    textwrap::fill(text, options) + "\n"
}

/// An error with everything behind it, in a line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
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
        ClientError::Problem {
            problem: Box::new(Problem::new(
                http::StatusCode::from_u16(status).expect("a status"),
                "is_leader",
                "member ireland leads, and the leader cannot remove itself",
                "Run failoverctl member stand-down ireland, wait until another member leads, and \
                 ask again.",
            )),
            reasons: Vec::new(),
        }
    }

    fn reason(code: &str, text: &str, remedy: &str) -> Reason {
        Reason {
            code: code.to_owned(),
            text: text.to_owned(),
            remedy: remedy.to_owned(),
        }
    }

    #[test]
    fn a_problem_fits_a_terminal_and_ends_with_its_number() {
        insta::assert_snapshot!("problem", refused(409).render());
        for (status, exit) in [
            (400, Exit::Usage),
            (401, Exit::NotAuthorised),
            (403, Exit::NotAuthorised),
            (404, Exit::Usage),
            (409, Exit::Refused),
            (422, Exit::Usage),
            (429, Exit::Unreachable),
            (503, Exit::Unreachable),
            (504, Exit::Unreachable),
        ] {
            assert_eq!(refused(status).exit(), exit, "{status}");
        }
    }

    #[test]
    fn every_error_says_what_is_and_what_to_do_in_80_columns() {
        let errors = [
            ClientError::BadServer {
                server: "127.0.0.1:7400".to_owned(),
                why: "it begins with neither http:// nor https://".to_owned(),
            },
            ClientError::BadFile {
                path: "/etc/failoverctl/ca.pem".into(),
                why: "No such file or directory (os error 2)".to_owned(),
            },
            ClientError::BadToken {
                place: "FAILOVERCTL_TOKEN".to_owned(),
            },
            ClientError::Half {
                missing: "--key-file",
            },
            ClientError::Unprotected {
                server: "http://failoverd.eu-west-1.example.net:7400".to_owned(),
            },
            ClientError::Setup {
                why: "Too many open files (os error 24)".to_owned(),
            },
            ClientError::Unreachable {
                tried: vec![(
                    "http://127.0.0.1:7400".to_owned(),
                    "Connection refused (os error 111)".to_owned(),
                )],
            },
            ClientError::Unreachable {
                tried: vec![
                    (
                        "https://failoverd.eu-west-1.example.net:7400".to_owned(),
                        "invalid peer certificate: UnknownIssuer".to_owned(),
                    ),
                    (
                        "https://failoverd.eu-central-1.example.net:7400".to_owned(),
                        "operation timed out".to_owned(),
                    ),
                ],
            },
            ClientError::Lost {
                server: "https://failoverd.eu-west-1.example.net:7400".to_owned(),
                why: "connection closed before message completed".to_owned(),
            },
            ClientError::Strange {
                server: "http://127.0.0.1:7400".to_owned(),
                status: 200,
                why: "expected value at line 1 column 1".to_owned(),
            },
            ClientError::Problem {
                problem: Box::new(Problem::new(
                    http::StatusCode::CONFLICT,
                    "refused",
                    "a failover of shop to eu-west-1 would not be opened",
                    "See to each of them, and ask again.",
                )),
                reasons: vec![
                    reason(
                        "target_not_ready",
                        "eu-west-1 has not passed `checkout` for 3 min, and it must before traffic \
                         goes there",
                        "Mend eu-west-1, or name another Region with --to.",
                    ),
                    reason(
                        "lag_too_high",
                        "the replica in eu-west-1 was 42 s behind 12 s ago, which is more than \
                         rpo_max (10 s)",
                        "Wait, or say --allow-data-loss.",
                    ),
                ],
            },
        ];
        let text: Vec<String> = errors.iter().map(ClientError::render).collect();
        for line in text.iter().flat_map(|text| text.lines()) {
            assert!(line.chars().count() <= WIDTH, "{line}");
        }
        insta::assert_snapshot!("errors", text.join("\n"));
    }
}
