//! One timer that is always running on each worker, so that those of requests cost no system call; and what is done
//! when it finds nothing to do.
//!
//! A runtime that is told of a timer which is due before all that it knew of when it last went to
//! sleep wakes its own poller, by a write to an event file: most requests would pay for that write and
//! for the look at the file that follows. Their deadlines are seconds away. Where something is always
//! due earlier, none of them is news.

use std::cell::Cell;
use std::time::Duration;

use tokio::time::sleep;
use tollgate_filters::request::InFlight;

use crate::memory;

/// Deadlines closer than this still wake the poller; an idle worker wakes up as often.
const BEAT: Duration = Duration::from_millis(500);
/// An idle worker gives memory back after 1, 2, 4 … 256 beats: what the first time only found out to be free goes the
/// second time, and what pooled connections take goes once they are closed.
const IDLE_BEATS_MAX: u32 = 256;
/// Fewer requests than these leave nothing worth the walk through a worker's memory.
const REQUESTS_MIN: u64 = 256;

thread_local! {
    /// Requests of this worker so far; none: its timer does not run yet.
    static REQUESTS: Cell<Option<u64>> = const { Cell::new(None) };
}

/// Notes a request, and starts the timer of this worker with the first one. It ends with the runtime.
pub(crate) fn on_request(in_flight: &InFlight) {
    let before = REQUESTS.get();
    REQUESTS.set(Some(before.unwrap_or_default() + 1));
    if before.is_none() {
        tokio::spawn(beat(in_flight.clone()));
    }
}

async fn beat(in_flight: InFlight) {
    let requests = || REQUESTS.get().unwrap_or_default();
    let (mut seen, mut settled) = (0, 0);
    let mut idle_beats = 0_u32;
    loop {
        sleep(BEAT).await;
        let is_idle = in_flight.count() == 0 && requests() == seen;
        seen = requests();
        idle_beats = if is_idle { idle_beats.saturating_add(1) } else { 0 };
        if idle_beats.is_power_of_two() && seen - settled >= REQUESTS_MIN {
            memory::give_back();
        }
        if idle_beats == IDLE_BEATS_MAX {
            settled = seen;
        }
    }
}
