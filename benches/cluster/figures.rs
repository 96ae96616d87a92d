//! What one drill tells.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::drill::{Deeds, Drill, OUTSIDE, Strike};
use super::moments::{Line, Moments, NoMoment};
use super::stage::HOME;
use super::trio::THREE;

/// A length that is measured once in a drill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Figure {
    /// From the last member's start to the first leader.
    Formed,
    /// From the Region's loss to the committed run.
    LossToDecision,
    /// From the `fall`-th failed sample of the last member that was needed to the committed run, less
    /// the hold-down. The four that follow are its parts.
    Decision,
    /// Until that member's vote says `down`.
    Vote,
    /// Until the leader has heard it and decides.
    Gossip,
    /// Until it has read where traffic stands and looked whether everything is there.
    Look,
    /// Until the run is committed.
    Opening,
    /// From `kill -9` of the leader to another member that leads.
    Election,
    /// From there to its first commit.
    TakingUp,
    /// From `kill -9` to the first commit of a step by another member.
    Resume,
    /// From `kill -9` to the next intent that was committed.
    NextIntent,
    /// A bare write and fsync on the members' disk.
    Fsync,
}

impl Figure {
    /// In the raw figures.
    pub fn name(self) -> &'static str {
        match self {
            Self::Formed => "formed",
            Self::LossToDecision => "loss_to_decision",
            Self::Decision => "decision",
            Self::Vote => "vote",
            Self::Gossip => "gossip",
            Self::Look => "look",
            Self::Opening => "opening",
            Self::Election => "election",
            Self::TakingUp => "taking_up",
            Self::Resume => "resume",
            Self::NextIntent => "next_intent",
            Self::Fsync => "fsync",
        }
    }
}

/// All that one drill tells, in milliseconds.
#[derive(Debug)]
pub struct Measured {
    pub drill: Drill,
    pub figures: BTreeMap<Figure, f64>,
    /// Each commit of a step, from being proposed to being answered.
    pub commits: Vec<f64>,
    /// Each linearizable read: one round trip to a quorum, and no disk.
    pub proofs: Vec<f64>,
    /// Lines in which a member does not trust itself or loses the leadership unasked: this host was
    /// busy with other things.
    pub disturbances: usize,
}

impl Measured {
    pub fn from(
        drill: &Drill,
        deeds: &Deeds,
        killed: usize,
        moments: &Moments,
    ) -> Result<Self, NoMoment> {
        let mut figures = BTreeMap::new();
        let mut put = |figure, from: Duration, to: Duration| {
            figures.insert(figure, ms(to) - ms(from));
        };
        put(Figure::Fsync, Duration::ZERO, deeds.fsync);

        let mut started = Duration::ZERO;
        for member in THREE {
            let runs = moments.first("a member's start", Duration::ZERO, |line| {
                line.member == member && line.says("failoverd runs")
            })?;
            started = started.max(runs.at);
        }
        let elected = |line: &Line| line.says("this member leads");
        let first = moments.first("the first leader", Duration::ZERO, elected)?;
        put(Figure::Formed, started, first.at.max(started));

        let opened = moments.first("an open run", deeds.lost, |line| {
            line.says("the run is open")
        })?;
        let (mut fell, mut voted) = (Duration::ZERO, Duration::ZERO);
        for member in OUTSIDE {
            let of_home = |line: &Line| line.member == member && line.of("region") == HOME;
            let down = moments.first("a probe that is down", deeds.lost, |line| {
                of_home(line) && line.says("the probe is down")
            })?;
            fell = fell.max(down.at);
            let vote = moments.first("a vote for down", deeds.lost, |line| {
                of_home(line) && line.says("the vote has turned") && line.of("vote") == "down"
            })?;
            voted = voted.max(vote.at);
        }
        let leads_on = |words: &'static str| {
            move |line: &Line| line.member == opened.member && line.says(words)
        };
        let leaving = moments.last("a decision", opened.at, leads_on("leaving"))?;
        let opening = moments.last("an opening", opened.at, leads_on("everything is there"))?;
        put(
            Figure::LossToDecision,
            deeds.lost + drill.hold_down,
            opened.at,
        );
        put(Figure::Decision, fell + drill.hold_down, opened.at);
        put(Figure::Vote, fell, voted);
        put(Figure::Gossip, voted + drill.hold_down, leaving.at);
        put(Figure::Look, leaving.at, opening.at);
        put(Figure::Opening, opening.at, opened.at);

        let another = |line: &Line| line.member != killed;
        let leads = moments.first("another leader", deeds.killed, |line| {
            another(line) && elected(line)
        })?;
        let committed = moments.first("a commit of its", leads.at, |line| {
            another(line) && line.says("committed") && !line.of("step").is_empty()
        })?;
        let intent = moments.first("an intent of its", leads.at, |line| {
            another(line) && line.says("intent")
        })?;
        let intended = moments.first("that intent's commit", intent.at, |line| {
            line.says("committed") && line.of("step") == intent.of("step")
        })?;
        put(Figure::Election, deeds.killed, leads.at);
        put(Figure::TakingUp, leads.at, committed.at);
        put(Figure::Resume, deeds.killed, committed.at);
        put(Figure::NextIntent, deeds.killed, intended.at);

        let all = |took: Vec<Duration>| took.into_iter().map(ms).collect();
        Ok(Self {
            drill: *drill,
            figures,
            commits: all(moments.between(&["intent", "step moved"], "committed")),
            proofs: all(moments.between(&["proving leadership"], "leadership is proven")),
            disturbances: moments.count(|line| {
                line.says("this member does not trust itself")
                    || line.of("reason").starts_with("no quorum has answered")
            }),
        })
    }

    /// For other programs.
    pub fn json(&self) -> String {
        let figures: BTreeMap<&str, f64> =
            self.figures.iter().map(|(f, ms)| (f.name(), *ms)).collect();
        serde_json::json!({
            "drill": self.drill.number,
            "round_trip_ms": ms(self.drill.round_trip),
            "hold_down_ms": ms(self.drill.hold_down),
            "strike": match self.drill.strike {
                Strike::AtIntent => "at_intent",
                Strike::NoIntent => "no_intent",
            },
            "ms": figures,
            "commits_ms": self.commits,
            "proofs_ms": self.proofs,
            "disturbances": self.disturbances,
        })
        .to_string()
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.drill.strike)?;
        for (figure, ms) in &self.figures {
            write!(f, ", {} {ms:.1}", figure.name())?;
        }
        Ok(())
    }
}

fn ms(length: Duration) -> f64 {
    length.as_secs_f64() * 1_000.0
}
