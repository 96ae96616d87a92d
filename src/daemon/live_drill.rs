//! The alarms that a live drill is held to: CloudWatch's, of the application's own choice.
//!
//! ```text
//!  begin ── every alarm is read and silent, or no live drill is begun
//!  soak  ── the leader looks again and again ──raised──▶ MoveDrill: home
//! ```
//!
//! Nobody looks on the way there or home: a switchover stops the writes for a moment, and an alarm may well
//! say so. One that the way there has raised is given time to fall silent.
//!
//! An alarm that cannot be read says nothing. It stands in the way of a drill that has not begun; one that
//! is under way is not moved by it, and a person is told.

use tokio_util::sync::CancellationToken;

use crate::model::{
    Alarm, AlarmState, AppId, Application, CommandBody, DrillCause, DrillId, HoldReason, LivePhase,
    Millis, State, Wall,
};
use crate::ports::ReadError;

use super::operate::AskFailed;
use super::perform::Performer;

/// World time between two looks: the period of the fastest alarms. Source: CloudWatch user guide, alarms
/// on high-resolution metrics.
const EVERY: Millis = Millis::from_secs(10);

/// World time between two looks whether there is a drill at all: the ledger's state, asked of nobody.
const NOTICE: Millis = Millis::from_secs(1);

/// World time after its arrival in which an alarm that the move itself has raised falls silent: five
/// periods of a minute, the usual length of an alarm's memory.
const SETTLES: Millis = Millis::from_mins(5);

/// That no alarm of the application is raised, and each can be read.
///
/// # Errors
///
/// With every alarm that is, or cannot.
pub(super) async fn alarms_are_silent(performer: &Performer, app: &AppId) -> Result<(), AskFailed> {
    let read = performer.actuator.read_alarms(app).await;
    let reasons: Vec<HoldReason> = read
        .into_iter()
        .filter_map(|(alarm, state)| {
            let why = match state {
                Ok(AlarmState::Ok | AlarmState::InsufficientData) => return None,
                Ok(AlarmState::Raised { reason, .. }) => format!("is raised: {reason}"),
                Err(error) => format!("is not known to be silent: {error}"),
            };
            Some(HoldReason::DrillAlarm { alarm, why })
        })
        .collect();
    if reasons.is_empty() {
        Ok(())
    } else {
        Err(AskFailed::Declined(reasons))
    }
}

/// Looks after the live drills of every application that has such alarms.
pub(super) fn spawn(apps: &[Application], performer: &Performer, stopping: &CancellationToken) {
    for app in apps {
        if app.resources.drill_alarms.is_empty() {
            continue;
        }
        let (performer, app, stopping) = (performer.clone(), app.name.clone(), stopping.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = stopping.cancelled() => {}
                () = look_after(&performer, &app) => {}
            }
        });
    }
}

async fn look_after(performer: &Performer, app: &AppId) {
    let mut unread: Vec<(Alarm, ReadError)> = Vec::new();
    loop {
        let soak = soaking(&performer.ledger.state(), app);
        let Some(soak) = soak.filter(|_| performer.ledger.leads()) else {
            unread.clear();
            performer.clock.sleep(NOTICE).await;
            continue;
        };
        let read = performer.actuator.read_alarms(app).await;
        let date = performer.ledger.state().date(performer.clock.now().wall);
        if let Some(why) = raised(&read, &soak, date) {
            turn_home(performer, &soak.drill, why).await;
        }
        let failed: Vec<_> = read
            .into_iter()
            .filter_map(|(alarm, state)| Some((alarm, state.err()?)))
            .collect();
        tell(app, &unread, &failed);
        unread = failed;
        performer.clock.sleep(EVERY).await;
    }
}

/// A live drill that has arrived, and stays.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Soak {
    drill: DrillId,
    arrived: Wall,
}

fn soaking(state: &State, app: &AppId) -> Option<Soak> {
    let drill = state.open_drill(app)?;
    let live = drill.live.as_ref()?;
    match live.phase {
        LivePhase::Soaking { .. } => Some(Soak {
            drill: drill.id.clone(),
            arrived: live.arrived_at?,
        }),
        LivePhase::Switching | LivePhase::Returning => None,
    }
}

/// The first alarm that turns the drill home at that date, in a line.
fn raised(
    read: &[(Alarm, Result<AlarmState, ReadError>)],
    soak: &Soak,
    date: Wall,
) -> Option<String> {
    let settled = date.since(soak.arrived) >= SETTLES;
    read.iter().find_map(|(alarm, state)| match state {
        Ok(AlarmState::Raised { since, reason }) => {
            let of_the_move = since.is_some_and(|since| since < soak.arrived);
            (settled || !of_the_move).then(|| format!("alarm {alarm} is raised: {reason}"))
        }
        Ok(AlarmState::Ok | AlarmState::InsufficientData) | Err(_) => None,
    })
}

async fn turn_home(performer: &Performer, drill: &DrillId, why: String) {
    let body = CommandBody::MoveDrill {
        id: drill.clone(),
        cause: DrillCause::Alarm,
        why: why.clone(),
    };
    match performer.propose(body).await {
        Ok(Ok(_)) => tracing::warn!(%drill, why, "the live drill turns home"),
        Ok(Err(rejection)) => tracing::debug!(%drill, %rejection, "the live drill's alarm"),
        // Whether it was heard shows in the state; if not, the next look says it again.
        Err(error) => tracing::debug!(%drill, %error, "the live drill's alarm"),
    }
}

fn tell(app: &AppId, was: &[(Alarm, ReadError)], now: &[(Alarm, ReadError)]) {
    for (alarm, error) in now {
        if !was.iter().any(|(known, _)| known == alarm) {
            tracing::warn!(%app, %alarm, %error, "not watched: the live drill goes on without it");
        }
    }
    for (alarm, _) in was {
        if !now.iter().any(|(failing, _)| failing == alarm) {
            tracing::info!(%app, %alarm, "watched again");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(state: Result<AlarmState, ReadError>) -> Vec<(Alarm, Result<AlarmState, ReadError>)> {
        let alarm = Alarm {
            region: "us-east-1".into(),
            name: "errors".to_owned(),
        };
        vec![(alarm, state)]
    }

    fn says(state: Result<AlarmState, ReadError>, at: u64) -> Option<String> {
        let soak = Soak {
            drill: DrillId("shop-drill-1".to_owned()),
            arrived: Wall(1_000_000),
        };
        raised(&read(state), &soak, Wall(at))
    }

    fn since(at: Option<u64>) -> Result<AlarmState, ReadError> {
        Ok(AlarmState::Raised {
            since: at.map(Wall),
            reason: "over 1 %".to_owned(),
        })
    }

    #[test]
    fn an_alarm_that_the_move_has_raised_is_given_time() {
        let over = Some("alarm errors in us-east-1 is raised: over 1 %".to_owned());
        assert_eq!(says(since(Some(1_000_000)), 1_000_001), over);
        assert_eq!(says(since(Some(999_999)), 1_000_001), None);
        assert_eq!(says(since(Some(999_999)), 1_299_999), None);
        assert_eq!(says(since(Some(999_999)), 1_300_000), over);
        assert_eq!(says(since(None), 1_000_001), over);
    }

    #[test]
    fn silence_ignorance_and_no_answer_turn_nothing_home() {
        let error = ReadError::Unobservable {
            what: "alarms".to_owned(),
            why: "timeout".to_owned(),
        };
        for state in [
            Ok(AlarmState::Ok),
            Ok(AlarmState::InsufficientData),
            Err(error),
        ] {
            assert_eq!(says(state, 9_000_000), None);
        }
    }
}
