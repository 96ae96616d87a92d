//! What a person reads of an evacuation.

use super::super::sample;
use super::*;

fn one(wave: u32, name: &str, status: &str) -> EvacuatedApplication {
    let moves = matches!(status, "running" | "moved");
    EvacuatedApplication {
        application: name.to_owned(),
        wave,
        priority: 100,
        to: moves.then(|| "eu-central-1".to_owned()),
        status: status.to_owned(),
        run: moves.then(|| format!("{name}-4")),
        reason: None,
    }
}

fn planned() -> Evacuation {
    Evacuation {
        id: String::new(),
        region: "eu-west-1".to_owned(),
        status: "planned".to_owned(),
        summary: "1 of 4 have left eu-west-1; 3 waiting".to_owned(),
        by: "ada".to_owned(),
        reason: "the power of two buildings is gone".to_owned(),
        parallel: 5,
        allow_data_loss: false,
        begun_at: None,
        ended_at: None,
        applications: vec![
            one(1, "login", "waiting"),
            one(1, "wiki", "elsewhere"),
            one(2, "a-shop-with-a-very-long-name-of-its-own", "waiting"),
            one(3, "till", "waiting"),
        ],
    }
}

fn running() -> Evacuation {
    let held = EvacuatedApplication {
        reason: Some(sample::reason(
            "no_candidate",
            "no other Region can take it: eu-central-1 is lost",
            "make a Region a candidate again: failoverctl rejoin",
        )),
        ..one(3, "till", "held")
    };
    Evacuation {
        id: "eu-west-1-1".to_owned(),
        status: "running".to_owned(),
        summary: "2 of 4 have left eu-west-1; 1 running, 1 held".to_owned(),
        begun_at: Some("2026-01-02T03:02:05.000Z".to_owned()),
        applications: vec![
            one(1, "login", "moved"),
            one(1, "wiki", "elsewhere"),
            one(2, "a-shop-with-a-very-long-name-of-its-own", "running"),
            held,
        ],
        ..planned()
    }
}

fn fits(text: &str) {
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
}

#[test]
fn the_waves_and_the_warning_fit_a_terminal() {
    let loss = Evacuation {
        allow_data_loss: true,
        ..planned()
    };
    let text = [
        render(&planned(), Palette::PLAIN),
        warning(&planned()),
        warning(&loss),
        opened(&running()),
    ]
    .join("\n");
    fits(&text);
    insta::assert_snapshot!("evacuate_planned", text);
}

#[test]
fn what_is_held_says_why() {
    let page = Page {
        items: vec![running()],
        next: None,
    };
    let text = [
        render(&running(), Palette::PLAIN),
        step(Some(&planned()), &running(), Palette::PLAIN) + "\n",
        rows(&page, Wall(1_767_323_045_000), Palette::PLAIN),
    ]
    .join("\n");
    fits(&text);
    insta::assert_snapshot!("evacuate_running", text);
}

#[test]
fn the_number_it_ends_with_says_how_it_went() {
    for (status, exit) in [
        ("running", None),
        ("completed", Some(Exit::Good)),
        ("stopped", Some(Exit::No)),
        ("needs_operator", Some(Exit::No)),
    ] {
        let evacuation = Evacuation {
            status: status.to_owned(),
            ..running()
        };
        assert_eq!(rest(&evacuation), exit, "{status}");
    }
}
