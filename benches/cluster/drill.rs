//! One drill: a cluster comes to be, a Region is lost, a run begins, the leader is killed in it, and
//! another member carries on.

use std::path::Path;
use std::time::Duration;

use failoverd::sandbox::{Gate, HoldPoint, Service};

use super::child::{Circumstances, Daemon, Log};
use super::delay::Wire;
use super::figures::Measured;
use super::host;
use super::moments::Moments;
use super::timers;
use super::trio::{THREE, Trio, all_votes_up};
use super::wait;

/// Who can agree on the loss: members outside of the Region, in which the first one lives.
pub const OUTSIDE: [usize; 2] = [1, 2];

/// What the members tell beyond the usual: when each commit and each proof began and ended.
const LOG: &str = "info,openraft=warn,aws_config=warn,failoverd::daemon::perform=debug";

/// Between two looks: what is measured stands in the logs, and looking costs the others time.
const LOOK: Duration = Duration::from_millis(200);

/// The longest that any stretch of a drill may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Where in the run the leader is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strike {
    /// A call has been carried out, its answer has not come: its step stands at its intent.
    AtIntent,
    /// Two steps look at their goals; everything before them is done.
    NoIntent,
}

/// One drill as asked for.
#[derive(Clone, Copy, Debug)]
pub struct Drill {
    pub number: usize,
    pub round_trip: Duration,
    pub hold_down: Duration,
    pub strike: Strike,
}

/// When it was done what the logs do not know of.
#[derive(Clone, Copy, Debug)]
pub struct Deeds {
    pub lost: Duration,
    pub killed: Duration,
    pub fsync: Duration,
}

impl Drill {
    /// Plays it, and reads the figures from the logs, which are left in `logs`.
    pub async fn play(self, logs: Option<&Path>) -> Result<Measured, String> {
        let mut trio = Trio::furnished().await;
        let mut wires = Vec::new();
        let mut addresses = THREE.map(|index| trio.address(index));
        if !self.round_trip.is_zero() {
            for address in &mut addresses {
                let wire = Wire::to(*address, self.round_trip).await;
                let wire = wire.map_err(|error| error.to_string())?;
                *address = wire.address();
                wires.push(wire);
            }
        }
        let configs = THREE.map(|index| trio.furnish(index, &THREE));
        for config in &configs {
            timers::set(config, self.hold_down, &addresses);
        }
        for turn in THREE {
            let index = (turn + self.number) % THREE.len();
            start(&mut trio, index, &configs[index]);
        }
        let mut told = Vec::new();
        let played = self.lose_and_strike(&mut trio, &mut told).await;
        for index in THREE {
            if told.iter().all(|(struck, _)| *struck != index) {
                told.push((index, kill_9(&mut trio, index)));
            }
        }
        let moments = Moments::of(told.iter().map(|(member, log)| (*member, log)));
        if let Some(folder) = logs {
            let path = folder.join(format!("drill-{}.log", self.number));
            std::fs::write(&path, moments.text())
                .map_err(|error| format!("{}: {error}", path.display()))?;
        }
        let (deeds, leader) = played?;
        let measured = Measured::from(&self, &deeds, leader, &moments);
        measured.map_err(|error| error.to_string())
    }

    /// Says what was done when, and who was killed; its log is the first of those `told`.
    async fn lose_and_strike(
        &self,
        trio: &mut Trio,
        told: &mut Vec<(usize, Log)>,
    ) -> Result<(Deeds, usize), String> {
        until("everybody is steady", async || is_steady(trio).await).await?;
        let fsync = host::fsync(trio.stage.folder());
        let struck = match self.strike {
            Strike::AtIntent => self.at_intent(trio).await?,
            Strike::NoIntent => self.no_intent(trio).await?,
        };
        // Anywhere between two heartbeats.
        let phase = timers::HEARTBEAT.mul_f64((self.number / 2 % 7) as f64 / 7.0);
        tokio::time::sleep(phase).await;
        let killed = host::now();
        told.push((struck.leader, kill_9(trio, struck.leader)));
        for gate in struck.gates {
            gate.discard();
        }
        until("another member goes on", async || {
            for index in THREE.into_iter().filter(|index| *index != struck.leader) {
                if has_gone_on(&daemon(trio, index).log(), killed) {
                    return Some(());
                }
            }
            None
        })
        .await?;
        let deeds = Deeds {
            lost: struck.lost,
            killed,
            fsync,
        };
        Ok((deeds, struck.leader))
    }

