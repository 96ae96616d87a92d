//! Who can reach what. Every vantage sends from a loopback address of its own, so one path can be
//! cut and all others left alone.
//!
//! ```text
//!  127.0.1.1 ──┐                  ┌── Region eu-west-1
//!  127.0.1.2 ──┼── cut? held ─────┼── Region eu-central-1
//!  127.0.1.3 ──┘                  └── references 0, 1, 2
//! ```
//!
//! A cut path loses packets; it refuses nothing. The listener therefore takes the connection (the
//! kernel does that before any program is asked) and never answers it. A bare TCP connect hence
//! still succeeds across a cut: only a request can tell.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::sync::{PoisonError, RwLock};

use crate::model::RegionId;

/// Something that a vantage may fail to reach.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// The endpoints of a Region.
    Region(RegionId),
    /// The reference target of that index, counted from 0.
    Reference(usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Region(region) => write!(f, "Region {region}"),
            Self::Reference(index) => write!(f, "reference target {index}"),
        }
    }
}

/// The paths that lose every packet. All others are whole.
#[derive(Debug, Default)]
pub struct Network {
    cut: RwLock<BTreeSet<(IpAddr, Place)>>,
}

impl Network {
    /// A network in which everybody reaches everything.
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on no packet between `source` and `place` arrives.
    pub fn cut(&self, source: IpAddr, place: Place) {
        let mut cut = self.cut.write().unwrap_or_else(PoisonError::into_inner);
        cut.insert((source, place));
    }

    /// Packets between `source` and `place` arrive again.
    pub fn mend(&self, source: IpAddr, place: &Place) {
        let mut cut = self.cut.write().unwrap_or_else(PoisonError::into_inner);
        cut.remove(&(source, place.clone()));
    }

    /// Cuts `source` off from each of `places`: an observer that is itself isolated loses the
    /// reference targets as well as the Regions.
    pub fn isolate(&self, source: IpAddr, places: impl IntoIterator<Item = Place>) {
        let mut cut = self.cut.write().unwrap_or_else(PoisonError::into_inner);
        cut.extend(places.into_iter().map(|place| (source, place)));
    }

    /// Mends every path of `source`.
    pub fn rejoin(&self, source: IpAddr) {
        let mut cut = self.cut.write().unwrap_or_else(PoisonError::into_inner);
        cut.retain(|(from, _)| *from != source);
    }

    /// Whether packets between the two are lost at this moment.
    pub fn is_cut(&self, source: IpAddr, place: &Place) -> bool {
        let cut = self.cut.read().unwrap_or_else(PoisonError::into_inner);
        // Nothing is cut most of the time, and every request asks.
        !cut.is_empty() && cut.contains(&(source, place.clone()))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const ONE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 1, 1));
    const TWO: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 1, 2));

    fn ireland() -> Place {
        Place::Region("eu-west-1".into())
    }

    #[test]
    fn a_cut_is_of_one_source_and_one_place() {
        let network = Network::new();
        network.cut(ONE, ireland());
        assert!(network.is_cut(ONE, &ireland()));
        assert!(!network.is_cut(TWO, &ireland()));
        assert!(!network.is_cut(ONE, &Place::Region("eu-central-1".into())));
        assert!(!network.is_cut(ONE, &Place::Reference(0)));
        network.mend(ONE, &ireland());
        assert!(!network.is_cut(ONE, &ireland()));
    }

    #[test]
    fn an_isolated_observer_is_alone_in_it_and_comes_back_whole() {
        let network = Network::new();
        let places = [ireland(), Place::Reference(0), Place::Reference(2)];
        network.isolate(ONE, places.clone());
        for place in &places {
            assert!(network.is_cut(ONE, place), "{place}");
            assert!(!network.is_cut(TWO, place), "{place}");
        }
        assert!(!network.is_cut(ONE, &Place::Reference(1)));
        network.rejoin(ONE);
        assert!(places.iter().all(|place| !network.is_cut(ONE, place)));
    }
}
