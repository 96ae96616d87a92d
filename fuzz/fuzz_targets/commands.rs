//! Any list of commands that can be read at all can be applied: nothing panics, what is rejected
//! changes nothing, and the state survives the snapshot.

#![no_main]

use failoverd::model::{Command, State};
use failoverd::run::apply;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(commands) = serde_json::from_slice::<Vec<Command>>(bytes) else {
        return;
    };
    let mut state = State::default();
    for command in &commands {
        let before = state.clone();
        if apply(&mut state, command).is_err() {
            assert_eq!(before, state, "a rejected command changed something");
        }
        assert!(state.time >= before.time, "time ran backwards");
        for (name, app) in &state.apps {
            let open = state.runs.values().filter(|run| &run.application == name && run.is_open());
            assert!(open.count() <= 1, "two open runs of {name:?}");
            assert!(
                before.apps.get(name).is_none_or(|old| old.epoch <= app.epoch),
                "the epoch of {name:?} ran backwards"
            );
        }
    }
    let written = serde_json::to_vec(&state).expect("the state can be written");
    let read: State = serde_json::from_slice(&written).expect("and read");
    assert_eq!(read, state, "the snapshot lost something");
});