    /// Kills nobody yet: the promotion has been carried out and is not answered.
    async fn at_intent(&self, trio: &mut Trio) -> Result<Struck, String> {
        let gate = trio
            .stage
            .hold(PROMOTION.0, PROMOTION.1, HoldPoint::AfterExecution);
        let (lost, gate) = lose_home(trio, gate).await?;
        let leader = leader(trio).await?;
        Ok(Struck {
            lost,
            leader,
            gates: vec![gate],
        })
    }

    /// Kills nobody yet: the promotion is done, and what comes after it looks at its goals.
    async fn no_intent(&self, trio: &mut Trio) -> Result<Struck, String> {
        let gate = trio
            .stage
            .hold(PROMOTION.0, PROMOTION.1, HoldPoint::AfterExecution);
        let (lost, promotion) = lose_home(trio, gate).await?;
        // The same reads go into the plan: they are held only now that it has been made.
        let gates =
            READS.map(|(service, read)| trio.stage.hold(service, read, HoldPoint::BeforeExecution));
        promotion.release();
        let leader = leader(trio).await?;
        until("the next steps look at their goals", async || {
            let metrics = daemon(trio, leader).metrics().await?;
            let looks =
                |step: &&str| metrics.step(step, "waiting") && metrics.doing(step, "observing");
            let done = |step: &&str| metrics.step(step, "done");
            (NEXT.iter().all(looks) && BEFORE.iter().all(done)).then_some(())
        })
        .await?;
        Ok(Struck {
            lost,
            leader,
            gates: gates.into(),
        })
    }
}

/// The call that is held up: everything later needs it.
const PROMOTION: (Service, &str) = (Service::Rds, "FailoverGlobalCluster");

/// What must be done before the steps that follow it begin, and those.
const BEFORE: [&str; 3] = ["grow-standby", "fence-old", "promote-database"];
const NEXT: [&str; 2] = ["raise-standby-dial", "flip-dns"];

/// How those look at their goals.
const READS: [(Service, &str); 2] = [
    (Service::GlobalAccelerator, "DescribeEndpointGroup"),
    (Service::Route53, "ListResourceRecordSets"),
];

/// A run that stands where it is to be struck.
struct Struck {
    lost: Duration,
    leader: usize,
    gates: Vec<Gate>,
}

fn start(trio: &mut Trio, index: usize, config: &Path) {
    let circumstances = Circumstances::usual().with("FAILOVERD_LOG", LOG);
    trio.daemons[index] = Some(Daemon::start(config, &circumstances));
}

fn daemon(trio: &mut Trio, index: usize) -> &mut Daemon {
    trio.daemons[index].as_mut().expect("it runs")
}

fn kill_9(trio: &mut Trio, index: usize) -> Log {
    trio.daemons[index].take().expect("it runs").kill_9()
}

async fn is_steady(trio: &mut Trio) -> Option<()> {
    let mut leaders = 0;
    for index in THREE {
        let metrics = daemon(trio, index).metrics().await?;
        leaders += usize::from(metrics.is("leader", &[]));
        let well = metrics.is("quorum_reachable", &[])
            && metrics.phase("steady")
            && super::stage::knows_everything(&metrics)
            && all_votes_up(&metrics);
        if !well {
            return None;
        }
    }
    (leaders == 1).then_some(())
}

/// Loses the Region, and waits until the run has come to the gate.
async fn lose_home(trio: &Trio, mut gate: Gate) -> Result<(Duration, Gate), String> {
    let lost = host::now();
    trio.stage.lose_home();
    let reached = tokio::time::timeout(PATIENCE, gate.reached()).await;
    let reached = reached.map_err(|_| "the promotion was never called".to_owned())?;
    reached.ok_or("the sandbox has ended")?;
    Ok((lost, gate))
}

async fn leader(trio: &mut Trio) -> Result<usize, String> {
    until("somebody leads", async || {
        for index in THREE {
            let metrics = daemon(trio, index).metrics().await?;
            if metrics.is("leader", &[]) {
                return Some(index);
            }
        }
        None
    })
    .await
}

/// Whether that member has committed an intent since.
fn has_gone_on(log: &Log, since: Duration) -> bool {
    let moments = Moments::of([(0, log)]);
    moments
        .first("an intent", since, |line| line.says("intent"))
        .is_ok_and(|intent| {
            let step = intent.of("step");
            let committed = moments.first("its commit", intent.at, |line| {
                line.says("committed") && line.of("step") == step
            });
            committed.is_ok()
        })
}

async fn until<T>(what: &str, look: impl AsyncFnMut() -> Option<T>) -> Result<T, String> {
    let found = wait::looking_every(LOOK, PATIENCE, look).await;
    found.ok_or_else(|| format!("{what}: it never was"))
}
