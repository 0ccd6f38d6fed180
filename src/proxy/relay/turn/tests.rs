//! Turns of one worker: who waits, in which order, and what goes before.

use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};

use tokio::runtime::{Builder, Runtime};
use tokio::task::{JoinSet, yield_now};

use super::{TURN_EVENTS, TURN_SHARE, TURNS, Ticket, Turns, poll};

fn worker() -> Runtime {
    Builder::new_current_thread().build().unwrap()
}

/// Waits for a turn; whether it had to.
async fn turn() -> bool {
    let (mut ticket, mut waited) = (None, false);
    poll_fn(|cx| {
        let turn = poll(&mut ticket, cx);
        waited |= turn.is_pending();
        turn
    })
    .await;
    waited
}

/// What passed, in order.
type Log = Arc<Mutex<Vec<usize>>>;

/// `streams` tasks with `events` each, told by their numbers.
fn crowd(log: &Log, streams: usize, events: usize) -> JoinSet<()> {
    let stream = |number| {
        let log = Arc::clone(log);
        async move {
            for _ in 0..events {
                turn().await;
                log.lock().unwrap().push(number);
                yield_now().await;
            }
        }
    };
    (0..streams).map(stream).collect()
}

#[test]
fn a_turn_has_room_for_so_many_events() {
    worker().block_on(async {
        for event in 1..=TURN_EVENTS {
            assert!(!turn().await, "event {event}");
        }
        assert!(turn().await, "one more than a turn");
        yield_now().await;
        yield_now().await;
        assert!(!turn().await, "the worker had nothing else to do meanwhile");
    });
}

#[test]
fn each_event_has_its_turn_and_none_overtakes_another() {
    let (streams, events, log) = (TURN_EVENTS * 20, 3, Log::default());
    worker().block_on(async {
        crowd(&log, streams, events).join_all().await;
    });
    let log = log.lock().unwrap();
    let every: Vec<usize> = (0..streams).collect();
    assert_eq!(log[..streams], every, "in order, as long as all are woken in order");
    for stream in every {
        assert_eq!(log.iter().filter(|passed| **passed == stream).count(), events, "of {stream}");
    }
}

#[test]
fn what_begins_goes_before_what_waits() {
    const STEPS: usize = 4;
    let (streams, log) = (TURN_EVENTS * TURN_SHARE, Log::default());
    let (first, last) = worker().block_on(async {
        let _streams = crowd(&log, streams, 1);
        let passed = || log.lock().unwrap().len();
        while passed() <= TURN_EVENTS {
            yield_now().await;
        }
        let first = passed();
        let begins = tokio::spawn(async {
            for _ in 0..STEPS {
                yield_now().await;
            }
        });
        begins.await.unwrap();
        (first, passed())
    });
    assert!(last > first, "no turn went by");
    assert!(last - first <= (STEPS + 2) * TURN_EVENTS, "{first} to {last} of {streams} events");
}

#[test]
fn who_is_woken_by_something_else_keeps_its_place() {
    worker().block_on(async {
        for _ in 0..TURN_EVENTS {
            turn().await;
        }
        let waker = Waker::noop();
        let mut early = None;
        for time in 0..3 {
            let turn = poll(&mut early, &Context::from_waker(waker));
            assert!(turn.is_pending(), "{time}");
        }
        TURNS.with_borrow(|turns| assert_eq!(turns.waiting.len(), 1, "one place"));
        yield_now().await;
        yield_now().await;
        assert!(poll(&mut early, &Context::from_waker(waker)).is_ready());
        assert!(early.is_none());
    });
}

#[test]
fn what_begins_goes_before_all_events_that_were_ready_then() {
    let (streams, log) = (TURN_EVENTS * 40, Log::default());
    let before = worker().block_on(async {
        let _streams = crowd(&log, streams, 1);
        let begins = tokio::spawn(async {});
        begins.await.unwrap();
        log.lock().unwrap().len()
    });
    assert_eq!(before, TURN_EVENTS);
}

#[test]
fn where_many_wait_a_turn_is_longer() {
    const MANY: usize = TURN_EVENTS * TURN_SHARE;
    for (wait, passes) in [
        (0, 0),
        (TURN_EVENTS - 1, TURN_EVENTS - 1),
        (TURN_EVENTS, TURN_EVENTS),
        (TURN_EVENTS + 1, TURN_EVENTS),
        (MANY, TURN_EVENTS),
        (MANY + TURN_SHARE - 1, TURN_EVENTS),
        (MANY + TURN_SHARE, TURN_EVENTS + 1),
    ] {
        let waiting = (0..wait).map(|_| Waker::noop().clone()).collect();
        let mut turns = Turns { passed: TURN_EVENTS, waiting, had_turn: 7 };
        assert_eq!(turns.begin(), passes < TURN_EVENTS, "{wait}: whether there is room");
        assert_eq!((turns.passed, turns.waiting.len()), (passes, wait - passes), "{wait}");
        assert_eq!(turns.had_turn, 7 + passes as u64, "{wait}");
    }
}

#[test]
fn a_runtime_that_ends_in_a_turn_leaves_nothing_behind() {
    let ticket = Arc::<Mutex<Option<Ticket>>>::default();
    worker().block_on(async {
        for _ in 0..TURN_EVENTS {
            turn().await;
        }
        // What ends the turn has not run once when the runtime goes.
        let turn = poll(&mut ticket.lock().unwrap(), &Context::from_waker(Waker::noop()));
        assert!(turn.is_pending());
    });
    let mut ticket = ticket.lock().unwrap();
    assert!(poll(&mut ticket, &Context::from_waker(Waker::noop())).is_ready());
    TURNS.with_borrow(|turns| assert!(turns.waiting.is_empty() && turns.passed < TURN_EVENTS));
}

#[test]
fn workers_that_share_their_tasks_have_no_turns() {
    let runtime = Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        let events = tokio::spawn(async {
            let mut waited = 0;
            for _ in 0..10 * TURN_EVENTS {
                waited += usize::from(turn().await);
            }
            waited
        });
        assert_eq!(events.await.unwrap(), 0);
    });
}
