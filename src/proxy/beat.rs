//! One timer that is always running on each worker, so that those of requests cost no system call.
//!
//! A runtime that is told of a timer which is due before all that it knew of when it last went to
//! sleep wakes its own poller, by a write to an event file: most requests would pay for that write and
//! for the look at the file that follows. Their deadlines are seconds away. Where something is always
//! due earlier, none of them is news.

use std::cell::Cell;
use std::time::Duration;

use tokio::time::sleep;

/// Deadlines closer than this still wake the poller; an idle worker wakes up as often.
const BEAT: Duration = Duration::from_millis(500);

thread_local! {
    static BEATS: Cell<bool> = const { Cell::new(false) };
}

/// Starts the timer of this worker, if it does not run yet. It ends with the runtime.
pub(crate) fn start() {
    if BEATS.replace(true) {
        return;
    }
    tokio::spawn(async {
        loop {
            sleep(BEAT).await;
        }
    });
}
