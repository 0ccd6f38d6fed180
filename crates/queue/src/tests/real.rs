//! A folder of the file system.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{ids_of, record};
use crate::{Queue, QueueError, QueueSettings};

const PRODUCERS: usize = 32;
const MIB: usize = 1 << 20;

#[tokio::test]
async fn a_folder_belongs_to_one_process_and_its_files_to_their_owner() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data/queue");
    let (queue, mut consumer) = Queue::open(&path, QueueSettings::default()).unwrap();
    let error = Queue::open(&path, QueueSettings::default()).map(drop).unwrap_err();
    assert!(matches!(error, QueueError::Locked { .. }) && !error.is_retryable(), "{error}");
    assert!(error.to_string().contains("data/queue is in use"), "{error}");
    queue.append(vec![record(1, 10), record(2, 10)]).await.unwrap();
    let batch = consumer.next(1_000).unwrap().unwrap();
    assert_eq!(ids_of(&batch), [1, 2]);
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    for entry in std::fs::read_dir(&path).unwrap() {
        let file = entry.unwrap().path();
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_an_error_with_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = Queue::open(&file.join("queue"), QueueSettings::default()).map(drop).unwrap_err();
    assert!(error.to_string().contains("file/queue"), "{error}");
}

/// Figures are printed; `TOLLGATE_LONG` fills the whole gibibyte.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_producers_share_the_disk_and_a_full_queue_opens_at_once() {
    let total = if std::env::var_os("TOLLGATE_LONG").is_some() { 1_000 } else { 64 };
    let folder = tempfile::tempdir().unwrap();
    let (queue, consumer) = Queue::open(folder.path(), QueueSettings::default()).unwrap();
    let queue = Arc::new(queue);
    let began = Instant::now();
    let producers: Vec<_> = (0..PRODUCERS)
        .map(|_| {
            let queue = Arc::clone(&queue);
            tokio::spawn(async move {
                let mut took = Vec::new();
                for _ in 0..total * MIB / PRODUCERS / (64 * 1024) {
                    let began = Instant::now();
                    queue.append(vec![record(1, 64 * 1024)]).await.unwrap();
                    took.push(began.elapsed());
                }
                took
            })
        })
        .collect();
    let mut took: Vec<Duration> = Vec::new();
    for producer in producers {
        took.extend(producer.await.unwrap());
    }
    let lasted = began.elapsed();
    took.sort_unstable();
    let count = took.len();
    queue.close();
    drop((queue, consumer));
    let began = Instant::now();
    let (queue, mut consumer) = loop {
        // The writing thread lets go of the folder when it has seen the end.
        match Queue::open(folder.path(), QueueSettings::default()) {
            Ok(opened) => break opened,
            Err(error) => assert!(began.elapsed() < Duration::from_secs(60), "{error}"),
        }
    };
    let opened = began.elapsed();
    assert_eq!(queue.recovered().records, count as u64);
    let began = Instant::now();
    let mut delivered = 0;
    while let Some(batch) = consumer.next(8 * MIB as u64).unwrap() {
        delivered += batch.records.len();
        consumer.acknowledge(&batch);
    }
    assert_eq!(delivered, count);
    assert_eq!(queue.stats().waiting_bytes, 0);
    eprintln!(
        "{total} MiB in records of 64 KiB: written in {lasted:?}, p50 {:?}, p99 {:?}; opened in \
         {opened:?}; read in {:?}",
        took[count / 2],
        took[count * 99 / 100],
        began.elapsed()
    );
}
