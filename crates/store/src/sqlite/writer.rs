//! The one thread that writes, and the queue in front of it.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};
use tokio::runtime::{self, Runtime};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use super::failure::Place;
use super::insert::Shortener;
use super::{insert, retention, signals};
use crate::{SpanRow, StoreError};

/// How many spans share one transaction at most, unless a single insert has more.
const GROUP_SPANS_MAX: usize = 8192;
/// How much later than others the thread's turn comes, in the system's measure (`nice`): who waits for
/// an answer goes first, and what waits here is written some milliseconds later.
#[cfg(target_os = "linux")]
const GIVES_WAY: i32 = 10;
/// So long without work, and the thread lets go of the pages that it keeps only to be quick.
pub(super) const RESTS_AFTER: Duration = Duration::from_secs(2);

/// The way to the writing thread.
pub(super) struct Writer {
    /// `None` once closed.
    queue: Mutex<Option<mpsc::Sender<Job>>>,
}

enum Job {
    Insert(Insert),
    Signals(signals::Insert),
    Prune { task: Prune, done: Answer },
}

/// What one slice of retention does.
#[derive(Clone, Copy, Debug)]
pub(super) enum Prune {
    /// Drops spans that started before this.
    Older(i64),
    /// Drops metrics and logs from before this.
    SignalsOlder(i64),
    /// Drops the oldest of everything if more bytes than this are in use.
    Larger(u64),
    /// Drops what nothing refers to.
    Unused,
}

struct Insert {
    rows: Vec<SpanRow>,
    done: Answer,
}

pub(super) type Answer = oneshot::Sender<Result<u64, StoreError>>;

/// What the thread owns.
struct Thread {
    connection: Connection,
    place: Arc<Place>,
    queue: mpsc::Receiver<Job>,
    /// For waiting with an end.
    clock: Runtime,
    shortener: Shortener,
}

/// Where a thread has no priority of its own it keeps the usual one.
fn give_way() {
    #[cfg(target_os = "linux")]
    let _as_usual = rustix::process::nice(GIVES_WAY);
}

// === impl Writer ===

impl Writer {
    /// Starts the thread, which runs until the queue is closed and empty.
    pub(super) fn start(
        connection: Connection,
        place: Arc<Place>,
        queue_inserts_max: usize,
        running: watch::Receiver<()>,
    ) -> Result<Self, StoreError> {
        let (sender, queue) = mpsc::channel(queue_inserts_max);
        let failed = Arc::clone(&place);
        let shortener = Shortener::open(&connection).map_err(|error| place.failure(&error))?;
        let clock = runtime::Builder::new_current_thread().enable_time().build();
        let clock = clock.map_err(|error| failed.unusable(&error))?;
        let thread = Thread { connection, place, queue, clock, shortener };
        thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || {
                give_way();
                thread.run();
                drop(running);
            })
            .map_err(|error| failed.unusable(&error))?;
        Ok(Self { queue: Mutex::new(Some(sender)) })
    }

    pub(super) async fn insert(&self, rows: Vec<SpanRow>) -> Result<u64, StoreError> {
        let (done, answer) = oneshot::channel();
        self.send(Job::Insert(Insert { rows, done }), answer).await
    }

    pub(super) async fn insert_signals(&self, rows: signals::Rows) -> Result<u64, StoreError> {
        let (done, answer) = oneshot::channel();
        self.send(Job::Signals(signals::Insert { rows, done }), answer).await
    }

    /// Drops one slice; returns how many rows.
    pub(super) async fn prune(&self, task: Prune) -> Result<u64, StoreError> {
        let (done, answer) = oneshot::channel();
        self.send(Job::Prune { task, done }, answer).await
    }

    pub(super) fn close(&self) {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    async fn send(
        &self,
        job: Job,
        answer: oneshot::Receiver<Result<u64, StoreError>>,
    ) -> Result<u64, StoreError> {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let queue = queue.ok_or(StoreError::Closed)?;
        queue.send(job).await.map_err(|_| StoreError::Closed)?;
        // Given up now: a waiting clone would keep the thread from ending on close.
        drop(queue);
        answer.await.map_err(|_| StoreError::Closed)?
    }
}

// === impl Thread ===

impl Thread {
    fn run(mut self) {
        let mut next = self.wait();
        while let Some(job) = next.take() {
            match job {
                Job::Insert(first) => next = self.insert_group(first),
                Job::Signals(first) => next = self.insert_signal_group(first),
                Job::Prune { task, done } => {
                    let dropped = self.prune(task);
                    // Whoever asked may have gone.
                    let _gone = done.send(dropped);
                }
            }
            if next.is_none() {
                next = self.wait();
            }
        }
        let tidied =
            self.connection.execute_batch("PRAGMA optimize; PRAGMA wal_checkpoint(TRUNCATE);");
        if let Err(error) = tidied {
            tracing::warn!(%error, "the span database was left with its log, which is harmless");
        }
    }

