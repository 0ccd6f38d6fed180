//! Whose event is next, where a worker has more of them than it can pass on at once.
//!
//! A worker does what is ready in the order in which it came. When thousands of streams have an event
//! each, a call that begins would stand behind all of them, and four times: its request, the connection,
//! the answer's head, the first content, which is what people wait for. So a worker passes on a turn of
//! events and then looks what else there is to do. Events beyond the turn wait for the next one, in order;
//! so does whatever else their streams have to do. A stream takes part in this once its first content has left.

#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::yield_now;

/// Events of one turn.
const TURN_EVENTS: usize = 32;
/// Where many wait, a turn is longer: one in so many of them is passed on, so that no event waits for
/// many more turns than these, whatever else a worker has to do.
const TURN_SHARE: usize = 16;

thread_local! {
    static TURNS: RefCell<Turns> = RefCell::default();
}

/// The place of an event among those that had to wait on its worker.
#[derive(Debug)]
pub(super) struct Ticket(u64);

/// The events of one worker.
#[derive(Debug, Default)]
struct Turns {
    /// Passed on in this turn.
    passed: usize,
    /// In the order in which they came.
    waiting: VecDeque<Waker>,
    /// Those that have waited: all tickets below have had their turn.
    had_turn: u64,
}

/// Lets all that wait go on where a runtime ends in the middle of a turn.
struct Clear;

/// Ready when the task of `cx` may pass an event on. `ticket` is its place where it was told to wait.
pub(super) fn poll(ticket: &mut Option<Ticket>, cx: &Context<'_>) -> Poll<()> {
    let turn = TURNS.with_borrow_mut(|turns| turns.poll(ticket, cx));
    turn.map(|ends_turn| {
        if ends_turn {
            end_later();
        }
    })
}

/// Where workers take tasks from each other there are no turns, for a waker would be in one worker's queue
/// and its task at another.
fn end_later() {
    match Handle::try_current() {
        Ok(runtime) if runtime.runtime_flavor() == RuntimeFlavor::CurrentThread => {
            runtime.spawn(take_turns(Clear));
        }
        _ => TURNS.with_borrow_mut(|turns| turns.passed = 0),
    }
}

/// Begins a turn whenever all else that was ready has been done, until one has room to spare.
async fn take_turns(_clear: Clear) {
    loop {
        // Comes back behind everything that is ready once sockets have been looked at again.
        yield_now().await;
        if TURNS.with_borrow_mut(Turns::begin) {
            return;
        }
    }
}

// === impl Turns ===

impl Turns {
    /// `true`: this was the last event of a turn.
    fn poll(&mut self, ticket: &mut Option<Ticket>, cx: &Context<'_>) -> Poll<bool> {
        match ticket.take() {
            Some(Ticket(place)) if place < self.had_turn => Poll::Ready(false),
            // Woken by something else.
            Some(early) => {
                *ticket = Some(early);
                Poll::Pending
            }
            None if self.passed < TURN_EVENTS => {
                self.passed += 1;
                Poll::Ready(self.passed == TURN_EVENTS)
            }
            None => {
                *ticket = Some(Ticket(self.had_turn + self.waiting.len() as u64));
                self.waiting.push_back(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Wakes those whose turn it is. `true`: there is room for more events, which need not wait.
    fn begin(&mut self) -> bool {
        let share = self.waiting.len() / TURN_SHARE;
        self.passed = share.max(TURN_EVENTS).min(self.waiting.len());
        self.had_turn += self.passed as u64;
        self.waiting.drain(..self.passed).for_each(Waker::wake);
        self.passed < TURN_EVENTS
    }
}

// === impl Clear ===

impl Drop for Clear {
    fn drop(&mut self) {
        // The thread's end may have been faster.
        let _gone = TURNS.try_with(|turns| {
            let mut turns = turns.borrow_mut();
            turns.passed = turns.passed.min(TURN_EVENTS - 1);
            turns.had_turn += turns.waiting.len() as u64;
            turns.waiting.drain(..).for_each(Waker::wake);
        });
    }
}
