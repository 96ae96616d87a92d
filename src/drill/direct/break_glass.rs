//! A person moves the application without any member: the same engine on a journal of its own.

use std::sync::Arc;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;

use crate::actuate::AwsOptions;
use crate::controller::{RequestId, RunRequest};
use crate::daemon::alone::{self, Alone, AloneOptions};
use crate::drill::stage::DrillError;
use crate::model::{RegionId, RunKind, Wall};

use super::{Director, PERSON};

/// Its access key: whose requests AWS has received.
pub(super) const CALLER: &str = "AKIABREAKGLASS";

impl Director<'_> {
    /// Begins it, as `failoverctl break-glass` does, and leaves it to run.
    pub(super) async fn break_glass(
        &mut self,
        to: RegionId,
        reason: String,
        now: Wall,
    ) -> Result<(), DrillError> {
        let failed = |why: String| DrillError::Scenario {
            why: format!("break-glass: {why}"),
        };
        // The sandbox reads whose a signature is, and does not check it.
        let credentials = Credentials::new(CALLER, "drill", None, None, "drill");
        let alone = Alone::start(AloneOptions {
            config: self.stage.config.clone(),
            clock: Arc::clone(&self.stage.clock),
            app: self.app.clone(),
            to: to.clone(),
            journal: self.stage.journal(),
            by: PERSON.to_owned(),
            reason: reason.clone(),
            assumed_epoch: None,
            aws: Some(AwsOptions {
                credentials: Some(SharedCredentialsProvider::new(credentials)),
                home: Some(to.clone()),
            }),
        })
        .await
        .map_err(|error| failed(error.to_string()))?;
        self.stage.cast.record().follow(
            alone::ME.into(),
            alone.handle().snapshots(),
            alone.handle().notices(),
            Arc::clone(&self.stage.clock),
        );
        let missing = alone
            .ready()
            .await
            .map_err(|error| failed(error.to_string()))?;
        for missing in missing {
            self.note(now, &missing);
        }
        let request = RunRequest {
            from: None,
            app: self.app.clone(),
            kind: RunKind::Failover,
            to: Some(to),
            by: PERSON.to_owned(),
            reason,
            allow_data_loss: true,
            plan_hash: None,
            evacuation: None,
            drill: None,
            id: RequestId::default(),
        };
        let started = alone.handle().start(request).await;
        self.alone = Some(alone);
        if let Err(error) = started {
            self.note(now, &format!("break-glass: {error}"));
        }
        Ok(())
    }
}
