//! Whose event is next, where a worker has more of them than it can pass on at once.
//!
//! A worker does what is ready in the order in which it came. When thousands of streams have an event
//! each, a call that begins would stand behind all of them, and four times: its request, the connection,
//! the answer's head, the first content. Nothing is waited for as that last one is. So a worker passes on
//! a turn of events and looks then what else there is to do; events beyond the turn wait for the next one,
//! in order. A stream takes part in this once its first content has left.

#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::yield_now;

/// Events of one turn.
const TURN_EVENTS: usize = 32;
/// Where many wait, a turn is longer: one in so many of them is passed on.
const TURN_SHARE: usize = 128;

/// Where so many of some sixty tasks were events, more of them may be ready, with a call that begins behind
/// them, as after a pause of the processor: the next turn waits until they have been looked at, so often.
const LOOK_EVENTS: usize = 48;
const LOOKS_MAX: usize = 64;

thread_local! {
    static TURNS: RefCell<Turns> = RefCell::default();
}

/// The events of one worker.
#[derive(Debug, Default)]
struct Turns {
    /// Passed on in this turn.
    passed: usize,
    /// In the order in which they came. A stream that something else woke meanwhile is still here, and is
    /// woken once for nothing.
    waiting: VecDeque<Waker>,
}

/// Clears what a runtime leaves behind that ends in the middle of a turn.
struct Clear;

/// Ready when the task of `cx` may pass an event on. `waits`: it was told to wait, and whatever wakes it
/// is taken for its turn.
pub(super) fn poll(waits: &mut bool, cx: &Context<'_>) -> Poll<()> {
    if std::mem::take(waits) {
        return Poll::Ready(());
    }
    TURNS.with_borrow_mut(|turns| {
        if turns.passed < TURN_EVENTS {
            turns.passed += 1;
            if turns.passed == TURN_EVENTS {
                turns.end_later();
            }
            return Poll::Ready(());
        }
        *waits = true;
        turns.waiting.push_back(cx.waker().clone());
        Poll::Pending
    })
}

/// Begins a turn whenever all else that was ready has been done, until one has room to spare.
async fn take_turns() {
    let _clear = Clear;
    loop {
        rest().await;
        if TURNS.with_borrow_mut(Turns::begin) {
            return;
        }
    }
}

/// Returns once no other task is ready, or nearly all that were are events.
async fn rest() {
    let waiting = || TURNS.with_borrow(|turns| turns.waiting.len());
    for _ in 0..LOOKS_MAX {
        let before = waiting();
        // Returns after some sixty tasks if not before, when sockets have been looked at again.
        yield_now().await;
        if waiting() < before + LOOK_EVENTS {
            return;
        }
    }
}

// === impl Turns ===

impl Turns {
    /// Where workers take tasks from each other there are no turns, for a waker would be in one worker's
    /// queue and its task at another.
    fn end_later(&mut self) {
        match Handle::try_current() {
            Ok(runtime) if runtime.runtime_flavor() == RuntimeFlavor::CurrentThread => {
                runtime.spawn(take_turns());
            }
            _ => self.passed = 0,
        }
    }

    /// Wakes those whose turn it is. `true`: there is room for more events, which need not wait.
    fn begin(&mut self) -> bool {
        let share = self.waiting.len() / TURN_SHARE;
        self.passed = share.max(TURN_EVENTS).min(self.waiting.len());
        self.waiting.drain(..self.passed).for_each(Waker::wake);
        self.passed < TURN_EVENTS
    }
}

// === impl Clear ===

impl Drop for Clear {
    fn drop(&mut self) {
        // The thread's end may have been faster.
        let _gone = TURNS.try_with(|turns| {
            if let Ok(mut turns) = turns.try_borrow_mut() {
                turns.passed = turns.passed.min(TURN_EVENTS - 1);
                turns.waiting.clear();
            }
        });
    }
}
