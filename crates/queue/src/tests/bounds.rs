//! Limits at N and N+1, and what shares a sync.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use super::{SEGMENT_BYTES_MAX, drain, fill, ids_of, open, record};
use crate::disk::model::{Model, ModelFile};
use crate::disk::{Disk, DiskFile};
use crate::{Queue, QueueError, QueueSettings};

/// Syncs of files wait while the gate is closed.
#[derive(Clone)]
struct Gated {
    model: Model,
    is_closed: Arc<(Mutex<bool>, Condvar)>,
    syncs: Arc<AtomicU64>,
}

struct GatedFile(ModelFile, Gated);

impl Gated {
    fn new() -> Self {
        Self { model: Model::new(1), is_closed: Arc::default(), syncs: Arc::default() }
    }

    fn close(&self, is_closed: bool) {
        *self.is_closed.0.lock().unwrap() = is_closed;
        self.is_closed.1.notify_all();
    }
}

impl Disk for Gated {
    type File = GatedFile;

    fn names(&self) -> io::Result<Vec<String>> {
        self.model.names()
    }

    fn create(&self, name: &str) -> io::Result<GatedFile> {
        Ok(GatedFile(self.model.create(name)?, self.clone()))
    }

    fn open(&self, name: &str) -> io::Result<GatedFile> {
        Ok(GatedFile(self.model.open(name)?, self.clone()))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.model.remove(name)
    }

    fn sync(&self) -> io::Result<()> {
        self.model.sync()
    }
}

impl DiskFile for GatedFile {
    fn bytes(&self) -> io::Result<u64> {
        self.0.bytes()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.0.read_at(offset, buffer)
    }

    fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write_at(offset, data)
    }

    fn truncate(&self, bytes: u64) -> io::Result<()> {
        self.0.truncate(bytes)
    }

    fn sync(&self) -> io::Result<()> {
        self.1.syncs.fetch_add(1, Ordering::Relaxed);
        let (is_closed, changed) = &*self.1.is_closed;
        drop(changed.wait_while(is_closed.lock().unwrap(), |is_closed| *is_closed).unwrap());
        self.0.sync()
    }
}

fn settings(bytes_max: u64) -> QueueSettings {
    QueueSettings { bytes_max, ..QueueSettings::default() }
}

