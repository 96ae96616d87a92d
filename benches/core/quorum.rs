//! Votes through the quorum: a sheet of every member held, every Region judged.

use divan::Bencher;
use divan::counter::ItemsCount;
use failoverd::detect::Vantage;
use failoverd::model::{Application, BootId, Member, Millis, Mono, VoteSheet};
use failoverd::quorum::{Judgement, Matrix, judge};

use super::world::{FLEETS, INTERVAL, START, fleet, lose, members, references, samples, take};

/// Each member's sheet after three rounds in which the Region failed.
fn sheets(fleet: &[Application], members: &[Member]) -> (Vec<VoteSheet>, Mono) {
    let mut samples = samples(fleet);
    lose(&mut samples);
    let end = START + INTERVAL.times(4);
    let sheets = members.iter().map(|member| {
        let mut vantage = Vantage::new(member.id.clone(), BootId(1), fleet, &references());
        for round in 1..=3 {
            for sample in &mut samples {
                take(sample, START + INTERVAL.times(round));
                vantage.observe(end, sample);
            }
        }
        vantage.vote_sheet(end)
    });
    (sheets.collect(), end)
}

fn judge_all(now: Mono, matrix: &Matrix, members: &[Member], fleet: &[Application]) {
    for app in fleet {
        for region in &app.regions {
            let judgement: Judgement = judge(now, matrix, members, app, &region.name);
            divan::black_box(judgement);
        }
    }
}

/// `Matrix::hold` of every member's sheet, then `judge` of every Region. Items are votes.
#[divan::bench(args = FLEETS, consts = [3, 5])]
fn hold_and_judge<const MEMBERS: usize>(bencher: Bencher<'_, '_>, apps: usize) {
    let (fleet, members) = (fleet(apps), members(MEMBERS));
    let (mut sheets, now) = sheets(&fleet, &members);
    let mut matrix = Matrix::new();
    bencher
        .counter(ItemsCount::new(apps * 2 * MEMBERS))
        .bench_local(|| {
            for sheet in &mut sheets {
                sheet.sequence += 1;
                matrix.hold(sheet);
            }
            judge_all(now + Millis(40), &matrix, &members, &fleet);
        });
}

/// `judge` of every Region alone: what each look at the votes costs. Items are votes.
#[divan::bench(args = FLEETS, consts = [3, 5])]
fn judge_alone<const MEMBERS: usize>(bencher: Bencher<'_, '_>, apps: usize) {
    let (fleet, members) = (fleet(apps), members(MEMBERS));
    let (sheets, now) = sheets(&fleet, &members);
    let mut matrix = Matrix::new();
    for sheet in &sheets {
        matrix.hold(sheet);
    }
    bencher
        .counter(ItemsCount::new(apps * 2 * MEMBERS))
        .bench_local(|| judge_all(now + Millis(40), &matrix, &members, &fleet));
}