    /// The next job; none once the queue is closed.
    fn wait(&mut self) -> Option<Job> {
        let (clock, queue) = (&self.clock, &mut self.queue);
        if let Ok(job) = clock.block_on(async { timeout(RESTS_AFTER, queue.recv()).await }) {
            return job;
        }
        if let Err(error) = self.connection.execute_batch("PRAGMA shrink_memory") {
            tracing::debug!(%error, "the span database keeps its pages in memory");
        }
        self.queue.blocking_recv()
    }

    /// Writes `first` and what waits behind it; returns the job that did not belong.
    fn insert_group(&mut self, first: Insert) -> Option<Job> {
        let mut spans = first.rows.len();
        let mut group = vec![first];
        let mut other = None;
        while spans < GROUP_SPANS_MAX {
            match self.queue.try_recv() {
                Ok(Job::Insert(insert)) => {
                    spans += insert.rows.len();
                    group.push(insert);
                }
                Ok(job) => {
                    other = Some(job);
                    break;
                }
                Err(_) => break,
            }
        }
        match self.write(&group) {
            Ok(stored) => {
                for (insert, stored) in group.into_iter().zip(stored) {
                    let _gone = insert.done.send(Ok(stored));
                }
            }
            Err(error) if group.len() == 1 => self.refuse(group, &error),
            // One insert's rows may be to blame: each gets its own chance.
            Err(_) => {
                for insert in group {
                    let alone = [insert];
                    let written = self.write(&alone);
                    for insert in alone {
                        let answer = match &written {
                            Ok(stored) => Ok(stored.iter().sum()),
                            Err(error) => Err(self.place.failure(error)),
                        };
                        let _gone = insert.done.send(answer);
                    }
                }
            }
        }
        other
    }

    fn refuse(&self, group: Vec<Insert>, error: &rusqlite::Error) {
        for insert in group {
            let _gone = insert.done.send(Err(self.place.failure(error)));
        }
    }

    /// Writes the group in one transaction; returns how many rows of each insert were new. On an
    /// error nothing was written.
    fn write(&mut self, group: &[Insert]) -> rusqlite::Result<Vec<u64>> {
        if let Err(error) = self.shortener.packer.tend(&self.connection) {
            tracing::warn!(%error, "spans are kept with less compression for now");
        }
        let batches: Vec<&[SpanRow]> = group.iter().map(|insert| insert.rows.as_slice()).collect();
        let (connection, shortener) = (&mut self.connection, &mut self.shortener);
        let mut all = || {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let stored = insert::write(&transaction, &batches, shortener)?;
            transaction.commit()?;
            Ok(stored)
        };
        let written = all();
        if written.is_err() {
            self.shortener.forget();
        }
        written
    }

    /// Writes `first` and the metrics and logs that wait behind it, in one transaction; returns the
    /// job that did not belong.
    fn insert_signal_group(&mut self, first: signals::Insert) -> Option<Job> {
        let mut rows = first.rows.len();
        let mut group = vec![first];
        let mut other = None;
        while rows < GROUP_SPANS_MAX {
            match self.queue.try_recv() {
                Ok(Job::Signals(insert)) => {
                    rows += insert.rows.len();
                    group.push(insert);
                }
                Ok(job) => {
                    other = Some(job);
                    break;
                }
                Err(_) => break,
            }
        }
        signals::insert_group(&mut self.connection, &self.place, group);
        other
    }

    fn prune(&mut self, task: Prune) -> Result<u64, StoreError> {
        let (connection, shortener) = (&mut self.connection, &mut self.shortener);
        let mut slice = || {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            shortener.begin(&transaction)?;
            let Shortener { texts, stretches, .. } = &mut *shortener;
            let dropped = match task {
                Prune::Older(cutoff_ns) => {
                    retention::prune_slice(&transaction, cutoff_ns, texts, stretches)?
                }
                Prune::SignalsOlder(cutoff_ns) => signals::prune_slice(&transaction, cutoff_ns)?,
                Prune::Larger(bytes) if retention::bytes_used(&transaction)? > bytes => {
                    let cutoff_ns = retention::slice_end_ns(&transaction)?;
                    retention::prune_slice(&transaction, cutoff_ns, texts, stretches)?
                        + signals::prune_slice(&transaction, cutoff_ns)?
                }
                Prune::Larger(_) => 0,
                Prune::Unused => {
                    shortener.sweep(&transaction)? as u64 + signals::sweep(&transaction)?
                }
            };
            transaction.commit()?;
            Ok(dropped)
        };
        let dropped = slice();
        if dropped.is_err() {
            shortener.forget();
        }
        dropped.map_err(|error| self.place.failure(&error))
    }
}
