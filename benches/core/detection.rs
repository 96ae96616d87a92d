//! Samples through detection, and a round of votes.

use divan::Bencher;
use divan::counter::ItemsCount;
use failoverd::detect::Vantage;
use failoverd::model::{BootId, Millis, Sample};

use super::world::{FLEETS, INTERVAL, START, fleet, references, samples, take};

fn vantage(apps: usize) -> (Vantage, Vec<Sample>) {
    let fleet = fleet(apps);
    let vantage = Vantage::new("m2".into(), BootId(1), &fleet, &references());
    (vantage, samples(&fleet))
}

/// `Vantage::observe`, one sample of every probe. Items are samples.
#[divan::bench(args = FLEETS)]
fn observe(bencher: Bencher<'_, '_>, apps: usize) {
    let (mut vantage, mut samples) = vantage(apps);
    let mut at = START;
    bencher
        .counter(ItemsCount::new(samples.len()))
        .bench_local(|| {
            at = at + INTERVAL;
            samples.iter_mut().fold(0, |counted, sample| {
                take(sample, at);
                counted + usize::from(vantage.observe(at + Millis(20), sample))
            })
        });
}

/// `Vantage::vote_sheet`: every vote of this member, once a second. Items are votes.
#[divan::bench(args = FLEETS)]
fn vote_sheet(bencher: Bencher<'_, '_>, apps: usize) {
    let (mut vantage, mut samples) = vantage(apps);
    let at = START + INTERVAL;
    for sample in &mut samples {
        take(sample, at);
        vantage.observe(at + Millis(20), sample);
    }
    bencher
        .counter(ItemsCount::new(apps * 2))
        .bench_local(|| vantage.vote_sheet(at + Millis(40)));
}
