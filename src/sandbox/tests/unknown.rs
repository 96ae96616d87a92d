//! What the sandbox does not know it says aloud.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{ACTIVE, Bench, refused};
use crate::sandbox::decode;

const UNKNOWN: &str = "SandboxNotImplemented";

#[tokio::test]
async fn unknown_operations_are_errors_and_remembered() {
    let bench = Bench::new().await;
    let unknown = || (UNKNOWN.to_owned(), 501);
    let error = bench.route53().get_hosted_zone_count().send().await;
    assert_eq!(refused(&error.unwrap_err()), unknown());
    let error = bench.accelerator().list_accelerators().send().await;
    assert_eq!(refused(&error.unwrap_err()), unknown());
    let error = bench.rds(ACTIVE).describe_db_engine_versions().send().await;
    assert_eq!(refused(&error.unwrap_err()), unknown());
    let error = bench.eks(ACTIVE).list_clusters().send().await;
    assert_eq!(refused(&error.unwrap_err()), unknown());
    let autoscaling = bench.autoscaling(ACTIVE);
    let error = autoscaling.describe_account_limits().send().await;
    assert_eq!(refused(&error.unwrap_err()), unknown());
    let error = bench.cloudwatch(ACTIVE).list_dashboards().send().await;
    assert_eq!(refused(&error.unwrap_err()), unknown());
    let error = bench.sts(ACTIVE).get_session_token().send().await;
    assert_eq!(refused(&error.unwrap_err()), unknown());
    let error = bench.iam("us-east-1").list_users().send().await;
    assert_eq!(refused(&error.unwrap_err()), unknown());
    assert_eq!(bench.world.unknown_operations().len(), 8);
}

#[tokio::test]
async fn unknown_parameters_are_not_passed_over() {
    let bench = Bench::new().await;
    let error = bench
        .accelerator()
        .update_endpoint_group()
        .endpoint_group_arn(bench.group_arn(ACTIVE))
        .threshold_count(2)
        .send()
        .await
        .unwrap_err();
    assert_eq!(refused(&error).1, 501);
    let known = bench.world.unknown_operations();
    assert!(known[0].contains("ThresholdCount"), "{known:?}");
}

#[tokio::test]
async fn requests_without_a_scope_are_refused() {
    let bench = Bench::new().await;
    let ask =
        |authorization: &'static str| status_line(bench.sandbox.endpoint_url(), authorization);
    assert!(ask("").await.contains("403"));
    assert!(ask("authorization: Bearer x\r\n").await.contains("403"));
    let other = "authorization: AWS4-HMAC-SHA256 Credential=A/20260101/eu-west-1/s3/aws4_request, Signature=0\r\n";
    assert!(ask(other).await.contains("501"));
    assert_eq!(bench.world.unknown_operations().len(), 3);
}

#[tokio::test]
async fn cloudwatch_still_answers_the_query_protocol() {
    let bench = Bench::new().await;
    let now = bench.world.now();
    let moment = |ago: u64| {
        let at = i64::try_from(now.0 - ago).unwrap();
        jiff::Timestamp::from_millisecond(at).unwrap().to_string()
    };
    let body = format!(
        "Action=GetMetricStatistics&Version=2010-08-01&Namespace=AWS%2FRDS\
         &MetricName=AuroraGlobalDBRPOLag&Period=60&Statistics.member.1=Maximum\
         &Dimensions.member.1.Name=DBClusterIdentifier\
         &Dimensions.member.1.Value=shop-eu-central-1&StartTime={}&EndTime={}",
        moment(600_000),
        moment(0)
    );
    let scope = "authorization: AWS4-HMAC-SHA256 Credential=A/20260101/eu-central-1/monitoring/aws4_request, Signature=0\r\n";
    let answer = post(bench.sandbox.endpoint_url(), scope, &body).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("<Datapoints><member>"), "{answer}");
    assert!(answer.contains("<Timestamp>2026-"), "{answer}");
}

async fn status_line(url: String, header: &str) -> String {
    let answer = post(url, header, "").await;
    answer.lines().next().unwrap_or_default().to_owned()
}

async fn post(url: String, header: &str, body: &str) -> String {
    let address = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "POST / HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{header}content-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[test]
fn a_request_nested_without_end_does_not_end_the_process() {
    let request = |service: &str, path: &str| {
        let (parts, ()) = http::Request::post(path)
            .header(
                "authorization",
                format!("AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/{service}/aws4_request"),
            )
            .body(())
            .unwrap()
            .into_parts();
        parts
    };
    let dots = format!("Action=DescribeGlobalClusters&{}=b", "a.".repeat(400_000));
    let (_, operation, _) = decode(&request("rds", "/"), dots.as_bytes()).unwrap();
    assert_eq!(operation, "DescribeGlobalClusters");
    let elements = "<a>".repeat(300_000);
    let path = "/2013-04-01/hostedzone/Z1/rrset";
    let why = decode(&request("route53", path), elements.as_bytes()).unwrap_err();
    assert!(why.contains("64 deep"), "{why}");
    let lists = "[".repeat(500_000);
    decode(&request("globalaccelerator", "/"), lists.as_bytes()).unwrap_err();
}
