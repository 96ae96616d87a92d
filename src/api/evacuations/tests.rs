//! What a person sees of an evacuation, at every point of it.

use super::*;
use crate::model::{
    Command, CommandBody, Departure, EvacuationId, Event, Millis, RegionId, Rejection,
};
use crate::run::{PATIENCE, apply};

const BEGUN: Wall = Wall(1_800_000_000_000);

struct Office {
    state: State,
    now: Wall,
}

impl Office {
    fn begun() -> Self {
        let departure = |name: &str, needs: &[&str], home: &str| Departure {
            application: name.into(),
            priority: 100,
            depends_on: needs.iter().map(|need| AppId::from(*need)).collect(),
            home: home.into(),
        };
        let mut office = Self {
            state: State::default(),
            now: BEGUN,
        };
        let body = CommandBody::BeginEvacuation {
            id: id(),
            region: "eu-west-1".into(),
            by: "ada".to_owned(),
            reason: "power".to_owned(),
            parallel: 5,
            allow_data_loss: false,
            waves: vec![
                vec![
                    departure("login", &[], "eu-west-1"),
                    departure("wiki", &[], "eu-central-1"),
                ],
                vec![departure("shop", &["login"], "eu-west-1")],
                vec![departure("till", &[], "eu-west-1")],
            ],
        };
        office.send(body).unwrap();
        office
    }

    fn send(&mut self, body: CommandBody) -> Result<Event, Rejection> {
        apply(&mut self.state, &Command { at: self.now, body })
    }

    fn hold(&mut self, app: &str) {
        let body = CommandBody::HoldEvacuee {
            evacuation: id(),
            app: app.into(),
            reason: HoldReason::NoCandidate,
        };
        self.send(body).unwrap();
    }

    fn moves(&mut self, app: &str) {
        let app = self.state.apps.entry(app.into()).or_default();
        app.active = Some(RegionId::from("eu-central-1"));
    }

    fn shown(&self) -> wire::Evacuation {
        report(&self.state, self.now, &self.state.evacuations[&id()], true)
    }

    fn word(&self, app: &str) -> (String, Option<String>) {
        let shown = self.shown().applications;
        let app = shown.into_iter().find(|a| a.application == app).unwrap();
        (app.status, app.reason.map(|reason| reason.code))
    }
}

fn id() -> EvacuationId {
    "eu-west-1-1".into()
}

#[test]
fn a_dry_run_shows_the_waves_and_has_no_name() {
    let office = Office::begun();
    let shown = report(
        &office.state,
        BEGUN,
        &office.state.evacuations[&id()],
        false,
    );
    assert_eq!((shown.id.as_str(), shown.status.as_str()), ("", "planned"));
    insta::assert_snapshot!(shown.summary, @"1 of 4 have left eu-west-1; 3 waiting");
    let waves: Vec<_> = shown
        .applications
        .iter()
        .map(|a| (a.wave, a.application.as_str(), a.status.as_str()))
        .collect();
    assert_eq!(
        waves,
        [
            (1, "login", "waiting"),
            (1, "wiki", "elsewhere"),
            (2, "shop", "waiting"),
            (3, "till", "waiting")
        ]
    );
}

#[test]
fn each_application_says_what_it_waits_for() {
    let mut office = Office::begun();
    assert_eq!(office.shown().status, "running");
    assert_eq!(
        office.word("login"),
        ("waiting".to_owned(), Some("its_turn".to_owned()))
    );
    assert_eq!(
        office.word("shop"),
        (
            "waiting".to_owned(),
            Some("waits_for_dependency".to_owned())
        )
    );
    assert_eq!(
        office.word("till"),
        ("waiting".to_owned(), Some("waits_for_wave".to_owned()))
    );
    assert_eq!(office.word("wiki"), ("elsewhere".to_owned(), None));
    office.hold("login");
    office.now = office.now + PATIENCE + Millis(1);
    assert_eq!(
        office.word("login"),
        ("held".to_owned(), Some("no_candidate".to_owned()))
    );
    assert_eq!(office.shown().status, "running", "till may go");
    office.hold("till");
    assert_eq!(office.shown().status, "needs_operator");
    insta::assert_snapshot!(office.shown().summary, @"1 of 4 have left eu-west-1; 2 held, 1 waiting");
}

#[test]
fn it_ends_completed_or_stopped() {
    let mut office = Office::begun();
    let mut stopped = Office::begun();
    for app in ["login", "shop", "till"] {
        office.moves(app);
    }
    office
        .send(CommandBody::CloseEvacuation { id: id() })
        .unwrap();
    assert_eq!(office.shown().status, "completed");
    insta::assert_snapshot!(office.shown().summary, @"4 of 4 have left eu-west-1");
    let stop = CommandBody::StopEvacuation {
        id: id(),
        by: "bob".to_owned(),
        reason: "false alarm".to_owned(),
    };
    stopped.send(stop).unwrap();
    assert_eq!(stopped.shown().status, "stopped");
    assert_eq!(stopped.word("till"), ("stopped".to_owned(), None));
    assert_eq!(reports(&stopped.state, stopped.now), [stopped.shown()]);
}
