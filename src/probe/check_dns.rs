//! DNS: is the question answered, and as expected?

use std::net::{IpAddr, SocketAddr};

use hickory_resolver::proto::rr::{Name, RData, RecordType};
use tokio::time::Instant;

use super::outcome::{clip, failed, local, no_resolver};
use super::resolve::{NoAnswer, Resolvers};
use crate::model::{DnsType, FailureReason, SampleOutcome};

/// The question and the answer hoped for.
pub(super) struct DnsCheck<'a> {
    pub name: &'a str,
    pub record_type: DnsType,
    pub resolver: Option<&'a str>,
    pub expect: &'a [String],
}

impl DnsCheck<'_> {
    /// Asks once.
    pub async fn run(
        &self,
        source: Option<IpAddr>,
        deadline: Instant,
    ) -> Result<(), SampleOutcome> {
        let name = Name::from_str_relaxed(self.name)
            .map_err(|e| local(format!("`{}` is not a domain name: {e}", self.name)))?;
        let resolvers = match self.resolver {
            Some(text) => {
                let server: SocketAddr = text
                    .parse()
                    .map_err(|e| local(format!("resolver `{text}` is not an ip:port: {e}")))?;
                Resolvers::only(server, source)
            }
            None => Resolvers::system()
                .map_err(|e| self.outcome(e))?
                .without_hosts_file(),
        };
        let records = resolvers
            .ask(&name, record_type(self.record_type), deadline)
            .await
            .map_err(|e| self.outcome(e))?;
        let answers: Vec<String> = records.iter().map(text).collect();
        let expected = self.expect.is_empty()
            || self
                .expect
                .iter()
                .any(|e| answers.iter().any(|a| self.same(e, a)));
        if expected {
            Ok(())
        } else {
            Err(failed(FailureReason::WrongAnswer(clip(
                &answers.join(", "),
            ))))
        }
    }

    fn same(&self, expected: &str, answer: &str) -> bool {
        match self.record_type {
            DnsType::A | DnsType::Aaaa => {
                expected.parse::<IpAddr>().ok() == answer.parse::<IpAddr>().ok()
            }
            DnsType::Cname => expected
                .trim_end_matches('.')
                .eq_ignore_ascii_case(answer.trim_end_matches('.')),
            DnsType::Txt => expected == answer,
        }
    }

    /// A server that was named in the probe is what is probed: its error is its failure. The
    /// system's own resolver only stands between: its error says that it could not ask either.
    fn outcome(&self, no_answer: NoAnswer) -> SampleOutcome {
        match no_answer {
            NoAnswer::NoRecords => failed(FailureReason::NoRecords),
            NoAnswer::Refused(code) if self.resolver.is_some() => {
                failed(FailureReason::WrongAnswer(clip(&code)))
            }
            NoAnswer::Refused(code) => no_resolver(format!("the resolver answered {code}")),
            NoAnswer::Unreachable(why) => no_resolver(why),
        }
    }
}

fn record_type(record_type: DnsType) -> RecordType {
    match record_type {
        DnsType::A => RecordType::A,
        DnsType::Aaaa => RecordType::AAAA,
        DnsType::Cname => RecordType::CNAME,
        DnsType::Txt => RecordType::TXT,
    }
}

/// A record as a person writes it.
fn text(record: &RData) -> String {
    match record {
        // The strings of one TXT record are one text that was cut to fit.
        RData::TXT(txt) => txt
            .txt_data
            .iter()
            .map(|part| String::from_utf8_lossy(part))
            .collect(),
        // Open-ended in the library; all that can be asked for here print as their value.
        other => other.to_string(),
    }
}
