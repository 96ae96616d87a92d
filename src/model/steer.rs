//! How each Region is steered: what the members' `/steer` answers to health checks, agreed in the
//! ledger and therefore moved without any control plane.
//!
//! A Region that nobody has steered follows its role, so that what health checks see is right from the
//! first day and stays right when an application is moved by other levers:
//!
//! | the Region | open |
//! | --- | --- |
//! | serves now (`AppState::active`, else the home) | yes |
//! | is the home, and another serves | no: it was left |
//! | `role = "active"`, and not the home | yes: it serves beside the others |
//! | any other | no |
//!
//! What was steered holds until the application is moved without steering it: a run that moves it and
//! has not itself steered its two Regions hands them back to their roles (`run::apply` sees to that).
//! Otherwise a failback by dials would leave the home closed for ever, because a run of last month had
//! closed it.

use std::collections::BTreeSet;

use super::{AppState, Application, RegionId, Role};

/// How one Region stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Steered {
    /// Whether health checks are told that it serves.
    pub open: bool,
    /// Whether a run has said so; by its role otherwise.
    pub by_run: bool,
}

impl Steered {
    /// `open` or `closed`.
    pub fn as_str(self) -> &'static str {
        open_word(self.open)
    }
}

/// `open` or `closed`.
pub fn open_word(open: bool) -> &'static str {
    if open { "open" } else { "closed" }
}

impl Application {
    /// The Regions that stand open as long as nobody steers them.
    pub fn open_by_role(&self, known: Option<&AppState>) -> BTreeSet<RegionId> {
        if self.is_active_active() {
            let gone = |region: &RegionId| {
                let taken = known.and_then(|known| known.away.get(region));
                taken.is_some_and(|taken| taken.executed)
            };
            let open = self.sharing().filter(|region| !gone(&region.name));
            return open.map(|region| region.name.clone()).collect();
        }
        let active = known.and_then(|known| known.active.as_ref());
        let serves = active.unwrap_or(&self.home);
        let beside = |name: &RegionId, role: Role| match role {
            Role::Active => name != &self.home,
            Role::Standby => false,
        };
        let open = self
            .regions
            .iter()
            .filter(|region| &region.name == serves || beside(&region.name, region.role));
        open.map(|region| region.name.clone()).collect()
    }

    /// How that Region is steered; `None` for one that is not the application's.
    pub fn steered(&self, known: Option<&AppState>, region: &RegionId) -> Option<Steered> {
        self.region(region)?;
        let said = known.and_then(|known| known.steer.get(region));
        Some(Steered {
            open: match said {
                Some(open) => *open,
                None => self.open_by_role(known).contains(region),
            },
            by_run: said.is_some(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::fixtures::{app_region, application};

    const HOME: &str = "eu-west-1";
    const STANDBY: &str = "eu-central-1";
    const BESIDE: &str = "us-east-1";

    fn three() -> Application {
        let mut app = application();
        app.home = HOME.into();
        app.regions = vec![
            app_region(HOME, Role::Active),
            app_region(STANDBY, Role::Standby),
            app_region(BESIDE, Role::Active),
        ];
        app
    }

    fn open(app: &Application, known: Option<&AppState>) -> Vec<&'static str> {
        [HOME, STANDBY, BESIDE]
            .into_iter()
            .filter(|region| {
                app.steered(known, &RegionId::from(*region))
                    .is_some_and(|steered| steered.open)
            })
            .collect()
    }

    #[test]
    fn what_nobody_steers_follows_its_role_wherever_the_application_is_moved() {
        let app = three();
        assert_eq!(open(&app, None), [HOME, BESIDE]);
        let moved = |to: &str| AppState {
            active: Some(to.into()),
            ..AppState::default()
        };
        assert_eq!(open(&app, Some(&moved(STANDBY))), [STANDBY, BESIDE]);
        assert_eq!(open(&app, Some(&moved(BESIDE))), [BESIDE]);
        assert_eq!(open(&app, Some(&moved(HOME))), [HOME, BESIDE]);
    }

    #[test]
    fn what_a_run_has_said_goes_before_the_role() {
        let app = three();
        let mut known = AppState::default();
        known.steer.insert(HOME.into(), false);
        known.steer.insert(STANDBY.into(), true);
        assert_eq!(open(&app, Some(&known)), [STANDBY, BESIDE]);
        let said = app.steered(Some(&known), &HOME.into()).unwrap();
        assert_eq!((said.as_str(), said.by_run), ("closed", true));
        assert_eq!(app.steered(Some(&known), &"ap-south-1".into()), None);
    }
}
