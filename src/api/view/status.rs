//! Everything in one look.

use super::{Look, count, moment};
use crate::api::access::Caller;
use crate::api::members;
use crate::api::wire::{ClusterStatus, Status, Warning};

impl Look<'_> {
    /// What that caller may see of it.
    pub fn status(&self, caller: &Caller) -> Status {
        let applications: Vec<_> = self
            .applications_of(caller)
            .map(|app| self.application(app))
            .collect();
        Status {
            answered_by: self.source.member.id.to_string(),
            region: self.source.member.region.to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            at: moment(self.now()),
            cluster: self.cluster(),
            pauses: self.pauses(caller),
            warnings: self.warnings(caller),
            applications,
        }
    }

    fn cluster(&self) -> ClusterStatus {
        let quorum = &self.snapshot.cluster.quorum;
        let heard = quorum.voters.iter().filter(|voter| {
            let peers = self.snapshot.cluster.peers.iter();
            let connected = |peer: &&crate::peer::PeerStatus| peer.member == voter.member;
            voter.is_self || peers.clone().find(connected).is_some_and(|p| p.connected)
        });
        ClusterStatus {
            leader: quorum.leader.as_ref().map(ToString::to_string),
            term: quorum.term,
            quorum_reachable: quorum.reachable,
            quorum_lost: self.snapshot.cluster.quorum_lost,
            voters: count(quorum.voters.len()),
            heard: count(heard.count()),
            ready: self.snapshot.ready.is_ready(),
            unready: self
                .snapshot
                .ready
                .reasons()
                .iter()
                .map(ToString::to_string)
                .collect(),
        }
    }

    /// The most urgent first: what stops everything, what stops one, what will.
    fn warnings(&self, caller: &Caller) -> Vec<Warning> {
        let mut warnings = Vec::new();
        if self.snapshot.cluster.quorum_lost {
            let text = "no quorum for longer than an election takes: nothing is decided, nothing is \
                        written";
            let remedy = "bring members back: `failoverctl member list` says who is heard; with the \
                          quorum gone for good, `failoverctl break-glass`";
            warnings.push(about_cluster("quorum_lost", text, Some(remedy)));
        }
        warnings.extend(self.nags(caller));
        for app in self.applications_of(caller) {
            self.warn_of_application(app, &mut warnings);
        }
        let listed = members::warnings(self.source, self.snapshot);
        let known = |code: &str| warnings.iter().any(|warning| warning.code == code);
        let no_quorum = known("quorum_lost");
        let listed = listed
            .into_iter()
            .filter(|listed| !(no_quorum && listed.code == "no_quorum"))
            .map(|listed| about_cluster(&listed.code, &listed.text, None));
        let listed: Vec<Warning> = listed.collect();
        warnings.extend(listed);
        if let Some(certificate) = &self.snapshot.cluster.certificate
            && let Some(error) = &certificate.reload_error
        {
            let text = format!("the new certificate for the other members is not good: {error}");
            let remedy = "mend the files under [tls]; the old certificate stays in use";
            warnings.push(about_cluster("certificate_not_taken", &text, Some(remedy)));
        }
        if self.source.access.tokens_are_current() == Some(false) {
            let text = "the new file of tokens is not good; the tokens before stay in use";
            let remedy = "the daemon's log says what is wrong with it";
            warnings.push(about_cluster("tokens_not_taken", text, Some(remedy)));
        }
        warnings
    }

    fn warn_of_application(&self, app: &crate::model::Application, warnings: &mut Vec<Warning>) {
        let state = self.snapshot.state.apps.get(&app.name);
        let mut warn = |code: &str, text: String, remedy: String| {
            warnings.push(Warning {
                code: code.to_owned(),
                text,
                remedy: Some(remedy),
                application: Some(app.name.to_string()),
            });
        };
        if let Some(crate::model::Phase::NeedsOperator { reason, .. }) = self.phase(app) {
            let name = &app.name;
            warn(
                "needs_operator",
                format!("{name} waits for a person: {reason}"),
                format!("`failoverctl why {name}`"),
            );
        }
        let blocking = self.readiness_summary(app).blocking;
        if blocking > 0 {
            let name = &app.name;
            let things = if blocking == 1 {
                "thing stands"
            } else {
                "things stand"
            };
            warn(
                "not_ready",
                format!("{blocking} {things} against moving {name}"),
                format!("`failoverctl check {name}` says what to do about it"),
            );
        }
        let Some(state) = state else { return };
        if state.brake_latched {
            let name = &app.name;
            warn(
                "brake_latched",
                format!("{name} has failed over too often and does not again by itself"),
                format!("find out why, then `failoverctl ack {name}`"),
            );
        }
        for (region, since) in &state.quarantined {
            let for_long = self.now().since(*since);
            warn(
                "quarantined",
                format!(
                    "{region} is no candidate for {}, since it failed {for_long} ago",
                    app.name
                ),
                format!(
                    "see that it is healthy, then `failoverctl rejoin {} {region}`",
                    app.name
                ),
            );
        }
    }
}

fn about_cluster(code: &str, text: &str, remedy: Option<&str>) -> Warning {
    Warning {
        code: code.to_owned(),
        text: text.to_owned(),
        remedy: remedy.map(str::to_owned),
        application: None,
    }
}
