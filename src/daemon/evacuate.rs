//! A person asks that a Region be left: the member that is asked makes the waves from its own
//! configuration and shows them; what was shown is what is begun. From then on the ledger has it.

use std::collections::BTreeMap;

use crate::config::Config;
use crate::model::{
    AppId, Application, Command, CommandBody, Evacuation, EvacuationId, Event, Precedence,
    RegionId, Rejection, State,
};
use crate::ports::LedgerError;
use crate::run::{self, waves};

use super::node::NodeHandle;

/// Runs that may be under way at a time, if nobody says: what Route 53's five requests a second for a
/// whole account still let go on side by side.
pub const DEFAULT_PARALLEL: u32 = 5;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvacuationAsk {
    /// To be left.
    pub region: RegionId,
    /// Who asks.
    pub by: String,
    /// Why.
    pub reason: String,
    /// [`DEFAULT_PARALLEL`] if absent.
    pub parallel: Option<u32>,
    /// Whether unreplicated data may be lost where the Region is lost.
    pub allow_data_loss: bool,
}

/// What waves are made of.
#[derive(Debug)]
pub(super) struct Fleet {
    applications: Vec<Application>,
    order: BTreeMap<AppId, Precedence>,
}

impl Fleet {
    pub fn of(config: &Config) -> Self {
        Self {
            applications: config.applications.clone(),
            order: config.order.clone(),
        }
    }

    fn begin(&self, state: &State, ask: &EvacuationAsk) -> (EvacuationId, CommandBody) {
        let id = next_id(state, &ask.region);
        let body = CommandBody::BeginEvacuation {
            id: id.clone(),
            region: ask.region.clone(),
            by: ask.by.clone(),
            reason: ask.reason.clone(),
            parallel: ask.parallel.unwrap_or(DEFAULT_PARALLEL),
            allow_data_loss: ask.allow_data_loss,
            waves: waves(&ask.region, &self.applications, &self.order),
        };
        (id, body)
    }
}

/// One more than the last of that Region.
fn next_id(state: &State, region: &RegionId) -> EvacuationId {
    let numbers = state.evacuations.values().filter_map(|evacuation| {
        let name = evacuation.id.as_str().strip_prefix(region.as_str())?;
        name.strip_prefix('-')?.parse::<u64>().ok()
    });
    let last = numbers.max().unwrap_or(0);
    EvacuationId(format!("{region}-{}", last + 1))
}

impl NodeHandle {
    /// The evacuation as it would begin now: its waves, and who serves from elsewhere. Nothing is
    /// changed.
    ///
    /// # Errors
    ///
    /// Why it would be refused.
    pub fn plan_evacuation(&self, ask: &EvacuationAsk) -> Result<Evacuation, Rejection> {
        self.beginning(ask).map(|(planned, _)| planned)
    }

    /// Begins it, through the leader where this member follows.
    ///
    /// # Errors
    ///
    /// If the ledger did not answer; whether it has begun is then unknown.
    pub async fn begin_evacuation(
        &self,
        ask: &EvacuationAsk,
    ) -> Result<Result<Evacuation, Rejection>, LedgerError> {
        match self.beginning(ask) {
            Ok((planned, body)) => Ok(self.command(body).await?.map(|_| planned)),
            Err(rejection) => Ok(Err(rejection)),
        }
    }

    /// What would begin, and the command that begins exactly that.
    fn beginning(&self, ask: &EvacuationAsk) -> Result<(Evacuation, CommandBody), Rejection> {
        let snapshot = self.snapshots.borrow().clone();
        let (id, body) = self.fleet.begin(&snapshot.state, ask);
        let mut state = State::clone(&snapshot.state);
        let command = Command {
            at: snapshot.at.wall,
            body,
        };
        run::apply(&mut state, &command)?;
        match state.evacuations.remove(&id) {
            Some(planned) => Ok((planned, command.body)),
            None => Err(Rejection::NoSuchEvacuation { id }),
        }
    }

    /// Begins nothing new in it; what is under way is left to its own end.
    ///
    /// # Errors
    ///
    /// If the ledger did not answer; whether it is stopped is then unknown.
    pub async fn stop_evacuation(
        &self,
        id: EvacuationId,
        by: String,
        reason: String,
    ) -> Result<Result<Event, Rejection>, LedgerError> {
        let body = CommandBody::StopEvacuation { id, by, reason };
        self.command(body).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::fixtures::{FROM, application};

    #[test]
    fn a_name_is_not_given_twice() {
        let mut state = State::default();
        let fleet = Fleet {
            applications: vec![application()],
            order: BTreeMap::new(),
        };
        let ask = EvacuationAsk {
            region: FROM.into(),
            by: "ada".to_owned(),
            reason: "power".to_owned(),
            parallel: None,
            allow_data_loss: false,
        };
        for number in 1..=12 {
            let (id, body) = fleet.begin(&state, &ask);
            assert_eq!(id, EvacuationId(format!("{FROM}-{number}")));
            let at = state.time;
            run::apply(&mut state, &Command { at, body }).unwrap();
            let body = CommandBody::StopEvacuation {
                id,
                by: "ada".to_owned(),
                reason: "enough".to_owned(),
            };
            run::apply(&mut state, &Command { at, body }).unwrap();
        }
    }
}
