//! The forwarder in front of a receiver that fails as it is told, and knows batches by their bytes.

mod lanes;
mod set_aside;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use tempfile::TempDir;
use tokio::sync::watch;
use tollgate_queue::{Queue, QueueError, QueueSettings, Record};

use super::forwarder::{Ends, Forwarder, Progress, Receiver};
use super::rows::Rows;
use super::set_aside::SetAside;
use super::verdict::{self, Verdict};
use crate::{Signal, StoreError};

const PATIENCE: Duration = Duration::from_secs(60);
/// A row that is never taken.
const POISON: u64 = u64::MAX;

/// Rows are eight bytes each.
#[derive(Default)]
struct Table {
    /// Fails this many times.
    faults: Mutex<Vec<Fault>>,
    is_away: AtomicBool,
    /// Never answers.
    is_stuck: AtomicBool,
    /// Knows rows of the next version.
    is_newer: AtomicBool,
    batches: Mutex<BTreeSet<Bytes>>,
    rows: Mutex<BTreeMap<u64, u32>>,
    sends: AtomicU64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// Nothing was done.
    Before,
    /// It was done, and nobody says so.
    After,
}

#[async_trait]
impl Receiver for Table {
    fn knows(&self, rows: Rows) -> bool {
        rows.version == 1 || self.is_newer.load(Ordering::Relaxed)
    }

    async fn receive(&self, _rows: Rows, data: Bytes) -> Result<(), StoreError> {
        self.sends.fetch_add(1, Ordering::Relaxed);
        if self.is_stuck.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        let fault = self.faults.lock().unwrap().pop();
        let away = StoreError::Unreachable { url: String::new(), reason: String::new() };
        if self.is_away.load(Ordering::Relaxed) || fault == Some(Fault::Before) {
            return Err(away);
        }
        let ids = data.chunks(8).map(|id| u64::from_le_bytes(id.try_into().unwrap()));
        let ids: Vec<_> = ids.collect();
        if ids.contains(&POISON) {
            return Err(refused(Some(27), "code 27"));
        }
        if self.batches.lock().unwrap().insert(data) {
            let mut rows = self.rows.lock().unwrap();
            ids.into_iter().for_each(|id| *rows.entry(id).or_default() += 1);
        }
        if fault == Some(Fault::After) { Err(away) } else { Ok(()) }
    }
}

fn refused(code: Option<u32>, what: &str) -> StoreError {
    let what = what.to_owned();
    StoreError::Refused { what, code, reason: String::new(), retryable: false }
}

struct Rig {
    queue: Queue,
    progress: Arc<Progress>,
    halt: watch::Sender<bool>,
    ended: watch::Receiver<()>,
    task: tokio::task::JoinHandle<()>,
}

impl Rig {
    fn start(folder: &TempDir, table: &Arc<Table>) -> Self {
        Self::try_start(folder, table).unwrap()
    }