/// Waits for what another thread does.
async fn until(mut done: impl FnMut() -> bool) {
    for _ in 0..12_000 {
        if done() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it never happens");
}

#[test]
fn a_batch_has_as_many_bytes_as_it_may_have_and_at_least_one_record() {
    for (bytes_max, expected) in [(256, 2), (255, 1), (128, 1), (127, 1), (1, 1), (384, 3)] {
        let mut halves = open(&Model::new(1));
        fill(&mut halves, 0..4);
        let batch = halves.reader.next(bytes_max).unwrap().unwrap();
        assert_eq!(batch.records.len(), expected, "{bytes_max}");
    }
}

#[test]
fn a_segment_ends_where_another_record_has_no_room_and_is_deleted_when_it_is_delivered() {
    let disk = Model::new(1);
    let mut halves = open(&disk);
    // 40 + 7 * 128 = 936; an eighth record would be beyond 1000.
    fill(&mut halves, 0..7);
    let segments = || disk.names().unwrap().iter().filter(|name| name.ends_with("segment")).count();
    assert_eq!(segments(), 1);
    fill(&mut halves, 7..8);
    assert_eq!(segments(), 2);
    assert_eq!(halves.index.lock().stats.bytes, 2 * 40 + 8 * 128);
    assert_eq!(drain(&mut halves), (0..8).collect::<Vec<_>>());
    assert_eq!(segments(), 1);
    assert_eq!(halves.index.lock().stats.bytes, 40 + 128);
    let (mut halves, exact) = (open(&Model::new(1)), record(1, 1_000 - 40 - 28));
    halves.writer.commit(&[&exact], 0).unwrap();
    assert_eq!(halves.index.lock().stats.bytes, SEGMENT_BYTES_MAX);
    // It can be deleted without another append.
    drain(&mut halves);
    assert_eq!(halves.index.lock().stats.bytes, 0);
}

#[tokio::test]
async fn a_queue_takes_what_it_has_room_for_and_not_a_byte_more() {
    let bytes_max = 8_000;
    let (queue, mut consumer) = Queue::open_on(Model::new(1), settings(bytes_max)).unwrap();
    let mut taken = 0;
    // Segments of 1000 bytes: 40 + 7 * 128.
    while queue.stats().bytes + 2 * 40 + 128 <= bytes_max {
        queue.append(vec![record(1, 100)]).await.unwrap();
        taken += 1;
    }
    let left = usize::try_from(bytes_max - queue.stats().bytes).unwrap() - 40 - 28;
    let error = queue.append(vec![record(1, left + 1)]).await.unwrap_err();
    assert!(matches!(error, QueueError::Full { bytes_max: 8_000, .. }), "{error}");
    assert!(error.is_retryable());
    assert_eq!(queue.stats().refused_full, 1);
    assert_eq!(queue.stats().appended_items, taken * 3);
    // Delivered, it has room again.
    let mut delivered = 0;
    while let Some(batch) = consumer.next(1_000).unwrap() {
        delivered += batch.records.len() as u64;
        consumer.acknowledge(&batch);
    }
    assert_eq!(delivered, taken);
    assert!(queue.has_room());
    queue.append(vec![record(1, left + 1)]).await.unwrap();
}

#[tokio::test]
async fn the_headers_of_segments_are_within_the_bound() {
    let bytes_max = 8_000;
    for payload in 1..=300 {
        let (queue, _consumer) = Queue::open_on(Model::new(1), settings(bytes_max)).unwrap();
        while queue.append(vec![record(1, payload)]).await.is_ok() {}
        let bytes = queue.stats().bytes;
        assert!(bytes <= bytes_max, "payloads of {payload}: {bytes}");
        // The next one and a header would have been too much.
        assert!(bytes + 28 + payload as u64 + 40 > bytes_max, "payloads of {payload}: {bytes}");
    }
}

#[tokio::test]
async fn an_append_that_would_never_have_room_is_refused_for_good() {
    let (queue, mut consumer) = Queue::open_on(Model::new(1), settings(8_000)).unwrap();
    let most = 8_000 - 1_000 - 40 - 28;
    let error = queue.append(vec![record(1, most + 1)]).await.unwrap_err();
    assert!(matches!(error, QueueError::TooLarge { .. }) && !error.is_retryable(), "{error}");
    // The largest one has room again and again.
    for _ in 0..3 {
        queue.append(vec![record(1, 100)]).await.unwrap();
        queue.append(vec![record(1, most - 200)]).await.unwrap();
        while let Some(batch) = consumer.next(1_000).unwrap() {
            consumer.acknowledge(&batch);
        }
    }
    queue.append(vec![record(1, most)]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn appends_that_wait_for_the_disk_are_bounded_and_share_one_sync() {
    let disk = Gated::new();
    let bounds = QueueSettings { appends_max: 4, ..settings(1 << 20) };
    let (queue, mut consumer) = Queue::open_on(disk.clone(), bounds).unwrap();
    let queue = Arc::new(queue);
    queue.append(vec![record(0, 10)]).await.unwrap();
    let syncs = disk.syncs.load(Ordering::Relaxed);
    disk.close(true);
    let append = |id| {
        let queue = Arc::clone(&queue);
        tokio::spawn(async move { queue.append(vec![record(id, 10)]).await })
    };
    // One is at the disk, four wait, the next is one too many.
    let mut waiting = vec![append(1)];
    until(|| disk.syncs.load(Ordering::Relaxed) == syncs + 1).await;
    for id in 2..6 {
        waiting.push(append(id));
        until(|| queue.pending_bytes() == u64::from(id) * 78).await;
    }
    let error = queue.append(vec![record(6, 10)]).await.unwrap_err();
    assert!(matches!(error, QueueError::Busy { appends_max: 4 }) && error.is_retryable());
    assert_eq!((queue.stats().refused_disk, queue.pending_bytes()), (1, 5 * 78));
    assert!(waiting.iter().all(|append| !append.is_finished()), "acknowledged without a sync");
    disk.close(false);
    for append in waiting {
        append.await.unwrap().unwrap();
    }
    assert_eq!(disk.syncs.load(Ordering::Relaxed), syncs + 2, "the four that waited are one group");
    assert_eq!(queue.pending_bytes(), 0);
    let batch = consumer.next(1 << 20).unwrap().unwrap();
    assert_eq!(ids_of(&batch).len(), 6);
}

#[tokio::test]
async fn a_closed_queue_takes_nothing_and_a_failing_disk_is_worth_another_try() {
    let disk = Model::new(1);
    let (queue, _consumer) = Queue::open_on(disk.clone(), settings(1 << 20)).unwrap();
    disk.fail(crate::disk::model::Faults { writes: 1, ..Default::default() });
    let error = queue.append(vec![record(1, 10)]).await.unwrap_err();
    assert!(matches!(error, QueueError::Failed { .. }) && error.is_retryable(), "{error}");
    disk.fail(crate::disk::model::Faults::default());
    queue.append(vec![record(2, 10)]).await.unwrap();
    assert_eq!((queue.stats().refused_disk, queue.stats().appended_items), (1, 3));
    queue.close();
    assert_eq!(queue.append(vec![record(3, 10)]).await, Err(QueueError::Closed));
    assert!(!queue.has_room());
}
