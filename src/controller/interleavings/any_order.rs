//! Anything in any order: it acts only when it may, and never waits without a word.

use proptest::prelude::*;

use super::*;

fn any_happening() -> impl Strategy<Value = Happening> {
    use Happening as H;
    let region = || prop::sample::select(vec![FROM, TO]);
    let member = || prop::sample::select(vec!["m1", "m2", "m3"]);
    let step = || prop::sample::select(vec!["promote", "raise", "lower", "restore/raise"]);
    let kind = prop::sample::select(vec![
        RunKind::Failover,
        RunKind::Switchover,
        RunKind::Failback,
    ]);
    let hearing = prop_oneof![
        3 => Just(Hearing::Fine),
        1 => Just(Hearing::Mute),
        1 => Just(Hearing::Deaf),
        1 => (1..60_u64).prop_map(|secs| Hearing::Slow(Millis::from_secs(secs))),
    ];
    prop_oneof![
        6 => region().prop_map(H::Lose),
        2 => Just(H::Regain),
        1 => member().prop_map(H::Cut),
        1 => Just(H::Mend),
        3 => any::<bool>().prop_map(H::Leads),
        4 => hearing.prop_map(H::Ledger),
        2 => (0..50_u64).prop_map(|secs| H::ReadsTake(Millis::from_secs(secs))),
        2 => Just(H::Restart),
        1 => member().prop_map(H::Tilt),
        1 => Just(H::PauseAutomation),
        1 => Just(H::ResumeAutomation),
        3 => (kind, prop::option::of(region())).prop_map(|(kind, to)| H::Request(kind, to)),
        1 => Just(H::Abort),
        1 => Just(H::PauseRun),
        1 => Just(H::ResumeRun),
        1 => step().prop_map(H::Retry),
        1 => step().prop_map(H::Skip),
        1 => Just(H::Acknowledge),
        1 => region().prop_map(H::Rejoin),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn it_acts_only_when_it_may_and_never_waits_without_a_word(
        script in prop::collection::vec((any_happening(), 0..60_u64), 1..12)
    ) {
        let mut scene = Scene::well();
        for (happening, secs) in script {
            scene.happen(happening);
            scene.pass(Millis::from_secs(secs));
        }
        scene.heal();
        // What was proposed before may surface until here.
        scene.pass(Millis::from_mins(2));
        scene.heal();
        scene.pass(Millis::from_mins(10));
        if let Some(run) = scene.open_run() {
            // Held because its target is lost, too, it is open and says so in its view.
            let view = &scene.controller.views()[&Scene::app()];
            let at_rest = matches!(view.phase, Phase::NeedsOperator { run: Some(_), .. });
            prop_assert!(at_rest, "{:?}: {:?}", run.status, run.steps);
        }
        prop_assert!(scene.requests.is_empty(), "{:?} were never answered", scene.requests);
        let active = active_region(&shop(), &scene.state).clone();
        let view = &scene.controller.views()[&Scene::app()];
        if scene.down.contains(&active) && scene.open_run().is_none() {
            let said = matches!(
                &view.decision,
                Some(Decision::Hold(reasons) | Decision::Ask { reasons, .. }) if !reasons.is_empty()
            );
            prop_assert!(said, "{active} is lost and nothing is said: {:?}", view);
        }
    }
}
