//! One Region of an application.

use super::{Look, moment};
use crate::api::wire::{
    Lag, MemberOpinion, NodegroupStatus, Opinion as OpinionWord, RegionStatus,
    VerdictState as VerdictWord,
};
use crate::model::{
    AppRegion, AppState, Application, FailoverRole, Opinion, RegionId, Role, Run, StepStatus,
    Traffic, Verdict, VerdictState,
};

impl Look<'_> {
    pub(super) fn verdict(&self, app: &Application, region: &RegionId) -> Option<&Verdict> {
        let verdicts = &self.app_view(app)?.verdicts;
        verdicts.iter().find(|verdict| &verdict.region == region)
    }

    pub(super) fn region(&self, app: &Application, region: &AppRegion) -> RegionStatus {
        let state = self.snapshot.state.apps.get(&app.name);
        let verdict = self.verdict(app, &region.name);
        let traffic = state.and_then(|state| state.traffic.as_ref());
        let steered = app.steered(state, &region.name);
        RegionStatus {
            name: region.name.to_string(),
            role: match region.role {
                Role::Active => "active",
                Role::Standby => "standby",
            }
            .to_owned(),
            serves: self.serves(app, &region.name),
            share: region.share,
            away_by: state
                .and_then(|state| state.away.get(&region.name))
                .map(|taken| taken.run.to_string()),
            verdict: verdict.map_or(VerdictWord::Unknown, |v| verdict_word(v.state)),
            verdict_for_ms: verdict.map(|v| self.snapshot.at.mono.since(v.since).0),
            opinions: self.opinions(app, region, verdict),
            quarantined_since: state
                .and_then(|state| state.quarantined.get(&region.name))
                .map(|since| moment(*since)),
            dial: traffic.and_then(|seen| dial(&seen.value, &region.name)),
            dns_role: traffic.and_then(|seen| dns_role(&seen.value, region)),
            steer: steered.map(|steered| steered.as_str().to_owned()),
            steered: steered.is_some_and(|steered| steered.by_run),
            writer: self.writer(app, region),
            lag: state.and_then(|state| self.lag(state, &region.name)),
            nodegroups: state
                .map(|state| self.nodegroups(state, &region.name))
                .unwrap_or_default(),
            traffic_age_ms: traffic.map(|seen| self.age_of(seen.at)),
        }
    }

    fn serves(&self, app: &Application, region: &RegionId) -> bool {
        if app.is_active_active() {
            let mut serving = app.serving(&self.snapshot.state);
            return serving.any(|serving| &serving.name == region);
        }
        self.active(app) == region
    }

    /// A vote that does not count says nothing by now.
    fn opinions(
        &self,
        app: &Application,
        region: &AppRegion,
        verdict: Option<&Verdict>,
    ) -> Vec<MemberOpinion> {
        let unusable = |member: &crate::model::MemberId| {
            verdict.is_some_and(|v| v.tally.unusable.iter().any(|(m, _)| m == member))
        };
        let votes = self.votes_on(&app.name).iter();
        votes
            .filter(|(_, held)| held.vote.region == region.name)
            .map(|(member, held)| MemberOpinion {
                member: member.to_string(),
                opinion: if unusable(member) {
                    OpinionWord::Unknown
                } else {
                    opinion_word(held.vote.opinion)
                },
            })
            .collect()
    }

    /// Nobody reads it back all the time: what is agreed says where it is, and while a promotion is
    /// under way nobody knows.
    fn writer(&self, app: &Application, region: &AppRegion) -> Option<bool> {
        region.resources.db_cluster_arn.as_ref()?;
        let promoted = self.snapshot.state.open_run(&app.name).map(promotion);
        match promoted {
            Some(Promoted::Perhaps) => None,
            Some(Promoted::Yes(to)) => Some(to == region.name),
            Some(Promoted::No) | None => Some(self.active(app) == &region.name),
        }
    }

    pub(super) fn lag(&self, state: &AppState, region: &RegionId) -> Option<Lag> {
        let newest = state.lag.get(region)?.last()?;
        Some(Lag {
            lag_ms: newest.lag.0,
            at: moment(newest.at),
            age_ms: self.age_of(newest.at),
        })
    }

    fn nodegroups(&self, state: &AppState, region: &RegionId) -> Vec<NodegroupStatus> {
        let groups = state.capacity.get(region).into_iter().flatten();
        groups
            .map(|(name, seen)| NodegroupStatus {
                name: name.clone(),
                desired: seen.value.desired,
                min: seen.value.min,
                max: seen.value.max,
                ready: Some(seen.value.in_service),
                age_ms: self.age_of(seen.at),
            })
            .collect()
    }
}

/// What an open run has done to the data.
enum Promoted {
    No,
    Yes(RegionId),
    Perhaps,
}

fn promotion(run: &Run) -> Promoted {
    let done = run.in_order().any(|(step, record)| {
        step.intent.is_data_step() && matches!(record.status, StepStatus::Done { .. })
    });
    if done {
        Promoted::Yes(run.plan.to.clone())
    } else if run.may_have_promoted() {
        Promoted::Perhaps
    } else {
        Promoted::No
    }
}

fn dial(traffic: &Traffic, region: &RegionId) -> Option<u8> {
    let mut groups = traffic.groups.iter();
    groups
        .find(|(of, _)| of == region)
        .map(|(_, group)| group.dial_percent)
}

fn dns_role(traffic: &Traffic, region: &AppRegion) -> Option<String> {
    let ours = region.resources.record_set_identifier.as_ref()?;
    let mut records = traffic.records.iter();
    records.find_map(|record| {
        if record.set_identifier.as_ref() != Some(ours) {
            return None;
        }
        let role = record.failover.map(|role| role_of(role).to_owned());
        role.or_else(|| record.weight.map(|weight| format!("weight {weight}")))
    })
}

pub(super) fn role_of(role: FailoverRole) -> &'static str {
    match role {
        FailoverRole::Primary => "PRIMARY",
        FailoverRole::Secondary => "SECONDARY",
    }
}

pub(in crate::api) fn opinion_word(opinion: Opinion) -> OpinionWord {
    match opinion {
        Opinion::Up => OpinionWord::Up,
        Opinion::Suspect => OpinionWord::Suspect,
        Opinion::Down => OpinionWord::Down,
        Opinion::Unknown => OpinionWord::Unknown,
    }
}

pub(super) fn verdict_word(state: VerdictState) -> VerdictWord {
    match state {
        VerdictState::Up => VerdictWord::Up,
        VerdictState::Suspect => VerdictWord::Suspect,
        VerdictState::Down => VerdictWord::Down,
        VerdictState::Unknown => VerdictWord::Unknown,
    }
}
