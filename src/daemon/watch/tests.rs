//! What a member's trust in its way to AWS stands on.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use super::*;
use crate::controller::Input;
use crate::daemon::clock::WorldClock;
use crate::daemon::gossip::Sheets;
use crate::daemon::operate::Operators;
use crate::daemon::perform::Unseen;
use crate::daemon::stats::Stats;
use crate::model::fixtures::application;
use crate::model::{
    AppId, BootId, CallOutcome, Command, Event, Intent, LagSample, NodegroupRef, NodegroupSize,
    Observation, Rejection, Traffic,
};
use crate::ports::{Actuator, Call, Ledger, LedgerError, Proof};

/// Answers as told, and counts.
#[derive(Default)]
struct Aws {
    refused: Vec<AppId>,
    silent: Vec<AppId>,
    asked: Mutex<BTreeMap<AppId, u32>>,
}

impl Aws {
    fn asked(&self, app: &str) -> u32 {
        let asked = self.asked.lock().expect("whole");
        asked.get(&AppId::from(app)).copied().unwrap_or(0)
    }
}

#[async_trait]
impl Actuator for Aws {
    async fn observe(&self, _: &AppId, _: &Intent) -> Observation {
        unreachable!("nothing is done")
    }

    async fn apply(&self, _: &AppId, _: &Call<'_>, _: &Proof) -> CallOutcome {
        unreachable!("nothing is done")
    }

    async fn read_traffic(&self, app: &AppId) -> Result<Traffic, ReadError> {
        *self
            .asked
            .lock()
            .expect("whole")
            .entry(app.clone())
            .or_default() += 1;
        let what = "the traffic".to_owned();
        if self.refused.contains(app) {
            return Err(ReadError::Refused {
                what,
                code: "ExpiredToken".to_owned(),
                message: String::new(),
            });
        }
        if self.silent.contains(app) {
            let why = "no answer".to_owned();
            return Err(ReadError::Unobservable { what, why });
        }
        Ok(Traffic {
            records: Vec::new(),
            groups: Vec::new(),
        })
    }

    async fn read_lag(&self, _: &AppId, _: &RegionId) -> Result<Vec<LagSample>, ReadError> {
        Ok(Vec::new())
    }

    async fn read_capacity(
        &self,
        _: &AppId,
        _: &RegionId,
    ) -> Result<Vec<(NodegroupRef, NodegroupSize)>, ReadError> {
        Ok(Vec::new())
    }
}

/// Leads, and takes nothing in.
struct Leading;

#[async_trait]
impl Ledger for Leading {
    async fn propose(&self, _: Command) -> Result<Result<Event, Rejection>, LedgerError> {
        Err(LedgerError::NotLeader)
    }

    async fn prove(&self) -> Result<Arc<State>, LedgerError> {
        Err(LedgerError::NotLeader)
    }

    fn state(&self) -> Arc<State> {
        Arc::default()
    }

    fn leads(&self) -> bool {
        true
    }

    async fn stand_down(&self, _: &str) -> Result<(), LedgerError> {
        Ok(())
    }

    async fn changed(&self) -> Result<(), LedgerError> {
        std::future::pending().await
    }
}

/// What a leader of `shop` and `bazaar` says of its calls, until it has asked of both several times.
async fn said(aws: Aws) -> Vec<bool> {
    let aws = Arc::new(aws);
    let (inbox, mut inputs) = mpsc::channel(64);
    let performer = Performer {
        ledger: Arc::new(Leading),
        actuator: Arc::clone(&aws) as Arc<dyn Actuator>,
        clock: Arc::new(WorldClock::accelerated(60).expect("in range")),
        boot: BootId(1),
        proof_lasts: Millis::ZERO,
        inbox,
        stats: Arc::new(Stats::new()),
        journal: TaskTracker::new(),
        unseen: Unseen::default(),
        sheets: Sheets::default(),
        rehearsals: Default::default(),
        standing_down: Arc::default(),
        apps: Arc::default(),
        looked: Arc::default(),
        operators: Operators::new([]).0,
    };
    let apps = ["shop", "bazaar"].map(|name| Application {
        name: name.into(),
        ..application()
    });
    let stopping = CancellationToken::new();
    spawn(&apps, &performer, &stopping);
    let mut said = Vec::new();
    while aws.asked("shop") < 3 || aws.asked("bazaar") < 3 {
        if let Some(Input::AwsAnswered { reached }) = inputs.recv().await {
            said.push(reached);
        }
    }
    stopping.cancel();
    said
}

#[tokio::test]
async fn one_application_that_cannot_be_read_is_no_reason_to_give_way() {
    let aws = Aws {
        silent: vec!["bazaar".into()],
        ..Aws::default()
    };
    let said = said(aws).await;
    assert!(said.iter().all(|reached| *reached), "{said:?}");
}

#[tokio::test]
async fn who_is_refused_everywhere_cannot_act() {
    let aws = Aws {
        refused: vec!["shop".into(), "bazaar".into()],
        ..Aws::default()
    };
    let said = said(aws).await;
    assert!(said.iter().all(|reached| !reached), "{said:?}");
}
