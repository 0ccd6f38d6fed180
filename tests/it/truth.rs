//! The truth score, small enough for every run of the tests; `benches/truth` is the whole of it.

use std::time::Duration;

use crate::harness::free_port;

#[path = "../../benches/truth/replay/mod.rs"]
mod replay;

/// Enough for several calls of every kind.
const CALLS: usize = 300;
/// Other tests run beside this one, without optimisation: the bench holds 2 ms in 99 of 100 cases.
/// Here every other one is as good as this,
const FIRST_CONTENT_OFF_HALF: Duration = Duration::from_millis(100);
/// and 99 of 100 are as good as this.
const FIRST_CONTENT_OFF_MAX: Duration = Duration::from_secs(5);

#[test]
fn what_is_stored_of_scripted_calls_is_true() {
    let options = replay::Options {
        calls: CALLS,
        seed: 1,
        callers: 4,
        first_content_off_max: FIRST_CONTENT_OFF_MAX,
        port: free_port,
    };
    let score = replay::replay(&options).unwrap();
    assert!(score.is_perfect(), "{}\n{score}", score.told());
    assert!(score.off_at(50) <= FIRST_CONTENT_OFF_HALF, "{score}");
}
