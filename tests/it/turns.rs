//! More streams than one worker can pass on at once: all of them get there, and what is asked meanwhile is answered.
//! A process, since the workers of tests that share one take tasks from each other, and then there are no turns.

use std::time::Duration;

use tollgate_load::{Arrivals, Load, Plan, Target};
use tollgate_mock::Scenario;

use super::one_worker::OneWorker;

/// At once; a turn has 32 events.
const STREAMS: usize = 160;
const STREAM_EVENTS: usize = 100;
const EVENT_BYTES: usize = 240;
const LASTS: Duration = Duration::from_secs(2);
/// Of plain requests meanwhile.
const PLAIN_PER_SECOND: f64 = 50.0;
const PATH: &str = "/v1/chat/completions";
const STREAM: &str =
    r#"{"model":"mock-crowd","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
const PLAIN: &str = r#"{"model":"mock-crowd","messages":[{"role":"user","content":"hi"}]}"#;

fn load(target: Target, arrivals: Arrivals) -> Load {
    let plan =
        Plan { arrivals, connections: STREAMS, warm_up: Duration::ZERO, duration: LASTS, seed: 1 };
    Load { target, plan }
}

#[test]
fn streams_that_take_turns_arrive_whole_and_plain_requests_meanwhile() {
    let gateway = OneWorker::start("crowd", Scenario::load(STREAM_EVENTS, EVENT_BYTES, 1));
    let url = gateway.url(PATH);
    let (direct, streams, plain) = gateway.runtime.block_on(async {
        let direct = Target::new(&gateway.mock.url(PATH), STREAM).await.unwrap();
        let stream = Target::new(&url, STREAM).await.unwrap();
        let plain = Target::new(&url, PLAIN).await.unwrap();
        let one = Plan {
            connections: 1,
            duration: LASTS / 10,
            ..load(direct.clone(), Arrivals::Closed).plan
        };
        let direct = tollgate_load::run(&Load { target: direct, plan: one }).await;
        let (streams, plain) = (
            load(stream, Arrivals::Closed),
            load(plain, Arrivals::Constant { per_second: PLAIN_PER_SECOND }),
        );
        let (streams, plain) =
            tokio::join!(tollgate_load::run(&streams), tollgate_load::run(&plain));
        (direct, streams, plain)
    });
    for (what, measured) in [("direct", &direct), ("streams", &streams), ("plain", &plain)] {
        assert_eq!(measured.failed(), 0, "{what}: {:?}", measured.failures);
        assert!(measured.requests > 0, "{what}");
    }
    let whole = direct.events / direct.requests;
    assert!(whole >= STREAM_EVENTS as u64, "{whole} events of a stream");
    assert_eq!(streams.events, streams.requests * whole, "of {} streams", streams.requests);
}
