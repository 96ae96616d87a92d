//! Who knows that automation is paused: a pause is in force for a member once it has applied the
//! entry of the log that says so.

use crate::model::{AppId, AutomationPause, State};

/// Up to which entry of the log the pauses of automation are as they are shown.
#[derive(Debug, Default)]
pub(super) struct PausesKnown {
    seen: Option<Vec<(Option<AppId>, AutomationPause)>>,
    as_of: u64,
}

impl PausesKnown {
    /// `applied` was asked for after `state`: the entry that changed a pause is at most that one.
    pub fn look(&mut self, state: &State, applied: u64) -> u64 {
        let seen = self.seen.as_ref();
        if !seen.is_some_and(|seen| pauses(state).eq(seen.iter().map(|(app, p)| (app.as_ref(), p))))
        {
            let owned = pauses(state).map(|(app, pause)| (app.cloned(), pause.clone()));
            self.seen = Some(owned.collect());
            self.as_of = applied;
        }
        self.as_of
    }
}

fn pauses(state: &State) -> impl Iterator<Item = (Option<&AppId>, &AutomationPause)> {
    let of_apps = state
        .apps
        .iter()
        .filter_map(|(name, app)| Some((Some(name), app.automation_paused.as_ref()?)));
    let of_all = state.automation_paused.iter().map(|pause| (None, pause));
    of_all.chain(of_apps)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Wall;

    #[test]
    fn what_changes_no_pause_asks_nobody_to_confirm_anew() {
        let mut known = PausesKnown::default();
        let mut state = State::default();
        assert_eq!(known.look(&state, 7), 7);
        assert_eq!(known.look(&state, 9), 7);
        let pause = |until| AutomationPause {
            by: "ada".to_owned(),
            reason: "patches".to_owned(),
            since: Wall(1),
            until: Some(Wall(until)),
        };
        state.automation_paused = Some(pause(5));
        assert_eq!(known.look(&state, 12), 12);
        state.time = Wall(3);
        assert_eq!(known.look(&state, 20), 12);
        let app = state.apps.entry("shop".into()).or_default();
        app.automation_paused = Some(pause(6));
        assert_eq!(known.look(&state, 21), 21);
        state.automation_paused = None;
        assert_eq!(known.look(&state, 22), 22);
    }
}
