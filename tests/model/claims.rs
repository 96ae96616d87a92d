//! What must always be so, and what must be possible, by name.

use failoverd::model::{AbortReason, Run, RunStatus};
use stateright::Property;

use crate::scene::Scene;
use crate::setting::shop;
use crate::story::Story;
use crate::watch;

// What is looked at as it happens: see `watch.rs`.
pub const AGREED: &str = "an automatic run opens only on a fresh outside quorum without dissent";
pub const PAUSED: &str = "while automation is paused no automatic run opens";
pub const EPOCHS: &str = "an epoch is never used twice";
pub const KEPT: &str = "nothing acknowledged is forgotten, and a refusal changes nothing";
pub const INTENDED: &str = "every write follows its committed intent";
pub const PROVEN: &str = "every write follows a proof of leadership";
pub const NEWEST: &str = "no write is of an epoch that was over";
pub const ONCE: &str = "no attempt is sent twice";
pub const ALONE: &str = "no write is sent while another of its resource is on its way";
pub const WARRANTED: &str = "no promotion without stored quorum evidence or a person's name";
pub const FORWARD: &str = "nothing is given back once a promotion was sent";
pub const GIVEN_BACK: &str = "an abort that can give everything back leaves the world as it was";

// What can be seen in a state.
pub const ONE_RUN: &str = "at most one run is open";
pub const NONE_IN_FLIGHT: &str = "no run closes with a write on its way";
pub const SOME_DIAL: &str = "some dial stands above 0";

/// Every safety property.
pub fn always() -> Vec<Property<Story>> {
    vec![
        Property::always(ONE_RUN, |_, scene: &Scene| {
            let open: Vec<&Run> = scene
                .committed
                .runs
                .values()
                .filter(|r| r.is_open())
                .collect();
            let known = scene.committed.open_run(&shop()).map(|run| &run.id);
            open.len() <= 1 && open.first().map(|run| &run.id) == known
        }),
        Property::always(NONE_IN_FLIGHT, |_, scene: &Scene| {
            let requests = &scene.world.requests;
            requests.iter().all(|request| {
                let run = scene.committed.runs.get(&request.run);
                run.is_some_and(Run::is_open)
            })
        }),
        Property::always(SOME_DIAL, |_, scene: &Scene| {
            scene.world.dial_from > 0 || scene.world.dial_to > 0
        }),
        Property::always(AGREED, |_, scene: &Scene| {
            !scene.truth.broken.contains(AGREED)
        }),
        Property::always(PAUSED, |_, scene: &Scene| {
            !scene.truth.broken.contains(PAUSED)
        }),
        Property::always(EPOCHS, |_, scene: &Scene| {
            !scene.truth.broken.contains(EPOCHS)
        }),
        Property::always(KEPT, |_, scene: &Scene| !scene.truth.broken.contains(KEPT)),
        Property::always(INTENDED, |_, scene: &Scene| {
            !scene.truth.broken.contains(INTENDED)
        }),
        Property::always(PROVEN, |_, scene: &Scene| {
            !scene.truth.broken.contains(PROVEN)
        }),
        Property::always(NEWEST, |_, scene: &Scene| {
            !scene.truth.broken.contains(NEWEST)
        }),
        Property::always(ONCE, |_, scene: &Scene| !scene.truth.broken.contains(ONCE)),
        Property::always(ALONE, |_, scene: &Scene| {
            !scene.truth.broken.contains(ALONE)
        }),
        Property::always(WARRANTED, |_, scene: &Scene| {
            !scene.truth.broken.contains(WARRANTED)
        }),
        Property::always(FORWARD, |_, scene: &Scene| {
            !scene.truth.broken.contains(FORWARD)
        }),
        Property::always(GIVEN_BACK, |_, scene: &Scene| {
            !scene.truth.broken.contains(GIVEN_BACK)
        }),
    ]
}

/// What a theme must be able to show: a model in which nothing happens has no counterexample either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shows {
    Completed,
    CarriedOn,
    AbortCloses,
    GivenBack,
    StaleAbandoned,
    LateWrite,
    Retried,
    SecondRun,
    Paused,
    StandsDown,
}

impl Shows {
    pub fn property(self) -> Property<Story> {
        match self {
            Self::Completed => Property::sometimes("a failover completes", |_, scene: &Scene| {
                runs(scene).any(|run| run.status == RunStatus::Completed) && scene.world.promoted
            }),
            Self::CarriedOn => Property::sometimes(
                "a run is carried on by another member",
                |_, scene: &Scene| {
                    runs(scene).any(|run| {
                        let mut boots: Vec<_> = scene
                            .truth
                            .intents
                            .iter()
                            .filter(|(of, ..)| *of == run.id)
                            .map(|(.., boot)| boot)
                            .collect();
                        boots.dedup();
                        boots.len() > 1 && run.status == RunStatus::Completed
                    })
                },
            ),
            Self::AbortCloses => Property::sometimes("an abort closes", |_, scene: &Scene| {
                runs(scene).any(|run| {
                    let reason = AbortReason::Stale;
                    matches!(&run.status, RunStatus::Aborted { reason: why } if *why != reason)
                })
            }),
            Self::GivenBack => {
                Property::sometimes("an abort gives back what was written", |_, s: &Scene| {
                    runs(s).any(|run| {
                        let aborted = matches!(run.status, RunStatus::Aborted { .. });
                        aborted && run.restoring.iter().any(|r| run.steps[&r.id].attempts > 0)
                    })
                })
            }
            Self::StaleAbandoned => {
                Property::sometimes("a stale run is abandoned", |_, scene: &Scene| {
                    runs(scene).any(|run| {
                        let reason = AbortReason::Stale;
                        run.status == RunStatus::Aborted { reason }
                    })
                })
            }
            Self::LateWrite => Property::sometimes(
                "a write is on its way after its sender was replaced",
                |_, scene: &Scene| {
                    scene.world.requests.iter().any(|request| {
                        scene
                            .leader
                            .is_some_and(|leader| scene.boot(leader) != request.boot)
                    })
                },
            ),
            Self::Retried => {
                Property::sometimes("a write that never landed is made again", |_, s: &Scene| {
                    runs(s).any(watch::is_retried)
                })
            }
            Self::SecondRun => Property::sometimes("a second run opens", |_, scene: &Scene| {
                scene.truth.epochs.len() > 1
            }),
            Self::Paused => {
                Property::sometimes("automation is paused over an outage", |_, scene: &Scene| {
                    scene.committed.automation_paused.is_some() && scene.lost && scene.round > 3
                })
            }
            Self::StandsDown => {
                Property::sometimes("a leader at home in it stands down", |_, s: &Scene| {
                    s.leader.is_none() && (0..3).all(|member| s.is_up(member))
                })
            }
        }
    }
}

fn runs(scene: &Scene) -> impl Iterator<Item = &Run> {
    scene.committed.runs.values()
}
