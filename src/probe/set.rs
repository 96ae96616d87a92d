//! All probes of one member, each on its own schedule, on a thread of their own.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::PROBE_SPANS;
use super::loop_stall::LoopStall;
use super::schedule::Schedule;
use crate::model::{MemberId, Millis, Mono, Probe, Sample, SampleOutcome, Target};
use crate::ports::{Clock, Prober};

/// Spreads one seed over the probes of a set (the golden ratio in 64 bits).
const SEED_STRIDE: u64 = 0x9e37_79b9_7f4a_7c15;

/// World time between two questions to a reference target, however many Regions fall: it is somebody
/// else's, and a question a second is what it bears from anybody.
const REST: Millis = Millis::from_secs(1);

/// The running probes of one member. Dropping it stops them.
///
/// Invariant: never two samples of one probe at the same time; a slow endpoint delays only itself.
/// Invariant: bounded. A sample that finds the channel full is dropped and counted, and those
/// already in the channel stay: they come first in the order of things, and the run of failures or
/// successes they tell must have no holes that a reader could not see by its age. Whoever does not
/// read for so long is stalled, and knows it from its own [`LoopStall`].
#[derive(Debug)]
pub struct ProbeSet {
    stopping: CancellationToken,
    thread: Option<JoinHandle<()>>,
    stall: LoopStall,
    dropped: Arc<AtomicU64>,
    /// Told when the reference targets are to be asked before they are due.
    haste: watch::Sender<()>,
}

impl ProbeSet {
    /// Starts probing on a thread named `probes-<member>`. Where in its interval each probe begins,
    /// and its jitter, follow from `seed` and its place in `targets`.
    ///
    /// Fails only if the host has no thread or event queue left.
    pub fn spawn(
        member: &MemberId,
        targets: Vec<(Target, Probe)>,
        prober: Arc<dyn Prober>,
        clock: Arc<dyn Clock>,
        seed: u64,
        samples: mpsc::Sender<Sample>,
    ) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let stopping = CancellationToken::new();
        let stall = LoopStall::new();
        let dropped = Arc::new(AtomicU64::new(0));
        let (haste, hasted) = watch::channel(());
        let tasks: Vec<Task> = targets
            .into_iter()
            .zip(0u64..)
            .map(|((target, probe), index)| Task {
                haste: matches!(target, Target::Reference(_)).then(|| hasted.clone()),
                target,
                probe,
                seed: seed.wrapping_add(index.wrapping_mul(SEED_STRIDE)),
                prober: prober.clone(),
                clock: clock.clone(),
                samples: samples.clone(),
                dropped: dropped.clone(),
            })
            .collect();
        let until = stopping.clone();
        let watch = stall.clone();
        let thread = std::thread::Builder::new()
            .name(format!("probes-{member}"))
            .spawn(move || {
                runtime.block_on(run(tasks, watch, until));
                // Without waiting for a file that hangs.
                runtime.shutdown_background();
            })?;
        Ok(Self {
            stopping,
            thread: Some(thread),
            stall,
            dropped,
            haste,
        })
    }

    /// Asks the reference targets now: a Region has fallen, and whether that was the Region or our
    /// own line is known only when one of them has answered after it.
    pub fn ask_references(&self) {
        self.haste.send_replace(());
    }

    /// The worst stall of the probes' event loop since last asked, in real time.
    pub fn stall(&self) -> Millis {
        self.stall.take()
    }

    /// Samples dropped since the start because the channel was full.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Stops every probe where it stands and waits for the thread, which takes no longer than one
    /// turn of its event loop.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for ProbeSet {
    fn drop(&mut self) {
        self.stopping.cancel();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the probes' thread ended in a panic");
        }
    }
}

async fn run(tasks: Vec<Task>, stall: LoopStall, stopping: CancellationToken) {
    let mut running = JoinSet::new();
    running.spawn(stall.watch());
    for task in tasks {
        running.spawn(task.run());
    }
    let supervise = async {
        while let Some(ended) = running.join_next().await {
            // Its samples grow old, and the vote becomes unknown: the safe side.
            if let Err(error) = ended
                && error.is_panic()
            {
                tracing::error!(%error, "a probe's task ended in a panic");
            }
        }
    };
    // The stall watch never ends, so neither does the supervision.
    tokio::select! {
        () = supervise => {}
        () = stopping.cancelled() => {}
    }
}

fn name(target: &Target) -> String {
    match target {
        Target::Region { app, region, probe } => format!("{app}/{region}/{probe}"),
        Target::Reference(reference) => format!("reference/{reference}"),
    }
}

fn tell(span: &tracing::Span, outcome: &SampleOutcome) {
    if span.is_disabled() {
        return;
    }
    let words = match outcome {
        SampleOutcome::Success => "success".to_owned(),
        SampleOutcome::Failure(reason) => {
            span.record("otel.status_code", "ERROR");
            reason.to_string()
        }
        SampleOutcome::Unknown(reason) => format!("unknown: {reason}"),
    };
    span.record("outcome", words);
}

/// One probe, for ever.
struct Task {
    target: Target,
    probe: Probe,
    seed: u64,
    prober: Arc<dyn Prober>,
    clock: Arc<dyn Clock>,
    samples: mpsc::Sender<Sample>,
    dropped: Arc<AtomicU64>,
    /// Of a reference target: it may be asked before it is due.
    haste: Option<watch::Receiver<()>>,
}

impl Task {
    async fn run(mut self) {
        let now = self.clock.now().mono;
        let mut schedule = Schedule::new(self.seed, self.probe.interval, now);
        let mut rested = now;
        loop {
            let wait = schedule.due().since(self.clock.now().mono);
            let clock = Arc::clone(&self.clock);
            tokio::select! {
                () = clock.sleep(wait) => {}
                () = self.hastened(rested) => {}
            }
            let started = self.clock.now().mono;
            rested = started + REST;
            let span = tracing::info_span!(
                target: PROBE_SPANS,
                "probe",
                otel.name = format!("probe {}", name(&self.target)),
                otel.kind = "client",
                otel.status_code = tracing::field::Empty,
                outcome = tracing::field::Empty,
            );
            let probing = self.prober.probe(&self.probe);
            let result = probing.instrument(span.clone()).await;
            tell(&span, &result.outcome);
            drop(span);
            let ended = self.clock.now().mono;
            let sample = Sample {
                target: self.target.clone(),
                started,
                ended,
                result,
            };
            match self.samples.try_send(sample) {
                Ok(()) => {}
                Err(TrySendError::Full(_)) => {
                    self.dropped.fetch_add(1, Ordering::Relaxed);
                }
                // Nobody listens any more.
                Err(TrySendError::Closed(_)) => return,
            }
            // One that was asked before it was due stays due.
            if schedule.due() <= ended {
                schedule.advance(ended);
            }
        }
    }

    /// Resolves when this probe is to be asked before it is due.
    async fn hastened(&mut self, rested: Mono) {
        let asked = match &mut self.haste {
            Some(haste) => haste.changed().await.is_ok(),
            None => false,
        };
        if !asked {
            std::future::pending::<()>().await;
        }
        let rest = rested.since(self.clock.now().mono);
        self.clock.sleep(rest).await;
    }
}
