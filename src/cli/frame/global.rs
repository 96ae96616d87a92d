//! The options of every verb that asks a daemon.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::ClientError;
use super::servers::{Access, ClientCertificate, Secret};

/// Where the daemon's API is if nothing else is said: the default of `[node] api`.
const DEFAULT_SERVER: &str = "http://127.0.0.1:7400";

/// What a token may stand in. Never an argument: every user of the host can read those.
const TOKEN: &str = "FAILOVERCTL_TOKEN";

/// The heading they stand under.
const HEADING: &str = "Asking a daemon";

/// As typed.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[command(next_help_heading = HEADING)]
pub struct RawGlobal {
    /// The API of a member, as https://HOST:PORT; any member will do
    ///
    /// May be given more than once, or separated by commas: the next one is asked where one cannot
    /// be reached.
    #[arg(
        long,
        value_name = "URL",
        env = "FAILOVERCTL_SERVER",
        hide_env_values = true,
        value_delimiter = ',',
        default_value = DEFAULT_SERVER,
        global = true
    )]
    pub server: Vec<String>,
    /// The file that holds your token, and nothing else; or set FAILOVERCTL_TOKEN to the token
    #[arg(
        long,
        value_name = "FILE",
        env = "FAILOVERCTL_TOKEN_FILE",
        hide_env_values = true,
        global = true
    )]
    pub token_file: Option<PathBuf>,
    /// The authority that signed the members' certificates, as PEM; the host's own if absent
    #[arg(
        long,
        value_name = "FILE",
        env = "FAILOVERCTL_CA_FILE",
        hide_env_values = true,
        global = true
    )]
    pub ca_file: Option<PathBuf>,
    /// Your client certificate, as PEM
    #[arg(
        long,
        value_name = "FILE",
        env = "FAILOVERCTL_CERT_FILE",
        hide_env_values = true,
        global = true
    )]
    pub cert_file: Option<PathBuf>,
    /// The key of your client certificate, as PEM
    #[arg(
        long,
        value_name = "FILE",
        env = "FAILOVERCTL_KEY_FILE",
        hide_env_values = true,
        global = true
    )]
    pub key_file: Option<PathBuf>,
    /// How the answer is written
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Table, global = true)]
    pub output: Format,
    /// Write without colours, as NO_COLOR does
    #[arg(long, global = true)]
    pub no_color: bool,
    /// Who asks, where the daemon authenticates nobody
    #[arg(
        long,
        value_name = "NAME",
        env = "USER",
        default_value = "unknown",
        hide_env_values = true,
        global = true
    )]
    pub by: String,
}

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people, 80 columns wide
    Table,
    /// One JSON object, whole
    Json,
    /// The same as YAML
    Yaml,
}

impl Format {
    /// The whole answer, for programs.
    ///
    /// # Errors
    /// The value has no such form, in words.
    pub fn written(self, answer: &impl Serialize) -> Result<String, String> {
        match self {
            Self::Table | Self::Json => serde_json::to_string_pretty(answer)
                .map(|text| text + "\n")
                .map_err(|error| error.to_string()),
            // By way of JSON, so that both hold the same whatever serde makes of a type.
            Self::Yaml => {
                let value = serde_json::to_value(answer).map_err(|error| error.to_string())?;
                serde_saphyr::to_string(&value).map_err(|error| error.to_string())
            }
        }
    }
}

impl RawGlobal {
    /// Whom to ask, and what to show them.
    pub(super) fn access(&self) -> Result<Access, ClientError> {
        let read = |path: &PathBuf| {
            std::fs::read(path).map_err(|error| ClientError::BadFile {
                path: path.clone(),
                why: error.to_string(),
            })
        };
        let token = match &self.token_file {
            Some(path) => Some(Secret::from_file(path)?),
            None => std::env::var_os(TOKEN)
                .filter(|value| !value.is_empty())
                .map(|value| Secret::parse(&value.to_string_lossy(), TOKEN))
                .transpose()?,
        };
        let certificate = match (&self.cert_file, &self.key_file) {
            (Some(cert), Some(key)) => {
                let mut pem = read(cert)?;
                pem.push(b'\n');
                pem.extend(read(key)?);
                Some(ClientCertificate {
                    path: cert.clone(),
                    pem,
                })
            }
            (None, None) => None,
            (Some(_), None) => {
                return Err(ClientError::Half {
                    missing: "--key-file",
                });
            }
            (None, Some(_)) => {
                return Err(ClientError::Half {
                    missing: "--cert-file",
                });
            }
        };
        let authority = match &self.ca_file {
            Some(path) => Some((path.clone(), read(path)?)),
            None => None,
        };
        Ok(Access {
            servers: self.server.clone(),
            token,
            authority,
            certificate,
        })
    }
}
