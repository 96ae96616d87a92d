//! The tables, as they stand in `docs/benchmarks.md`: what was measured, and beside it the least that
//! the timers and this host's own round trip and disk allow.

use std::fmt::Write as _;
use std::time::Duration;

use super::drill::Strike;
use super::figures::{Figure, Measured};
use super::timers::{CALL_TIMEOUT, ELECTION_MAX, ELECTION_MIN, GOSSIP, HEARTBEAT};

/// A row's floor in milliseconds: at the median, and at the 99th percentile.
#[derive(Clone, Copy)]
struct Floor {
    median: f64,
    p99: f64,
}

impl Floor {
    fn flat(ms: f64) -> Self {
        Self {
            median: ms,
            p99: ms,
        }
    }
}

/// Everything that the drills say, or that there is nothing to say.
pub fn tables(drills: &[Measured]) -> String {
    let Some(first) = drills.first() else {
        return "no drill came to its end\n".to_owned();
    };
    let proofs = sorted(drills.iter().flat_map(|drill| drill.proofs.iter().copied()));
    let commits = sorted(
        drills
            .iter()
            .flat_map(|drill| drill.commits.iter().copied()),
    );
    let disk = median(&of(drills, Figure::Fsync, |_| true));
    // The wire that was laid, or what the loopback interface and TLS take.
    let wire = match first.drill.round_trip {
        Duration::ZERO => median(&proofs),
        laid => ms(laid),
    };
    let commit = Floor::flat(wire + disk);
    let mut out = String::new();
    let mut row = |what: &str, figures: &[f64], floor: Option<Floor>| {
        if !figures.is_empty() {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "{}", line(what, figures, floor));
        }
    };
    let all = |figure| of(drills, figure, |_| true);
    let struck = |figure, strike| of(drills, figure, |drill| drill.drill.strike == strike);

    let decision = Floor {
        median: ms(GOSSIP) / 2.0 + commit.median,
        p99: ms(GOSSIP) + commit.p99,
    };
    row(
        "the last start to the first leader",
        &all(Figure::Formed),
        None,
    );
    row(
        "the loss to the committed decision",
        &all(Figure::LossToDecision),
        None,
    );
    row(
        "**the last failed sample to the committed decision**",
        &all(Figure::Decision),
        Some(decision),
    );
    row(
        "– until the last vote says `down`",
        &all(Figure::Vote),
        None,
    );
    row(
        "– until the leader has heard it and decides",
        &all(Figure::Gossip),
        Some(Floor {
            median: ms(GOSSIP) / 2.0,
            p99: ms(GOSSIP),
        }),
    );
    row("– until it has looked at AWS", &all(Figure::Look), None);
    row(
        "– until the run is committed",
        &all(Figure::Opening),
        Some(commit),
    );
    let election = election(wire);
    let quiet = ms(ELECTION_MAX + CALL_TIMEOUT);
    row(
        "`kill -9` of the leader to another leader",
        &all(Figure::Election),
        Some(election),
    );
    row(
        "**`kill -9` to the next committed intent, none standing**",
        &struck(Figure::NextIntent, Strike::NoIntent),
        Some(Floor {
            median: election.median + commit.median,
            p99: election.p99 + commit.p99,
        }),
    );
    row(
        "`kill -9` to a standing step's outcome, one at its intent",
        &struck(Figure::Resume, Strike::AtIntent),
        Some(Floor {
            median: election.median + commit.median,
            p99: election.p99 + commit.p99,
        }),
    );
    row(
        "**`kill -9` to the next committed intent, one standing**",
        &struck(Figure::NextIntent, Strike::AtIntent),
        Some(Floor {
            median: election.median + quiet + commit.median,
            p99: election.p99 + quiet + commit.p99,
        }),
    );
    row("a commit of a step", &commits, Some(commit));
    row("a linearizable read", &proofs, Some(Floor::flat(wire)));
    row(
        "4 KiB written and fsynced, nothing else",
        &all(Figure::Fsync),
        None,
    );
    let disturbed = drills.iter().filter(|drill| drill.disturbances > 0).count();
    format!(
        "round trip between members {}{}, hold-down {} ms (subtracted)\n\n\
         | what | n | median | p99 | least | most | floor (median, p99) | ratio |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- |\n\
         {out}\n{disturbed} drills in which a member lost its trust in itself or its quorum unasked\n",
        short(wire),
        if first.drill.round_trip.is_zero() {
            " (measured)"
        } else {
            " (laid)"
        },
        ms(first.drill.hold_down),
    )
}

/// From the death of a leader to another's: its lease, counted from its last heartbeat, then what the
/// earlier of two followers has drawn, then a round to ask and a round to be voted for.
fn election(wire: f64) -> Floor {
    let least = ms(HEARTBEAT) / 2.0;
    let spread = ms(ELECTION_MIN) - least;
    // Of two draws from an even spread, the earlier one: its median and its 99th percentile.
    let drawn = |share: f64| least + spread * (1.0 - (1.0 - share).sqrt());
    let lease = ms(ELECTION_MAX) - ms(HEARTBEAT) / 2.0;
    Floor {
        median: lease + drawn(0.5) + 2.0 * wire,
        p99: ms(ELECTION_MAX) + drawn(0.99) + 2.0 * wire,
    }
}

fn line(what: &str, figures: &[f64], floor: Option<Floor>) -> String {
    let figures = sorted(figures.iter().copied());
    let (median, p99) = (median(&figures), percentile(&figures, 0.99));
    let (floors, ratios) = match floor {
        None => (String::new(), String::new()),
        Some(floor) => (
            format!("{}, {}", short(floor.median), short(floor.p99)),
            format!("{:.2}, {:.2}", median / floor.median, p99 / floor.p99),
        ),
    };
    format!(
        "| {what} | {} | {} | {} | {} | {} | {floors} | {ratios} |",
        figures.len(),
        short(median),
        short(p99),
        short(figures[0]),
        short(figures[figures.len() - 1]),
    )
}

fn of(drills: &[Measured], figure: Figure, is: impl Fn(&Measured) -> bool) -> Vec<f64> {
    let those = drills.iter().filter(|drill| is(drill));
    sorted(those.filter_map(|drill| drill.figures.get(&figure).copied()))
}

fn sorted(figures: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_unstable_by(f64::total_cmp);
    figures
}

fn median(sorted: &[f64]) -> f64 {
    percentile(sorted, 0.5)
}

/// The smallest figure that at least that share of them does not exceed.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted
        .get(rank.saturating_sub(1))
        .copied()
        .unwrap_or(f64::NAN)
}

/// With a unit, and no more digits than mean something.
fn short(ms: f64) -> String {
    match ms {
        ms if ms.abs() >= 1_000.0 => format!("{:.2} s", ms / 1_000.0),
        ms if ms.abs() >= 10.0 => format!("{ms:.0} ms"),
        ms => format!("{ms:.2} ms"),
    }
}

fn ms(length: Duration) -> f64 {
    length.as_secs_f64() * 1_000.0
}
