//! What the sandbox makes of any request: rest-xml, rest-json, json 1.1, query forms, CBOR.
//!
//! The first byte picks the protocol, the first line is the path, the rest is the body.

#![no_main]

use failoverd::sandbox::decode;
use http::Request;
use libfuzzer_sys::fuzz_target;

/// Signing name, method, and the headers that choose a protocol.
const PROTOCOLS: [(&str, &str, &[(&str, &str)]); 9] = [
    ("route53", "POST", &[]),
    ("route53", "GET", &[]),
    ("eks", "POST", &[("content-type", "application/json")]),
    ("eks", "GET", &[]),
    (
        "globalaccelerator",
        "POST",
        &[("x-amz-target", "GlobalAccelerator_V20180706.UpdateEndpointGroup")],
    ),
    ("rds", "POST", &[("content-type", "application/x-www-form-urlencoded")]),
    ("autoscaling", "POST", &[("content-type", "application/x-www-form-urlencoded")]),
    ("monitoring", "POST", &[("smithy-protocol", "rpc-v2-cbor")]),
    ("monitoring", "POST", &[("content-type", "application/x-amz-json-1.0")]),
];

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, rest)) = bytes.split_first() else {
        return;
    };
    let (signing_name, method, headers) = PROTOCOLS[usize::from(*choice) % PROTOCOLS.len()];
    let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let (path, body) = rest.split_at(end);
    let mut request = Request::builder().method(method).uri(path).header(
        "authorization",
        format!(
            "AWS4-HMAC-SHA256 Credential=KEY/20260101/us-east-1/{signing_name}/aws4_request, \
             SignedHeaders=host, Signature=0"
        ),
    );
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    // Not every path is one.
    let Ok(request) = request.body(()) else {
        return;
    };
    let (parts, ()) = request.into_parts();
    let _understood = decode(&parts, body);
});
