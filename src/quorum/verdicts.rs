//! Since when each verdict stands: what the hold-down counts.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::model::{AppId, Millis, Mono, RegionId, Verdict};

use super::judge::Judgement;

/// The verdicts on every Region, each with the moment since which it has not changed.
///
/// Invariant: `since` goes back only over judgements that all agree and between which no vote can
/// have come and gone unseen. So a hold-down starts again when the verdict leaves `Down` for one
/// moment, and also when nobody looked for longer than a vote stays fresh.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Verdicts {
    known: BTreeMap<(AppId, RegionId), Known>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Known {
    verdict: Verdict,
    judged_at: Mono,
}

impl Verdicts {
    /// No verdict on anything.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in the judgement of this moment and gives back the verdict with its `since`.
    /// `freshness` is the application's: how long a vote counts.
    pub fn observe(
        &mut self,
        now: Mono,
        app: &AppId,
        freshness: Millis,
        judgement: Judgement,
    ) -> &Verdict {
        let key = (app.clone(), judgement.region.clone());
        let since = self
            .known
            .get(&key)
            .filter(|known| known.verdict.state == judgement.state)
            .filter(|known| now.since(known.judged_at) <= freshness)
            .map_or(now, |known| known.verdict.since);
        let known = Known {
            verdict: Verdict {
                region: judgement.region,
                state: judgement.state,
                tally: judgement.tally,
                since,
                failing_since: judgement.failing_since,
            },
            judged_at: now,
        };
        match self.known.entry(key) {
            Entry::Occupied(mut entry) => {
                entry.insert(known);
                &entry.into_mut().verdict
            }
            Entry::Vacant(entry) => &entry.insert(known).verdict,
        }
    }

    /// This member could not trust itself until `now`: nothing is continuous over that.
    pub fn interrupt(&mut self, now: Mono) {
        for known in self.known.values_mut() {
            known.verdict.since = now;
        }
    }

    /// The last verdict on that Region.
    pub fn get(&self, app: &AppId, region: &RegionId) -> Option<&Verdict> {
        let key = (app.clone(), region.clone());
        self.known.get(&key).map(|known| &known.verdict)
    }

    /// The last verdicts on each Region of that application, by the Region's name.
    pub fn of(&self, app: &AppId) -> Vec<Verdict> {
        self.known
            .iter()
            .filter(|((name, _), _)| name == app)
            .map(|(_, known)| known.verdict.clone())
            .collect()
    }
}
