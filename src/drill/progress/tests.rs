use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex};

use super::*;
use crate::model::{AppView, HoldReason, Millis, Mono, Tally, Verdict};

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("unpoisoned").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn view(state: VerdictState, down: &[&str], phase: Phase) -> AppView {
    let all = ["dub", "fra", "lhr"];
    AppView {
        application: "shop".into(),
        active: "eu-west-1".into(),
        phase,
        verdicts: vec![Verdict {
            region: "eu-west-1".into(),
            state,
            tally: Tally {
                members: 3,
                down: down.iter().map(|m| MemberId::from(*m)).collect(),
                dissent: all
                    .iter()
                    .skip(1)
                    .filter(|m| !down.contains(m))
                    .map(|m| MemberId::from(*m))
                    .collect(),
                unusable: vec![],
                inside: vec!["dub".into()],
            },
            since: Mono(0),
            failing_since: None,
        }],
        guards: vec![],
        decision: None,
    }
}

fn blocked(confirmed_for: u64) -> Phase {
    Phase::Blocked {
        region: "eu-west-1".into(),
        reason: HoldReason::HoldDown {
            confirmed_for: Millis::from_secs(confirmed_for),
            required: Millis::from_secs(30),
        },
    }
}

#[test]
fn snapshots_become_lines_and_what_only_counts_down_is_told_once() {
    let out = Buffer::default();
    let progress = Progress::lines(out.clone());
    let mut diff = SnapshotDiff::default();
    let start = Wall(1_700_000_000_000);
    let mut tell = |ms: u64, view: &AppView| {
        progress.push_all(start + Millis(ms), &diff.next(view, None, &BTreeMap::new()));
    };

    tell(0, &view(VerdictState::Up, &[], Phase::Steady));
    progress.start_clocks(start + Millis(20_000));
    progress.push(
        start + Millis(20_000),
        &ProgressEvent::FaultInjected {
            text: "Region home is lost".to_owned(),
        },
    );
    let suspect = Phase::Suspect {
        region: "eu-west-1".into(),
    };
    tell(35_200, &view(VerdictState::Suspect, &["fra"], suspect));
    tell(
        37_400,
        &view(VerdictState::Down, &["fra", "lhr"], blocked(0)),
    );
    tell(
        40_000,
        &view(VerdictState::Down, &["fra", "lhr"], blocked(2)),
    );
    tell(
        45_000,
        &view(VerdictState::Down, &["fra", "lhr"], blocked(7)),
    );

    let text = String::from_utf8(out.0.lock().expect("unpoisoned").clone()).expect("UTF-8");
    insta::assert_snapshot!(text);
}

#[test]
fn a_reader_that_has_gone_away_does_not_end_the_drill() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
    }
    Progress::lines(Closed).push(
        Wall(0),
        &ProgressEvent::Note {
            text: "nobody hears this".to_owned(),
        },
    );
}
