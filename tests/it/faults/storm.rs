//! One of three targets is down, and nobody notices.

use std::io::Write;

use super::{counter, in_parallel};
use crate::client::{connect, read, request};
use crate::harness::{World, free_port};

const REQUESTS: usize = 2_000;
const CONNECTIONS: usize = 8;
const BODY: &str = r#"{"model":"storm","messages":[{"role":"user","content":"hi"}]}"#;

fn no_error_is_seen(strategy: &str) -> u64 {
    let down = free_port();
    let world = World::new(&format!(
        r#"
providers:
  down: {{ base_url: "http://127.0.0.1:{down}/v1", models: [m], auth_type: none }}
  two:  {{ base_url: "{{mock}}/@two/v1", models: [m], auth_type: none }}
  three: {{ base_url: "{{mock}}/@three/v1", models: [m], auth_type: none }}
targets:
  a: {{ model: m, provider: down }}
  b: {{ model: m, provider: two }}
  c: {{ model: m, provider: three }}
routes: {{ storm: {{ models: [storm], strategy: {strategy}, targets: [a, b, c] }} }}
routing: {{ retry: {{ max_retries: 1, backoff_base_ms: 2 }} }}
"#
    ));
    let bytes = request("POST", "/v1/chat/completions", &[], BODY.as_bytes());
    in_parallel(&[(); CONNECTIONS], |()| {
        let mut stream = connect(world.gateway);
        for _ in 0..REQUESTS / CONNECTIONS {
            stream.write_all(&bytes).unwrap();
            let answer = read(&mut stream, usize::MAX).unwrap();
            assert_eq!(answer.status, 200, "{}", answer.text());
            assert!(answer.complete);
        }
    });
    assert_eq!(
        counter(&world, "gateway_requests_finished_total", "complete"),
        REQUESTS as u64,
        "each is one finished request"
    );
    let excluded = counter(
        &world,
        "gateway_retry_target_exclusions_total",
        "gateway_retry_excluded_target=\"a\"",
    );
    assert_eq!(counter(&world, "gateway_retry_target_exclusions_total", ""), excluded);
    assert_eq!(counter(&world, "gateway_retry_attempts_total", ""), excluded);
    assert_eq!(counter(&world, "gateway_retry_exhaustion_resets_total", ""), 0);
    excluded
}

#[test]
fn two_thousand_requests_through_fallback_see_no_error() {
    assert_eq!(no_error_is_seen("fallback"), REQUESTS as u64);
}

#[test]
fn two_thousand_requests_through_weighted_see_no_error() {
    let excluded = no_error_is_seen("weighted");
    // A third of them draw the one that is down; six standard deviations are 126.
    assert!((541..=793).contains(&excluded), "{excluded} of {REQUESTS}");
}
