//! CloudWatch's lag metric, and STS.

use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    Datapoint, Dimension, Metric, MetricDataQuery, MetricStat, ScanBy, Statistic,
};

use super::{ACTIVE, Bench, STANDBY, refused, region};
use crate::model::Millis;
use crate::sandbox::Fault;

fn dimension(name: &str, value: &str) -> Dimension {
    Dimension::builder().name(name).value(value).build()
}

impl Bench {
    fn moment(&self, ago_s: u64) -> DateTime {
        let at = self.world.now() - Millis::from_secs(ago_s);
        DateTime::from_millis(i64::try_from(at.0).unwrap())
    }

    async fn lag(&self, at: &str, dimensions: Vec<Dimension>) -> Vec<Datapoint> {
        self.cloudwatch(at)
            .get_metric_statistics()
            .namespace("AWS/RDS")
            .metric_name("AuroraGlobalDBRPOLag")
            .set_dimensions(Some(dimensions))
            .start_time(self.moment(600))
            .end_time(self.moment(0))
            .period(60)
            .statistics(Statistic::Maximum)
            .send()
            .await
            .unwrap()
            .datapoints
            .unwrap_or_default()
    }

    async fn lag_of(&self, at: &str) -> Vec<Datapoint> {
        let cluster = dimension("DBClusterIdentifier", &format!("shop-{at}"));
        self.lag(at, vec![cluster]).await
    }
}

#[tokio::test]
async fn lag_is_known_from_before_the_world_began() {
    let bench = Bench::new().await;
    let points = bench.lag_of(STANDBY).await;
    assert!(points.len() >= 8, "{points:?}");
    for point in &points {
        let lag = point.maximum.unwrap();
        assert!((600.0..=1_000.0).contains(&lag), "{lag}");
        assert_eq!(point.unit.as_ref().unwrap().as_str(), "Milliseconds");
    }
    let times: Vec<i64> = points
        .iter()
        .map(|p| p.timestamp.unwrap().to_millis().unwrap())
        .collect();
    assert!(!times.is_sorted(), "unordered, as the service answers");
    assert!(times.iter().all(|t| t % 60_000 == 0));
    let age = bench.world.now().0 as i64 - times.iter().max().unwrap();
    assert!((60_000..120_000).contains(&age), "{age}");
    assert_eq!(points, bench.lag_of(STANDBY).await, "the same each time");
}

#[tokio::test]
async fn lag_is_published_in_the_secondarys_region_only() {
    let bench = Bench::new().await;
    assert!(bench.lag_of(ACTIVE).await.is_empty());
    let other = dimension("DBClusterIdentifier", "shop-eu-west-1");
    assert!(bench.lag(STANDBY, vec![other]).await.is_empty());
    let more = vec![
        dimension("DBClusterIdentifier", "shop-eu-central-1"),
        dimension("SourceRegion", ACTIVE),
    ];
    assert!(bench.lag(STANDBY, more.clone()).await.is_empty());
    let bench = Bench::with(|s| s.database.lag_has_source_region = true).await;
    assert!(!bench.lag(STANDBY, more).await.is_empty());
}

#[tokio::test]
async fn a_raised_lag_shows_a_minute_later() {
    let bench = Bench::new().await;
    bench.sandbox.inject(Fault::Lag {
        lag: Millis(60_000),
    });
    bench.advance(120);
    let points = bench.lag_of(STANDBY).await;
    let worst = points.iter().filter_map(|p| p.maximum).fold(0.0, f64::max);
    assert!((45_000.0..=75_000.0).contains(&worst), "{worst}");
    let best = points.iter().filter_map(|p| p.maximum).fold(1e9, f64::min);
    assert!(best < 1_001.0, "history stays: {best}");
}

