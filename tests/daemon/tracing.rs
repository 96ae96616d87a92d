//! Spans of an outage, as a collector takes them in.

use std::collections::BTreeSet;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use super::stage::Stage;
use super::wait;

async fn collector() -> (String, mpsc::UnboundedReceiver<Span>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, spans) = mpsc::unbounded_channel();
    let router = Router::new()
        .route("/v1/traces", post(take))
        .with_state(sender);
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, spans)
}

async fn take(State(sender): State<mpsc::UnboundedSender<Span>>, body: Bytes) {
    let request = ExportTraceServiceRequest::decode(body).expect("OTLP in protobuf");
    for resource in request.resource_spans {
        for scope in resource.scope_spans {
            for span in scope.spans {
                let _ = sender.send(span);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_one_trace_with_its_steps_and_their_calls() {
    let (url, mut spans) = collector().await;
    let stage = Stage::new().await;
    stage.edit(
        "[guards]",
        &format!("[tracing]\notlp_url = \"{url}\"\n\n[guards]"),
    );
    let mut daemon = stage.steady().await;
    stage.lose_home();
    daemon
        .shows("the run completes", |metrics| metrics.closed("completed"))
        .await;
    // The trace's id is known from the run's.
    let id = Sha256::digest("shop-1")[..16].to_vec();
    let mut names = BTreeSet::new();
    let mut of_run: Vec<Span> = Vec::new();
    let gathered = async {
        while let Some(span) = spans.recv().await {
            names.insert(span.name.clone());
            if span.trace_id == id {
                of_run.push(span);
            }
            if of_run.iter().any(|span| span.name == "shop-1") {
                return;
            }
        }
    };
    tokio::time::timeout(wait::PATIENCE, gathered)
        .await
        .unwrap_or_else(|_| panic!("no span of the run came; {names:?}"));
    let root = of_run.iter().find(|span| span.name == "shop-1").unwrap();
    assert!(root.parent_span_id.is_empty());
    assert!(root.end_time_unix_nano > root.start_time_unix_nano);
    let step = |name: &str| {
        let found = of_run.iter().find(|span| span.name == name);
        found.unwrap_or_else(|| panic!("no span {name:?}: {names:?}"))
    };
    for name in ["decide", "commit promote-database", "look flip-dns"] {
        assert_eq!(step(name).parent_span_id, root.span_id, "{name}");
    }
    let call = step("call promote-database");
    assert_eq!(call.parent_span_id, root.span_id);
    let sent = of_run
        .iter()
        .find(|span| span.name == "RDS.FailoverGlobalCluster")
        .expect("the SDK's own span");
    assert_eq!(sent.parent_span_id, call.span_id);
    let probed = |name: &String| name.starts_with("probe shop/eu-west-1/");
    assert!(names.iter().any(probed), "{names:?}");
    drop(daemon);
    stage.strike().await;
}
