//! The scheduler.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tokio::sync::mpsc;

use super::*;
use crate::model::{MemberId, Mono, Sample, Target, Timings};
use crate::probe::ProbeSet;

const SLOW: &str = "slow";

/// Answers at once, except for the probe named [`SLOW`], which never does.
#[derive(Debug, Default)]
struct Scripted {
    asked: Mutex<BTreeMap<String, u64>>,
    thread: Mutex<Option<String>>,
    at_once: AtomicUsize,
    slow_begun: AtomicU64,
}

#[async_trait]
impl Prober for Scripted {
    async fn probe(&self, probe: &Probe) -> ProbeResult {
        *self
            .asked
            .lock()
            .unwrap()
            .entry(probe.id.0.clone())
            .or_default() += 1;
        *self.thread.lock().unwrap() = std::thread::current().name().map(str::to_owned);
        if probe.id.as_str() == SLOW {
            self.slow_begun.fetch_add(1, Ordering::SeqCst);
            std::future::pending::<()>().await;
        }
        assert_eq!(
            self.at_once.fetch_add(1, Ordering::SeqCst),
            0,
            "one fast probe at a time"
        );
        tokio::task::yield_now().await;
        self.at_once.fetch_sub(1, Ordering::SeqCst);
        ProbeResult {
            outcome: SampleOutcome::Success,
            timings: Timings::default(),
        }
    }
}

fn target(name: &str) -> (Target, Probe) {
    let mut probe = probe(
        Check::Tcp {
            address: "127.0.0.1:1".to_owned(),
        },
        Millis(1_000),
    );
    probe.id = ProbeId::from(name);
    probe.interval = Millis(500);
    (Target::Reference(probe.id.clone()), probe)
}

fn spawn(
    names: &[&str],
    prober: Arc<dyn Prober>,
    capacity: usize,
) -> (ProbeSet, mpsc::Receiver<Sample>) {
    let (sender, receiver) = mpsc::channel(capacity);
    let set = ProbeSet::spawn(
        &MemberId::from("m1"),
        names.iter().map(|name| target(name)).collect(),
        prober,
        Arc::new(TestClock::at_speed(60)),
        7,
        sender,
    )
    .unwrap();
    (set, receiver)
}

#[tokio::test]
async fn a_slow_endpoint_delays_nobody_and_is_never_asked_twice_at_once() {
    let prober = Arc::new(Scripted::default());
    let (set, mut samples) = spawn(&[SLOW, "fast"], prober.clone(), 16);
    let mut seen_while_slow = 0;
    while seen_while_slow < 20 {
        let sample = samples.recv().await.unwrap();
        assert_eq!(sample.target, Target::Reference(ProbeId::from("fast")));
        assert!(sample.ended >= sample.started);
        if prober.slow_begun.load(Ordering::SeqCst) > 0 {
            seen_while_slow += 1;
        }
    }
    // Twenty rounds later the slow one is still being asked for the first time.
    assert_eq!(prober.slow_begun.load(Ordering::SeqCst), 1);
    assert_eq!(prober.thread.lock().unwrap().as_deref(), Some("probes-m1"));
    set.stop();
    while samples.recv().await.is_some() {}
}

#[tokio::test]
async fn only_reference_targets_are_asked_before_they_are_due() {
    // Nobody is due for a day.
    let rarely = |(target, probe): (Target, Probe)| {
        let interval = Millis::from_mins(2 * 24 * 60);
        (target, Probe { interval, ..probe })
    };
    let (reference, probe) = rarely(target("reference"));
    let region = Target::Region {
        app: "shop".into(),
        region: "eu-west-1".into(),
        probe: probe.id.clone(),
    };
    let targets = vec![(region, probe.clone()), (reference.clone(), probe)];
    let (sender, mut samples) = mpsc::channel(16);
    let clock = Arc::new(TestClock::at_speed(60));
    let prober = Arc::new(Scripted::default());
    let set = ProbeSet::spawn(&"m1".into(), targets, prober, clock, 7, sender).unwrap();
    let mut rested = Mono::default();
    for _ in 0..3 {
        set.ask_references();
        let sample = samples.recv().await.unwrap();
        assert_eq!(sample.target, reference);
        assert!(sample.started >= rested, "it was asked again too soon");
        rested = sample.started + Millis::from_secs(1);
    }
    set.stop();
    assert_eq!(samples.recv().await, None);
}

#[tokio::test]
async fn a_full_channel_drops_and_counts() {
    let prober = Arc::new(Scripted::default());
    let (set, mut samples) = spawn(&["fast"], prober.clone(), 2);
    while set.dropped() < 3 {
        tokio::task::yield_now().await;
    }
    // The two oldest are kept, in their order.
    let first = samples.recv().await.unwrap();
    let second = samples.recv().await.unwrap();
    assert!(first.started <= second.started);
    set.stop();
}

#[tokio::test]
async fn stopping_ends_everything_even_in_the_middle_of_a_probe() {
    let prober = Arc::new(Scripted::default());
    let (set, mut samples) = spawn(&[SLOW], prober.clone(), 2);
    while prober.slow_begun.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    drop(set);
    assert_eq!(samples.recv().await, None);
    assert_eq!(
        Arc::strong_count(&prober),
        1,
        "the thread holds nothing any more"
    );
}

#[tokio::test]
async fn a_probe_that_panics_does_not_take_the_others_along() {
    #[derive(Debug)]
    struct Panicking;

    #[async_trait]
    impl Prober for Panicking {
        async fn probe(&self, probe: &Probe) -> ProbeResult {
            assert_eq!(probe.id.as_str(), "good", "a panic on purpose");
            ProbeResult {
                outcome: SampleOutcome::Success,
                timings: Timings::default(),
            }
        }
    }

    let (_set, mut samples) = spawn(&["bad", "good"], Arc::new(Panicking), 4);
    for _ in 0..5 {
        assert!(samples.recv().await.is_some());
    }
}

#[tokio::test]
async fn a_blocked_probe_thread_is_seen_as_a_stall() {
    #[derive(Debug)]
    struct Blocking;

    #[async_trait]
    impl Prober for Blocking {
        async fn probe(&self, _probe: &Probe) -> ProbeResult {
            // Blocks the thread: that is what is tested.
            std::thread::sleep(std::time::Duration::from_millis(150));
            ProbeResult {
                outcome: SampleOutcome::Success,
                timings: Timings::default(),
            }
        }
    }

    let (set, mut samples) = spawn(&["any"], Arc::new(Blocking), 4);
    assert!(samples.recv().await.is_some());
    assert!(set.stall() >= Millis(90));
}

#[tokio::test]
async fn real_probes_flow_through() {
    let server = super::server::Server::start(super::server::Reply::ok("")).await;
    let mut probe = probe(get(server.url("/")), AMPLE);
    probe.interval = Millis(20);
    let (sender, mut samples) = mpsc::channel(4);
    let set = ProbeSet::spawn(
        &MemberId::from("m1"),
        vec![(Target::Reference(probe.id.clone()), probe)],
        Arc::new(prober(None)),
        Arc::new(TestClock::at_speed(1)),
        1,
        sender,
    )
    .unwrap();
    for _ in 0..3 {
        let sample = samples.recv().await.unwrap();
        assert_eq!(sample.result.outcome, SampleOutcome::Success);
    }
    set.stop();
}
