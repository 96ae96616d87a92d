//! What a plan must know of Regions that serve side by side: who goes on serving, and that somebody
//! does.

use crate::model::{AppRegion, HoldReason, RegionId, RunKind};

use super::{PlanRequest, Scene, impossible};

/// The Regions that serve beside the one that is left or given its share back.
///
/// # Errors
/// The run would leave nobody, take away what is away, or give back what is not.
pub(super) fn carriers<'a>(
    request: &PlanRequest<'a>,
    from: &AppRegion,
    to: &AppRegion,
) -> Result<Vec<&'a AppRegion>, HoldReason> {
    let PlanRequest { app, state, .. } = request;
    let is_away = |region: &RegionId| state.is_away(&app.name, region);
    let away = |region: &AppRegion| {
        Err(HoldReason::ShiftedAway {
            region: region.name.clone(),
        })
    };
    if !request.kind.moves_share() {
        // Also the writer alone does not go where nobody is served.
        return if is_away(&to.name) {
            away(to)
        } else {
            Ok(Vec::new())
        };
    }
    if !app.is_active_active() {
        let why = format!(
            "{} serves from one Region at a time: give each of its active Regions a `share`, or use a failover",
            app.name
        );
        return Err(impossible(None, why));
    }
    let (moved, beside) = match request.kind {
        RunKind::Shift => (from, to),
        RunKind::Failover | RunKind::Switchover | RunKind::Failback | RunKind::Return => (to, from),
    };
    if moved.share.is_none() {
        let why = format!("{} has no `share` that could be moved", moved.name);
        return Err(impossible(None, why));
    }
    match (request.kind, is_away(&moved.name)) {
        (RunKind::Shift, true) => return away(moved),
        (RunKind::Return, false) => {
            return Err(HoldReason::NotAway {
                region: moved.name.clone(),
            });
        }
        (
            RunKind::Failover
            | RunKind::Switchover
            | RunKind::Failback
            | RunKind::Shift
            | RunKind::Return,
            true | false,
        ) => {}
    }
    let carriers: Vec<&AppRegion> = app
        .serving(state)
        .filter(|region| region.name != moved.name && request.carriers.contains(&region.name))
        .collect();
    if carriers.is_empty() {
        return Err(HoldReason::NobodyLeft {
            region: moved.name.clone(),
        });
    }
    if !carriers.iter().any(|region| region.name == beside.name) {
        let names: Vec<&str> = carriers.iter().map(|region| region.name.as_str()).collect();
        let why = format!(
            "{} is none of those that go on serving ({})",
            beside.name,
            names.join(", ")
        );
        return Err(impossible(None, why));
    }
    Ok(carriers)
}

impl<'a> Scene<'a> {
    /// The scene as a step sees it that is about this one of the others.
    pub(super) fn about(&self, carrier: &'a AppRegion) -> Self {
        Self {
            carrier: Some(carrier),
            ..self.clone()
        }
    }

    /// Where the writer is.
    pub(super) fn writer(&self) -> &'a RegionId {
        let app = self.app();
        self.request.state.serves_from(&app.name, &app.home)
    }

    /// Whose users the others serve once the run is done, and who the others are.
    pub(super) fn gone_and_carriers(&self) -> (Vec<&'a AppRegion>, Vec<&'a AppRegion>) {
        let app = self.app();
        let kind = self.request.kind;
        let mut carriers = self.carriers.clone();
        let mut gone: Vec<&AppRegion> = app
            .sharing()
            .filter(|region| self.request.state.is_away(&app.name, &region.name))
            .collect();
        match kind {
            RunKind::Shift => gone.push(self.from),
            RunKind::Return => {
                gone.retain(|region| region.name != self.to.name);
                carriers.push(self.to);
            }
            RunKind::Failover | RunKind::Switchover | RunKind::Failback => {}
        }
        (gone, carriers)
    }
}
