//! Asking resolvers. Nothing is cached: a probe is a fresh look, and an answer that was good a
//! minute ago says nothing about now. The system's settings are read for every question for the
//! same reason; they are two small local files.

use std::net::{IpAddr, SocketAddr};

use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::{TokioResolver, system_conf};
use tokio::time::{Instant, timeout_at};

use super::outcome::{failed, local, no_resolver};
use crate::model::{FailureReason, SampleOutcome};

/// Whom to ask.
pub(super) struct Resolvers {
    config: ResolverConfig,
    options: ResolverOpts,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NoAnswer {
    /// A resolver said so: no such name, or no such record.
    NoRecords,
    /// A resolver answered, but with an error of its own, such as `SERVFAIL`.
    Refused(String),
    /// No resolver answered.
    Unreachable(String),
}

impl Resolvers {
    /// Those of this host, and its `/etc/hosts`.
    pub fn system() -> Result<Self, NoAnswer> {
        let (config, options) = system_conf::read_system_conf().map_err(|e| {
            NoAnswer::Unreachable(format!("the system's resolvers cannot be read: {e}"))
        })?;
        Ok(Self { config, options })
    }

    /// This one only; asked from `source`, if it is of the same address family.
    pub fn only(server: SocketAddr, source: Option<IpAddr>) -> Self {
        let bind = source
            .filter(|s| s.is_ipv4() == server.is_ipv4())
            .map(|s| SocketAddr::new(s, 0));
        let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()]
            .into_iter()
            .map(|mut connection| {
                connection.port = server.port();
                connection.bind_addr = bind;
                connection
            })
            .collect();
        let server = NameServerConfig::new(server.ip(), true, connections);
        let mut options = ResolverOpts::default();
        options.use_hosts_file = ResolveHosts::Never;
        Self {
            config: ResolverConfig::from_parts(None, Vec::new(), vec![server]),
            options,
        }
    }

    /// Leaves `/etc/hosts` out: what is probed is the answer of a resolver.
    pub fn without_hosts_file(mut self) -> Self {
        self.options.use_hosts_file = ResolveHosts::Never;
        self
    }

    /// The records of that type, in the order of the answer; never an empty list. Aliases are
    /// followed. `name` is taken as it stands, without the search list.
    #[expect(
        clippy::disallowed_methods,
        reason = "what is left of a deadline on this host"
    )]
    pub async fn ask(
        &self,
        name: &Name,
        record_type: RecordType,
        deadline: Instant,
    ) -> Result<Vec<RData>, NoAnswer> {
        let mut name = name.clone();
        name.set_fqdn(true);
        let mut builder = TokioResolver::builder_with_config(
            self.config.clone(),
            TokioRuntimeProvider::default(),
        );
        let options = builder.options_mut();
        *options = self.options.clone();
        options.cache_size = 0;
        // One try that may take all the time there is; lost datagrams are repeated within it.
        options.attempts = 0;
        options.timeout = deadline.saturating_duration_since(Instant::now());
        let resolver = builder
            .build()
            .map_err(|e| NoAnswer::Unreachable(e.to_string()))?;
        let lookup = match timeout_at(deadline, resolver.lookup(name, record_type)).await {
            Ok(Ok(lookup)) => lookup,
            Ok(Err(error)) => return Err(no_answer(&error)),
            Err(_elapsed) => return Err(NoAnswer::Unreachable("no answer in time".to_owned())),
        };
        let records: Vec<RData> = lookup
            .answers()
            .iter()
            .filter(|record| record.record_type() == record_type)
            .map(|record| record.data.clone())
            .collect();
        if records.is_empty() {
            return Err(NoAnswer::NoRecords);
        }
        Ok(records)
    }

    /// The full names that `host` may stand for, in the order in which the system tries them.
    fn candidates(&self, host: &Name) -> Vec<Name> {
        if host.is_fqdn() {
            return vec![host.clone()];
        }
        let searched = self
            .config
            .search()
            .iter()
            .filter_map(|domain| host.clone().append_domain(domain).ok());
        let dots = usize::from(host.num_labels()).saturating_sub(1);
        if dots >= self.options.ndots {
            std::iter::once(host.clone()).chain(searched).collect()
        } else {
            searched.chain(std::iter::once(host.clone())).collect()
        }
    }
}

/// What the resolver library says, in three words.
fn no_answer(error: &NetError) -> NoAnswer {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(_)) => NoAnswer::NoRecords,
        NetError::Dns(DnsError::ResponseCode(code)) => NoAnswer::Refused(code.to_string()),
        // The library's errors are open-ended. Whatever is not an answer from a server is none.
        other => NoAnswer::Unreachable(other.to_string()),
    }
}

/// The addresses of `host` as this host resolves it, IPv4 first; never an empty list. Only of the
/// family of `source`, if given.
///
/// A resolver that answers with an error of its own has not answered: whether the endpoint is well
/// cannot be told from that.
pub(super) async fn addresses(
    host: &str,
    source: Option<IpAddr>,
    deadline: Instant,
) -> Result<Vec<IpAddr>, SampleOutcome> {
    let name = Name::from_str_relaxed(host)
        .map_err(|e| local(format!("`{host}` is not a name that can be resolved: {e}")))?;
    let resolvers = Resolvers::system().map_err(outcome)?;
    addresses_by(&resolvers, &name, source, deadline)
        .await
        .map_err(outcome)
}

pub(super) async fn addresses_by(
    resolvers: &Resolvers,
    name: &Name,
    source: Option<IpAddr>,
    deadline: Instant,
) -> Result<Vec<IpAddr>, NoAnswer> {
    let types: &[RecordType] = match source {
        Some(IpAddr::V4(_)) => &[RecordType::A],
        Some(IpAddr::V6(_)) => &[RecordType::AAAA],
        None => &[RecordType::A, RecordType::AAAA],
    };
    for candidate in resolvers.candidates(name) {
        for record_type in types {
            // An error other than "no records" ends the search at once: were it passed over, the
            // "no records" of a later question would be taken for the answer to this one.
            match resolvers.ask(&candidate, *record_type, deadline).await {
                Ok(records) => return Ok(records.iter().filter_map(RData::ip_addr).collect()),
                Err(NoAnswer::NoRecords) => {}
                Err(other) => return Err(other),
            }
        }
    }
    Err(NoAnswer::NoRecords)
}

fn outcome(no_answer: NoAnswer) -> SampleOutcome {
    match no_answer {
        NoAnswer::NoRecords => failed(FailureReason::NoRecords),
        NoAnswer::Refused(code) => no_resolver(format!("the resolver answered {code}")),
        NoAnswer::Unreachable(why) => no_resolver(why),
    }
}