    /// Once the one before has let go of the folder.
    async fn again(folder: &TempDir, table: &Arc<Table>) -> Self {
        let until = Instant::now() + PATIENCE;
        loop {
            match Self::try_start(folder, table) {
                Ok(rig) => return rig,
                Err(error) => assert!(Instant::now() < until, "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn try_start(folder: &TempDir, table: &Arc<Table>) -> Result<Self, QueueError> {
        let settings = QueueSettings { bytes_max: 1 << 20, ..QueueSettings::default() };
        let (queue, consumer) = Queue::open(folder.path(), settings)?;
        let progress = Arc::new(Progress::default());
        let (_running, ended) = watch::channel(());
        let (halt, halted) = watch::channel(false);
        let ends = Ends { halt: halted, _running };
        let receiver: Arc<dyn Receiver> = Arc::<Table>::clone(table);
        let set_aside = SetAside::open(folder.path(), settings.bytes_max);
        let told = Arc::clone(&progress);
        let forwarder = Forwarder::new(Signal::Logs, consumer, receiver, set_aside, told, ends);
        Ok(Self { queue, progress, halt, ended, task: tokio::spawn(forwarder.run()) })
    }

    async fn append(&self, id: u64) {
        self.append_of(1, id).await;
    }

    async fn append_of(&self, version: u8, id: u64) {
        let payload = Bytes::from(id.to_le_bytes().to_vec());
        let record = Record { kind: 1, version, items: 1, payload };
        self.queue.append(vec![record]).await.unwrap();
    }

    async fn until_empty(&self) {
        let until = Instant::now() + PATIENCE;
        while self.queue.stats().waiting_bytes > 0 {
            assert!(Instant::now() < until, "never empty: {:?}", self.queue.stats());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Takes the end of the process in good order.
    async fn close(mut self) {
        self.queue.close();
        let end = async { while self.ended.changed().await.is_ok() {} };
        tokio::time::timeout(PATIENCE, end).await.unwrap();
    }
}

fn once(ids: impl Iterator<Item = u64>) -> BTreeMap<u64, u32> {
    ids.map(|id| (id, 1)).collect()
}

#[tokio::test]
async fn what_fails_before_and_after_it_was_done_arrives_once() {
    let (folder, table) = (TempDir::new().unwrap(), Arc::new(Table::default()));
    *table.faults.lock().unwrap() = vec![Fault::After, Fault::Before, Fault::After];
    let rig = Rig::start(&folder, &table);
    for id in 0..50 {
        rig.append(id).await;
    }
    rig.until_empty().await;
    assert_eq!(*table.rows.lock().unwrap(), once(0..50));
    let sent = rig.progress.sent();
    assert_eq!((sent.rows, sent.dropped_rows, sent.retries), (50, 0, 3));
    rig.close().await;
}

#[tokio::test]
async fn an_answer_that_is_lost_in_a_crash_stores_nothing_twice() {
    let (folder, table) = (TempDir::new().unwrap(), Arc::new(Table::default()));
    let rig = Rig::start(&folder, &table);
    *table.faults.lock().unwrap() = vec![Fault::After];
    for id in 0..10 {
        rig.append(id).await;
    }
    while table.sends.load(Ordering::Relaxed) == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // As a crash: it never learns of the answer. What comes now must not change the batch.
    rig.task.abort();
    rig.append(10).await;
    rig.queue.close();
    drop(rig);
    let rig = Rig::again(&folder, &table).await;
    rig.until_empty().await;
    assert_eq!(*table.rows.lock().unwrap(), once(0..11));
    rig.close().await;
}

#[tokio::test]
async fn what_will_never_be_taken_is_dropped_alone_and_counted() {
    let (folder, table) = (TempDir::new().unwrap(), Arc::new(Table::default()));
    let rig = Rig::start(&folder, &table);
    for id in [1, 2, POISON, 3] {
        rig.append(id).await;
    }
    rig.until_empty().await;
    assert_eq!(*table.rows.lock().unwrap(), once(1..4));
    assert_eq!((rig.progress.sent().rows, rig.progress.sent().dropped_rows), (3, 1));
    rig.close().await;
}

#[tokio::test]
async fn a_store_that_ends_while_its_server_is_away_keeps_the_rest_for_the_next_start() {
    let (folder, table) = (TempDir::new().unwrap(), Arc::new(Table::default()));
    table.is_away.store(true, Ordering::Relaxed);
    let rig = Rig::start(&folder, &table);
    rig.append(1).await;
    let began = Instant::now();
    rig.close().await;
    assert!(began.elapsed() < PATIENCE / 2, "{:?}", began.elapsed());
    table.is_away.store(false, Ordering::Relaxed);
    let rig = Rig::again(&folder, &table).await;
    assert_eq!(rig.queue.recovered().items, 1);
    rig.until_empty().await;
    assert_eq!(*table.rows.lock().unwrap(), once(1..2));
    rig.close().await;
}

#[tokio::test]
async fn the_end_does_not_wait_for_more_rows() {
    let (folder, table) = (TempDir::new().unwrap(), Arc::new(Table::default()));
    let rig = Rig::start(&folder, &table);
    rig.append(7).await;
    rig.close().await;
    assert_eq!(*table.rows.lock().unwrap(), once(7..8));
}

#[tokio::test]
async fn a_receiver_that_never_answers_does_not_hold_the_end_up() {
    let (folder, table) = (TempDir::new().unwrap(), Arc::new(Table::default()));
    table.is_stuck.store(true, Ordering::Relaxed);
    let mut rig = Rig::start(&folder, &table);
    rig.append(1).await;
    while table.sends.load(Ordering::Relaxed) == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    rig.queue.close();
    let mut ended = rig.ended.clone();
    let waited = tokio::time::timeout(Duration::from_millis(200), ended.changed()).await;
    assert!(waited.is_err(), "it ended by itself");
    rig.halt.send_replace(true);
    tokio::time::timeout(PATIENCE, rig.ended.changed()).await.unwrap().unwrap_err();
    drop(rig);
    table.is_stuck.store(false, Ordering::Relaxed);
    let rig = Rig::again(&folder, &table).await;
    rig.until_empty().await;
    assert_eq!(*table.rows.lock().unwrap(), once(1..2));
    rig.close().await;
}

#[test]
fn what_somebody_can_repair_is_kept_and_what_is_wrong_with_the_rows_is_not() {
    let schema = StoreError::Schema { reason: String::new() };
    for error in [refused(Some(516), ""), refused(Some(60), ""), refused(None, "HTTP 403"), schema]
    {
        assert_eq!(verdict::of(&error), Verdict::Again, "{error:?}");
    }
    for error in [refused(Some(27), ""), refused(Some(53), ""), refused(None, "HTTP 413")] {
        assert_eq!(verdict::of(&error), Verdict::Never, "{error:?}");
    }
}
