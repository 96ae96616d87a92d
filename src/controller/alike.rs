//! When two controllers are alike: what a model checker needs, which tells states it has been in
//! from new ones by their hash.
//!
//! Left out is what cannot differ while the rest is the same, or decides nothing: the setup (who it
//! is tells it) and what is only shown. Each type is taken apart by name, so that a new field must be
//! thought of here.

use std::hash::{Hash, Hasher};

use super::Controller;
use super::desk::Desk;

impl Hash for Controller {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let Self {
            setup,
            started_at,
            vantages,
            matrix,
            verdicts,
            round,
            voted_at,
            gossip_at,
            led,
            silent_until,
            aws_failures,
            own_region_suspect_since,
            doubted,
            spared_until,
            evacuations_at,
            desks,
            // Decides nothing.
            game_days: _,
        } = self;
        (&setup.me, setup.boot, started_at, round).hash(hasher);
        (vantages, matrix, verdicts).hash(hasher);
        (voted_at, gossip_at, led, silent_until).hash(hasher);
        (doubted, spared_until, evacuations_at).hash(hasher);
        (aws_failures, own_region_suspect_since, desks).hash(hasher);
    }
}

impl Hash for Desk {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let Self {
            app,
            planning,
            engine,
            proven_here,
            unproven_since,
            held: _,
            end_at,
            refused,
            request,
            not_evacuated_before,
            drill_held,
            drill_asks_at,
            drill_said_at,
            view: _,
            readiness,
        } = self;
        (&app.name, planning, engine, proven_here).hash(hasher);
        (unproven_since, end_at, refused, request, readiness).hash(hasher);
        not_evacuated_before.hash(hasher);
        (drill_held, drill_asks_at, drill_said_at).hash(hasher);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::hash::DefaultHasher;

    use super::*;
    use crate::controller::{Input, Setup};
    use crate::model::fixtures::{FROM, application, members, region_target, sample};
    use crate::model::{BootId, DataLossApproval, Millis, Mono, Now, SampleOutcome, State, Wall};
    use crate::run::Timing;

    fn hash_of(controller: &Controller) -> u64 {
        let mut hasher = DefaultHasher::new();
        controller.hash(&mut hasher);
        hasher.finish()
    }

    fn at(secs: u64) -> Now {
        Now {
            mono: Mono(secs * 1_000),
            wall: Wall(secs * 1_000),
        }
    }

    #[test]
    fn what_was_seen_tells_them_apart_and_a_copy_does_not() {
        let setup = Setup {
            me: "m3".into(),
            boot: BootId(1),
            members: members(),
            hosted: vec!["m3".into()],
            applications: vec![application()],
            references: Vec::new(),
            runbooks: BTreeMap::new(),
            windows: Vec::new(),
            timing: Timing {
                poll: Millis::from_secs(2),
                call_timeout: Millis::from_secs(10),
                lease: Millis::from_secs(3),
                soak_poll: Millis::from_secs(30),
                steady_poll: Millis::from_mins(5),
            },
            data_loss_approval: DataLossApproval::default(),
        };
        let mut one = Controller::new(setup, at(100));
        let copy = one.clone();
        assert_eq!((&one, hash_of(&one)), (&copy, hash_of(&copy)));
        let sample = sample(region_target(FROM, "web"), 100_500, SampleOutcome::Success);
        let member = "m3".into();
        one.step(
            at(101),
            &State::default(),
            false,
            Input::Sample { member, sample },
        );
        assert_ne!(one, copy);
        assert_ne!(hash_of(&one), hash_of(&copy));
    }
}
