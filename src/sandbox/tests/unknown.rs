//! What the sandbox does not know it says aloud.

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::{ACTIVE, Bench, refused};

const UNKNOWN: &str = "SandboxNotImplemented";

#[tokio::test]
async fn unknown_operations_are_errors_and_remembered() {
    let bench = Bench::new().await;
    let unknown = || (UNKNOWN.to_owned(), 501);
    let error = bench.route53().get_hosted_zone_count().send().await;
    assert_eq!(refused(&error.unwrap_err()), unknown());
    let error = bench.accelerator().list_accelerators().send().await;
    assert_eq!(refused(&error.unwrap_err()), unknown());
    let error = bench.rds(ACTIVE).describe_db_instances().send().await;
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
    assert_eq!(bench.world.unknown_operations().len(), 7);
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

async fn status_line(url: String, header: &str) -> String {
    let address = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request =
        format!("POST / HTTP/1.1\r\nhost: {address}\r\n{header}content-length: 0\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).await.unwrap();
    line
}
