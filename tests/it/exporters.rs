//! Spans on their way to OTLP backends, one of which nobody here wrote.

use std::time::{Duration, Instant};

use crate::client::post;
use crate::harness::{PATIENCE, USUAL, World, free_port};
use crate::rotel::Rotel;

const BODY: &str = r#"{"model":"gpt-4o-mini","messages":[]}"#;

fn world_with(protocol: &str, port: u16, queue: usize) -> World {
    World::new(&format!(
        "{USUAL}genai_telemetry: {{ otlp_endpoint: \"http://127.0.0.1:{port}\", protocol: {protocol}, queue_spans_max: {queue} }}\n\
         telemetry: {{ enabled: true, otlp_endpoint: \"http://127.0.0.1:{port}\", protocol: {protocol}, service_name: tollgate-test }}\n"
    ))
}

/// The value of a counter's line that has all of `parts`.
pub(crate) fn counter(metrics: &str, parts: &[&str]) -> u64 {
    let line = metrics.lines().find(|line| parts.iter().all(|part| line.contains(part)));
    line.and_then(|line| line.rsplit(' ').next()).map_or(0, |value| value.parse().unwrap())
}

#[test]
fn a_backend_that_is_down_does_not_touch_requests_and_what_is_dropped_is_counted() {
    let world = world_with("http", free_port(), 10);
    let calls = |world: &World| {
        let started = Instant::now();
        for _ in 0..40 {
            assert_eq!(post(world.gateway, "/v1/chat/completions", &[], BODY).status, 200);
        }
        started.elapsed()
    };
    let (usual, took) = (calls(&World::usual()), calls(&world));
    let most = 3 * usual + Duration::from_secs(10);
    assert!(took < most, "requests wait for nothing: {took:?}, {usual:?} without");
    world.until_idle();
    let until = Instant::now() + PATIENCE;
    while counter(&world.running().metrics(), &["gateway_spans_stored_total", "queue=\"store\""])
        < 80
    {
        assert!(Instant::now() < until, "the store gets every span: {}", world.running().metrics());
        std::thread::sleep(Duration::from_millis(20));
    }
    let metrics = world.running().metrics();
    let of = |name, more| counter(&metrics, &[name, "queue=\"genai_telemetry\"", more]);
    let dropped = of("gateway_spans_dropped_total", "queue_full");
    let (stored, queued) = (of("gateway_spans_stored_total", ""), of("gateway_spans_queued", ""));
    assert_eq!(dropped, 30, "40 spans, room for 10");
    assert_eq!(stored + queued + dropped, 40, "submitted = delivered + dropped + queued");
}

#[test]
fn a_backend_that_nobody_here_wrote_receives_the_spans_over_grpc_and_http() {
    for protocol in ["grpc", "http"] {
        let (grpc, http) = (free_port(), free_port());
        let world = world_with(protocol, if protocol == "grpc" { grpc } else { http }, 1_000);
        // The backend is not there yet: what is queued until then arrives later.
        assert_eq!(post(world.gateway, "/v1/chat/completions", &[], BODY).status, 200);
        std::thread::sleep(Duration::from_millis(1_500));
        let Some(rotel) = Rotel::start(grpc, http) else { return };
        let trace = crate::harness::trace_id();
        let body = BODY.replace("\"messages\"", "\"stream\":true,\"messages\"");
        post(world.gateway, "/v1/chat/completions", &[&crate::harness::traceparent(&trace)], &body);
        rotel.wait_for(&[
            &trace,
            "chat gpt-4o-mini",
            "POST /v1/chat/completions",
            "gen_ai.usage.output_tokens",
            "tollgate-test",
        ]);
    }
}
