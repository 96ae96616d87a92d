//! How much would be lost: the replication lag as it was known before the Region was.

use crate::model::{DataLossGrant, HoldReason, LagSample, Millis, Wall};

use super::guards::{GuardContext, GuardOrigin};

/// How many of the newest lag samples count: one alone may be the lucky minute.
const LAG_SAMPLES: usize = 3;

/// The worst of the last three lag samples of `to` from before the loss, or why it is not known
/// well enough.
///
/// What a failover loses is what had not been replicated when the writer was lost. Samples dated
/// later than the first failed probe do not tell that any more: of a dead writer they may say
/// anything. Without a failed probe (an operator's run) the present is the measure.
pub fn lag_before_loss(ctx: &GuardContext<'_>) -> Result<Millis, HoldReason> {
    let unknown = |why: String| HoldReason::LagUnknown { why };
    let Some(to) = ctx.to else {
        return Err(HoldReason::NoCandidate);
    };
    let lost_at = lost_at(ctx);
    let mut samples: Vec<LagSample> = ctx
        .state
        .apps
        .get(&ctx.app.name)
        .and_then(|app| app.lag.get(to))
        .into_iter()
        .flatten()
        .filter(|sample| sample.at <= lost_at)
        .copied()
        .collect();
    samples.sort();
    let last = &samples[samples.len().saturating_sub(LAG_SAMPLES)..];
    let Some(newest) = last.last() else {
        return Err(unknown(format!(
            "none of {to} was recorded before the loss"
        )));
    };
    let age = lost_at.since(newest.at);
    if age > ctx.app.guards.lag_max_age {
        return Err(unknown(format!(
            "the newest sample of {to} was {age} old when the Region was lost, {} is allowed",
            ctx.app.guards.lag_max_age
        )));
    }
    Ok(last
        .iter()
        .map(|sample| sample.lag)
        .max()
        .unwrap_or(newest.lag))
}

/// The data guard's answer as a number: why the lag forbids going on unasked, or the lag.
pub(super) fn lag_within_rpo(ctx: &GuardContext<'_>) -> Result<Millis, HoldReason> {
    let lag = lag_before_loss(ctx)?;
    let rpo_max = ctx.app.guards.rpo_max;
    if lag > rpo_max {
        return Err(HoldReason::LagTooHigh { lag, rpo_max });
    }
    Ok(lag)
}

/// On whose word this run may lose unreplicated data: an operator's who said so, or the data
/// guard's; nobody's otherwise, and never for a graceful run.
pub fn data_loss_grant(ctx: &GuardContext<'_>) -> Option<DataLossGrant> {
    if ctx.kind.is_graceful() || !ctx.touches.database {
        return None;
    }
    if let Ok(lag) = lag_within_rpo(ctx) {
        return Some(DataLossGrant::WithinRpo {
            lag,
            rpo_max: ctx.app.guards.rpo_max,
        });
    }
    match &ctx.origin {
        GuardOrigin::Operator {
            name,
            allow_data_loss: true,
        } => Some(DataLossGrant::Operator(name.clone())),
        GuardOrigin::Operator { .. } | GuardOrigin::Automatic => None,
    }
}

/// The date of the first failed probe behind the verdict on `from`; now if none failed.
fn lost_at(ctx: &GuardContext<'_>) -> Wall {
    ctx.verdict_on_from()
        .and_then(|verdict| verdict.failing_since)
        .map_or(ctx.now.wall, |since| {
            ctx.now.wall - ctx.now.mono.since(since)
        })
}
