//! What many streams at once took of memory goes back to the system when they are gone.

use std::time::Duration;

use tollgate_load::{Arrivals, Load, Plan, ProcessTree, Target};
use tollgate_mock::Scenario;

use super::harness::until;
use super::one_worker::OneWorker;

/// They come and go one by one, as many at once as connections to the upstream are kept for a minute: so nothing is
/// freed later that would remind the allocator of what it still has.
const STREAMS_PER_SECOND: f64 = 75.0;
const LASTS: Duration = Duration::from_secs(6);
/// At once at most: each has two files open here and two in the gateway.
const STREAMS_MAX: usize = 128;
const STREAM_EVENTS: usize = 15;
const EVENT_BYTES: usize = 300;
const EVENT_GAP_MS: u64 = 100;
/// Of what the streams took; the connections to the upstream that are kept for the next ones hold some.
const LEFT_MAX: f64 = 0.5;
/// Before any of it is given back most of it is still there: so this is known to measure something.
const TAKEN_MIN_BYTES: u64 = 4 << 20;
const BODY: &str =
    r#"{"model":"mock-slow","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;

/// Streams for so long; the most memory that `gateway` had meanwhile.
async fn streams(gateway: ProcessTree, target: Target, duration: Duration) -> u64 {
    let plan = Plan {
        arrivals: Arrivals::Constant { per_second: STREAMS_PER_SECOND },
        connections: STREAMS_MAX,
        warm_up: Duration::ZERO,
        duration,
        seed: 1,
    };
    let load = Load { target, plan };
    let mut running = std::pin::pin!(tollgate_load::run(&load));
    let mut most = 0;
    loop {
        tokio::select! {
            measured = &mut running => {
                assert_eq!(measured.failed(), 0, "{:?}", measured.failures);
                return most;
            }
            () = tokio::time::sleep(Duration::from_millis(50)) => {
                most = most.max(gateway.used().rss_bytes);
            }
        }
    }
}

#[test]
fn what_many_streams_took_goes_back_when_they_are_gone() {
    let scenario = Scenario::load(STREAM_EVENTS, EVENT_BYTES, EVENT_GAP_MS);
    let gateway = OneWorker::start("slow", scenario);
    let runtime = &gateway.runtime;
    let tree = || ProcessTree::new(gateway.process.id());
    let url = gateway.url("/v1/chat/completions");
    let target = runtime.block_on(Target::new(&url, BODY)).unwrap();

    runtime.block_on(streams(tree(), target.clone(), LASTS / 30));
    let before = tree().used().rss_bytes;
    let most = runtime.block_on(streams(tree(), target, LASTS));
    let taken = most.saturating_sub(before);
    assert!(taken >= TAKEN_MIN_BYTES, "{taken} bytes are too few to tell");
    until("most of it is back", || {
        let left = tree().used().rss_bytes.saturating_sub(before);
        eprintln!("{left} of {taken} bytes");
        left as f64 <= taken as f64 * LEFT_MAX
    });
}
