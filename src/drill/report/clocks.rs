//! From moments to the four clocks.

use super::Clocks;
use super::data::seconds_after;
use crate::model::Wall;

/// The moments the clocks run between, as far as they came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// The fault, or the operator's word.
    pub start: Wall,
    /// The quorum's verdict became `down`.
    pub verdict: Option<Wall>,
    /// The run was committed.
    pub opened: Option<Wall>,
    /// Its last step came to rest.
    pub executed: Option<Wall>,
    /// The verifying step was done.
    pub verified: Option<Wall>,
    /// Users were served as before, reads and writes, and stayed so.
    pub whole: Option<Wall>,
}

impl Marks {
    /// The clocks. `decide` of a run that a person asked for counts from that word.
    pub fn clocks(&self) -> Clocks {
        let between = |from: Option<Wall>, to: Option<Wall>| Some(seconds_after(from?, to?));
        Clocks {
            detect_s: between(Some(self.start), self.verdict),
            decide_s: between(self.verdict.or(Some(self.start)), self.opened),
            execute_s: between(self.opened, self.executed),
            total_s: between(Some(self.start), self.whole.or(self.verified)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: u64) -> Wall {
        Wall(1_700_000_000_000 + s * 1_000)
    }

    #[test]
    fn each_clock_counts_from_where_the_one_before_ended() {
        let marks = Marks {
            start: at(0),
            verdict: Some(at(17)),
            opened: Some(at(48)),
            executed: Some(at(230)),
            verified: Some(at(210)),
            whole: Some(at(190)),
        };
        assert_eq!(
            marks.clocks(),
            Clocks {
                detect_s: Some(17.0),
                decide_s: Some(31.0),
                execute_s: Some(182.0),
                total_s: Some(190.0),
            }
        );
    }

    #[test]
    fn a_switchover_is_decided_from_the_operators_word_and_detects_nothing() {
        let marks = Marks {
            start: at(0),
            opened: Some(at(1)),
            executed: Some(at(90)),
            verified: Some(at(80)),
            ..Marks::default()
        };
        let clocks = marks.clocks();
        assert_eq!(clocks.detect_s, None);
        assert_eq!(clocks.decide_s, Some(1.0));
        assert_eq!(clocks.total_s, Some(80.0), "users never suffered");
    }

    #[test]
    fn what_never_came_is_not_timed() {
        let marks = Marks {
            start: at(0),
            verdict: Some(at(17)),
            ..Marks::default()
        };
        let clocks = marks.clocks();
        assert_eq!(clocks.decide_s, None);
        assert_eq!(clocks.execute_s, None);
        assert_eq!(clocks.total_s, None);
    }
}
