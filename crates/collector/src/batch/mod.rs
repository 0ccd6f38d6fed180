//! Groups what waits together into one write.
//!
//! An export is acknowledged when its rows are durable, so nothing waits here for company that may
//! never come: while the store is idle, what is there is written at once. While it is busy, rows pile
//! up until it is free, until there are enough of them for a write beside the first, or until the
//! oldest has waited long enough. A request is never split: its rows are kept together or not at all.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{mpsc, oneshot};
use tollgate_store::StoreError;

use crate::BatchSettings;
use crate::memory_limiter::Reservation;
use crate::refusal::Refusal;

#[cfg(test)]
mod tests;

/// Requests that may wait; further ones wait for a place, each holding its memory.
const WAITING_MAX: usize = 1_024;
/// Writes at once.
const WRITES_MAX: usize = 4;

/// The stage in front of the store, for rows of one kind.
pub(crate) struct Batch<R> {
    settings: BatchSettings,
    entrance: mpsc::Sender<Waiting<R>>,
    /// Taken by whoever runs it.
    exit: Mutex<Option<mpsc::Receiver<Waiting<R>>>>,
    writes: [AtomicU64; Cause::ALL.len()],
}

/// Why a write was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Nothing else was being written.
    Idle,
    /// There were enough rows.
    Size,
    /// The oldest had waited long enough.
    Time,
}

/// One request's rows.
struct Waiting<R> {
    rows: Vec<R>,
    since: Instant,
    done: oneshot::Sender<Result<usize, Refusal>>,
    /// Given back once the rows are gone, whoever still waits for them.
    reserved: Reservation,
}

/// Whom to tell about a write, and how many of their rows were filtered.
struct Written {
    done: oneshot::Sender<Result<usize, Refusal>>,
    filtered: usize,
}

// === impl Batch ===

impl<R> Batch<R> {
    pub(crate) fn new(settings: BatchSettings) -> Self {
        let (entrance, exit) = mpsc::channel(WAITING_MAX);
        let writes = Default::default();
        Self { settings, entrance, exit: Mutex::new(Some(exit)), writes }
    }

    /// Returns how many of `rows` the filter dropped, once the others are durable.
    pub(crate) async fn add(&self, rows: Vec<R>, reserved: Reservation) -> Result<usize, Refusal> {
        let (done, answer) = oneshot::channel();
        let waiting = Waiting { rows, since: Instant::now(), done, reserved };
        // Closed means that we are going down.
        self.entrance.send(waiting).await.map_err(|_| Refusal::StoreUnavailable)?;
        answer.await.map_err(|_| Refusal::StoreUnavailable)?
    }

    /// Writes so began, by cause.
    pub(crate) fn writes(&self) -> [(&'static str, u64); Cause::ALL.len()] {
        let mut rows = Cause::ALL.map(|cause| (cause.name(), 0));
        for ((_, count), counter) in rows.iter_mut().zip(&self.writes) {
            *count = counter.load(Ordering::Relaxed);
        }
        rows
    }

    /// Writes what is added, without what `keep` does not want; ends only with its caller.
    pub(crate) async fn run<W>(&self, keep: impl Fn(&R) -> bool, insert: impl Fn(Vec<R>) -> W)
    where
        W: Future<Output = Result<(), StoreError>>,
    {
        let exit = self.exit.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut exit) = exit else { return };
        let mut waiting = VecDeque::new();
        let mut items = 0_usize;
        let mut writes = FuturesUnordered::new();
        loop {
            while let Some(cause) = self.cause(waiting.front(), items, writes.len()) {
                self.count(cause);
                let group = self.group(&mut waiting, &mut items);
                writes.push(write(group, &keep, &insert));
            }
            let oldest = waiting.front().map(|it: &Waiting<R>| it.since + self.settings.wait_max);
            let until = oldest.filter(|_| writes.len() < WRITES_MAX);
            tokio::select! {
                Some(added) = exit.recv(), if waiting.len() < WAITING_MAX => {
                    items += added.rows.len();
                    waiting.push_back(added);
                    // What came with it goes with it.
                    while waiting.len() < WAITING_MAX && items < self.settings.items_max {
                        let Ok(added) = exit.try_recv() else { break };
                        items += added.rows.len();
                        waiting.push_back(added);
                    }
                }
                Some(()) = writes.next(), if !writes.is_empty() => {}
                () = at(until), if until.is_some() => {}
                else => return,
            }
        }
    }

    /// Whether to write now.
    fn cause(&self, oldest: Option<&Waiting<R>>, items: usize, writes: usize) -> Option<Cause> {
        let oldest = oldest?;
        match writes {
            0 => Some(Cause::Idle),
            WRITES_MAX.. => None,
            _ if items >= self.settings.items_max => Some(Cause::Size),
            _ => (oldest.since.elapsed() >= self.settings.wait_max).then_some(Cause::Time),
        }
    }

    /// The oldest requests, as many as make a write.
    fn group(&self, waiting: &mut VecDeque<Waiting<R>>, items: &mut usize) -> Vec<Waiting<R>> {
        let mut group = Vec::new();
        let mut taken = 0;
        while taken < self.settings.items_max
            && let Some(next) = waiting.pop_front()
        {
            taken += next.rows.len();
            group.push(next);
        }
        *items -= taken;
        group
    }

    fn count(&self, cause: Cause) {
        let counters = Cause::ALL.into_iter().zip(&self.writes);
        for (_, counter) in counters.filter(|(known, _)| *known == cause) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }
}

async fn at(until: Option<Instant>) {
    if let Some(until) = until {
        tokio::time::sleep_until(until.into()).await;
    }
}

/// Filters, writes, and tells everyone.
async fn write<R, W>(
    group: Vec<Waiting<R>>,
    keep: &impl Fn(&R) -> bool,
    insert: &impl Fn(Vec<R>) -> W,
) where
    W: Future<Output = Result<(), StoreError>>,
{
    let is_alone = group.len() == 1;
    let mut all = Vec::new();
    let mut told = Vec::with_capacity(group.len());
    let mut held = Vec::with_capacity(group.len());
    for Waiting { mut rows, done, reserved, .. } in group {
        let before = rows.len();
        rows.retain(keep);
        told.push(Written { done, filtered: before - rows.len() });
        held.push(reserved);
        if is_alone { all = rows } else { all.append(&mut rows) }
    }
    let written = if all.is_empty() { Ok(()) } else { insert(all).await };
    drop(held);
    let failed = written.err().map(|error| refusal(&error, is_alone));
    for Written { done, filtered } in told {
        // Whoever asked may have gone.
        let _gone = done.send(failed.map_or(Ok(filtered), Err));
    }
}

/// Only a row can be the sender's fault. In company nobody knows whose: each may come again.
fn refusal(error: &StoreError, is_alone: bool) -> Refusal {
    match error {
        StoreError::BadRow { .. } if is_alone => Refusal::StoreRefused,
        StoreError::BadRow { .. } => Refusal::StoreUnavailable,
        error if error.is_retryable() => Refusal::StoreUnavailable,
        _ => Refusal::StoreFailed,
    }
}

// === impl Cause ===

impl Cause {
    pub(crate) const ALL: [Self; 3] = [Self::Idle, Self::Size, Self::Time];

    const fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Size => "size",
            Self::Time => "time",
        }
    }
}
