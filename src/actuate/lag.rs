//! The replication lag of an Aurora secondary: `AuroraGlobalDBRPOLag`, which is published in the
//! secondary's own Region only.

use aws_sdk_cloudwatch::types::{Dimension, Statistic};
use aws_smithy_types::DateTime;

use super::aurora::cluster_id;
use super::classify::read_error;
use super::clients::Clients;
use super::no_such_region;
use crate::model::{Application, LagSample, Millis, RegionId, Wall};
use crate::ports::ReadError;

const NAMESPACE: &str = "AWS/RDS";
const METRIC: &str = "AuroraGlobalDBRPOLag";

/// Seconds per datapoint: the finest that the service publishes.
const PERIOD_SECS: i32 = 60;

/// How far back: the newest minute is 1-2 minutes old, and the guard looks at three.
const LOOK_BACK: Millis = Millis::from_mins(10);

/// The last minutes of lag of the cluster in `secondary`, oldest first. Each minute's worst counts.
pub(super) async fn read(
    clients: &Clients,
    application: &Application,
    secondary: &RegionId,
    now: Wall,
) -> Result<Vec<LagSample>, ReadError> {
    let region = application
        .region(secondary)
        .ok_or_else(|| no_such_region(&application.name, secondary))?;
    let what = format!("replication lag of {secondary}");
    let Some(arn) = &region.resources.db_cluster_arn else {
        return Err(ReadError::Refused {
            what,
            code: "no_cluster".to_owned(),
            message: format!("no db_cluster_arn is configured for {secondary}"),
        });
    };
    let mut dimensions = vec![
        Dimension::builder()
            .name("DBClusterIdentifier")
            .value(cluster_id(arn))
            .build(),
    ];
    for (name, value) in &application.resources.lag_dimensions {
        dimensions.push(Dimension::builder().name(name).value(value).build());
    }
    let output = clients
        .cloudwatch(secondary)
        .read
        .get_metric_statistics()
        .namespace(NAMESPACE)
        .metric_name(METRIC)
        .set_dimensions(Some(dimensions))
        .start_time(date(now - LOOK_BACK))
        .end_time(date(now))
        .period(PERIOD_SECS)
        .statistics(Statistic::Maximum)
        .send()
        .await
        .map_err(|error| read_error(&what, &error))?;
    let mut samples: Vec<LagSample> = output
        .datapoints
        .unwrap_or_default()
        .iter()
        .filter_map(|point| {
            let at = point.timestamp?.to_millis().ok()?;
            Some(LagSample {
                at: Wall(u64::try_from(at).ok()?),
                lag: whole_millis(point.maximum?),
            })
        })
        .collect();
    // They come unordered.
    samples.sort();
    Ok(samples)
}

fn date(wall: Wall) -> DateTime {
    DateTime::from_millis(i64::try_from(wall.0).unwrap_or(i64::MAX))
}

/// Rounded up: a guard must not see less than there was.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "never negative; a float too large becomes the largest value"
)]
fn whole_millis(lag: f64) -> Millis {
    Millis(lag.max(0.0).ceil() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actuate::testing::{Canned, Reply, TODAY, actuator};
    use crate::model::AppId;
    use crate::ports::Actuator;
    use ciborium::Value;

    #[test]
    fn lag_is_never_rounded_down() {
        assert_eq!(whole_millis(0.0), Millis(0));
        assert_eq!(whole_millis(812.1), Millis(813));
        assert_eq!(whole_millis(-1.0), Millis(0));
        assert_eq!(whole_millis(f64::INFINITY), Millis(u64::MAX));
    }

    fn datapoints(points: &[(u64, f64)]) -> Vec<u8> {
        let text = |text: &str| Value::Text(text.to_owned());
        let points = points
            .iter()
            .map(|(secs, lag)| {
                Value::Map(vec![
                    (
                        text("Timestamp"),
                        Value::Tag(1, Box::new(Value::Integer((*secs).into()))),
                    ),
                    (text("Maximum"), Value::Float(*lag)),
                ])
            })
            .collect();
        let mut bytes = Vec::new();
        let body = Value::Map(vec![(text("Datapoints"), Value::Array(points))]);
        ciborium::into_writer(&body, &mut bytes).unwrap();
        bytes
    }

    #[tokio::test]
    async fn lag_is_read_in_the_secondarys_region_and_put_in_order() {
        let canned = Canned::start(|_| {
            let body = datapoints(&[
                (1_699_999_940, 812.1),
                (1_699_999_820, 90.0),
                (1_699_999_880, 0.0),
            ]);
            Reply::Answer(200, "application/cbor", body)
        })
        .await;
        let samples = actuator(&canned.url)
            .await
            .read_lag(&AppId::from("shop"), &RegionId::from("us-east-1"))
            .await
            .unwrap();
        let sample = |secs: u64, lag| LagSample {
            at: Wall(secs * 1_000),
            lag: Millis(lag),
        };
        assert_eq!(
            samples,
            [
                sample(1_699_999_820, 90),
                sample(1_699_999_880, 0),
                sample(1_699_999_940, 813)
            ]
        );
        let asked = canned.asked().remove(0);
        assert!(asked.is("GetMetricStatistics"), "{}", asked.head);
        assert_eq!(asked.signed_for(), "us-east-1/monitoring");
        assert!(asked.body.contains("shop-use1"));
        assert_eq!(TODAY, Wall(1_700_000_000_000));
    }

    #[tokio::test]
    async fn a_region_without_a_cluster_has_no_lag() {
        let error = actuator("http://127.0.0.1:9")
            .await
            .read_lag(&AppId::from("shop"), &RegionId::from("sa-east-1"))
            .await
            .unwrap_err();
        assert!(matches!(error, ReadError::Refused { .. }), "{error:?}");
    }
}