#[tokio::test]
async fn no_lag_is_published_of_a_lost_writer_or_when_unknown() {
    let bench = Bench::new().await;
    bench.sandbox.inject(Fault::RegionDown {
        region: region(ACTIVE),
    });
    bench.advance(240);
    let newest = |points: &[Datapoint]| points.iter().filter_map(|p| p.timestamp).max();
    let last = newest(&bench.lag_of(STANDBY).await).unwrap();
    let age = bench.world.now().0 as i64 - last.to_millis().unwrap();
    assert!(age > 240_000, "nothing since the loss: {age}");

    let bench = Bench::new().await;
    bench.sandbox.inject(Fault::LagUnknown);
    assert!(bench.lag_of(STANDBY).await.is_empty());
    bench.sandbox.clear(&Fault::LagUnknown);
    assert!(!bench.lag_of(STANDBY).await.is_empty());
}

#[tokio::test]
async fn metric_data_comes_in_order() {
    let bench = Bench::new().await;
    let query = || {
        let metric = Metric::builder()
            .namespace("AWS/RDS")
            .metric_name("AuroraGlobalDBRPOLag")
            .dimensions(dimension("DBClusterIdentifier", "shop-eu-central-1"))
            .build();
        let stat = MetricStat::builder()
            .metric(metric)
            .period(60)
            .stat("Average")
            .build();
        MetricDataQuery::builder()
            .id("lag")
            .metric_stat(stat)
            .build()
    };
    let ask = |scan: Option<ScanBy>| {
        bench
            .cloudwatch(STANDBY)
            .get_metric_data()
            .metric_data_queries(query())
            .start_time(bench.moment(600))
            .end_time(bench.moment(0))
            .set_scan_by(scan)
            .send()
    };
    let newest_first = ask(None).await.unwrap();
    let result = &newest_first.metric_data_results()[0];
    assert_eq!(result.values().len(), result.timestamps().len());
    assert!(result.timestamps().is_sorted_by(|a, b| a > b));
    let oldest_first = ask(Some(ScanBy::TimestampAscending)).await.unwrap();
    let result = &oldest_first.metric_data_results()[0];
    assert!(result.timestamps().is_sorted());
}

#[tokio::test]
async fn wrong_questions_are_refused() {
    let bench = Bench::new().await;
    let ask = |period: i32, from: u64, to: u64| {
        bench
            .cloudwatch(STANDBY)
            .get_metric_statistics()
            .namespace("AWS/RDS")
            .metric_name("AuroraGlobalDBRPOLag")
            .start_time(bench.moment(from))
            .end_time(bench.moment(to))
            .period(period)
            .statistics(Statistic::Maximum)
            .send()
    };
    for (period, from, to) in [(61, 60, 0), (60, 0, 60)] {
        let error = ask(period, from, to).await.unwrap_err();
        assert_eq!(refused(&error).1, 400);
        let error = error.into_service_error();
        assert!(error.is_invalid_parameter_value_exception(), "{error:?}");
    }
}

#[tokio::test]
async fn sts_knows_the_caller_and_lends_roles() {
    let bench = Bench::new().await;
    let sts = bench.sts(ACTIVE);
    let who = sts.get_caller_identity().send().await.unwrap();
    assert_eq!(who.account(), Some("123456789012"));
    let role = "arn:aws:iam::123456789012:role/failoverd";
    let lent = sts
        .assume_role()
        .role_arn(role)
        .role_session_name("test")
        .external_id("x")
        .send()
        .await
        .unwrap();
    let credentials = lent.credentials().unwrap();
    assert!(credentials.expiration().secs() > 0);
    let arn = lent.assumed_role_user().unwrap().arn();
    assert!(arn.ends_with(":assumed-role/failoverd/test"), "{arn}");
    let lent = sts
        .assume_role_with_web_identity()
        .role_arn(role)
        .role_session_name("test")
        .web_identity_token("token")
        .send()
        .await
        .unwrap();
    assert!(lent.credentials().is_some());
    let error = sts
        .assume_role()
        .role_arn("no-role")
        .role_session_name("test")
        .send()
        .await
        .unwrap_err();
    assert_eq!(refused(&error), ("ValidationError".to_owned(), 400));
    assert!(bench.world.unknown_operations().is_empty());
}
