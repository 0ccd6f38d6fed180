//! Rows of a newer tollgate: others do not wait for them, and they come back.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use tempfile::TempDir;
use tollgate_queue::Record;

use super::super::forwarder::Receiver;
use super::super::rows::Rows;
use super::super::set_aside::SetAside;
use super::lanes::nowhere;
use super::{Rig, Table, once};
use crate::clickhouse::SignalTable;

fn files(folder: &TempDir) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder.path().join("set-aside")) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().path()).collect()
}

fn record(version: u8, payload: &'static [u8]) -> Record {
    Record { kind: 9, version, items: 3, payload: Bytes::from_static(payload) }
}

#[tokio::test]
async fn rows_of_a_newer_version_stop_nothing_and_are_sent_by_who_knows_them_once() {
    let (folder, table) = (TempDir::new().unwrap(), Arc::new(Table::default()));
    let rig = Rig::start(&folder, &table);
    rig.append(1).await;
    rig.append_of(2, 20).await;
    rig.append_of(2, 21).await;
    rig.append(2).await;
    rig.until_empty().await;
    assert_eq!(*table.rows.lock().unwrap(), once(1..3));
    let sent = rig.progress.sent();
    assert_eq!((sent.rows, sent.set_aside_rows, sent.dropped_rows), (2, 2, 0));
    assert_eq!(files(&folder).len(), 2);
    rig.close().await;
    // The same version leaves them alone.
    let rig = Rig::again(&folder, &table).await;
    rig.close().await;
    assert_eq!((files(&folder).len(), table.rows.lock().unwrap().len()), (2, 2));
    table.is_newer.store(true, Ordering::Relaxed);
    let rig = Rig::again(&folder, &table).await;
    let expected = once([1, 2, 20, 21].into_iter());
    let until = std::time::Instant::now() + super::PATIENCE;
    while *table.rows.lock().unwrap() != expected || !files(&folder).is_empty() {
        assert!(std::time::Instant::now() < until, "{:?} {:?}", table.rows, files(&folder));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(rig.progress.sent().rows, 2);
    rig.close().await;
}

#[tokio::test]
async fn without_room_to_set_them_aside_rows_are_dropped_and_counted() {
    let (folder, table) = (TempDir::new().unwrap(), Arc::new(Table::default()));
    let rig = Rig::start(&folder, &table);
    // An eighth of the rig's 1 MiB.
    let payload = Bytes::from(vec![7; (1 << 17) + 1]);
    let large = Record { kind: 1, version: 2, items: 5, payload };
    rig.queue.append(vec![large]).await.unwrap();
    rig.append(1).await;
    rig.until_empty().await;
    let sent = rig.progress.sent();
    assert_eq!((sent.rows, sent.set_aside_rows, sent.dropped_rows), (1, 0, 5));
    assert_eq!(files(&folder).len(), 0);
    rig.close().await;
}

#[tokio::test]
async fn a_disk_that_sets_nothing_aside_stops_nothing_either() {
    let (folder, table) = (TempDir::new().unwrap(), Arc::new(Table::default()));
    // Where the folder should be.
    std::fs::write(folder.path().join("set-aside"), b"").unwrap();
    let rig = Rig::start(&folder, &table);
    rig.append_of(2, 20).await;
    rig.append(1).await;
    rig.until_empty().await;
    assert_eq!(*table.rows.lock().unwrap(), once(1..2));
    let sent = rig.progress.sent();
    assert_eq!((sent.set_aside_rows, sent.dropped_rows, sent.retries), (0, 1, 6));
    rig.close().await;
}

#[test]
fn what_is_set_aside_is_bounded_and_the_same_rows_count_once() {
    let folder = TempDir::new().unwrap();
    // Room for eight bytes.
    let mut aside = SetAside::open(folder.path(), 64);
    assert!(aside.found().unwrap().is_empty());
    assert!(!aside.keep(&record(2, b"123456789")).unwrap());
    assert!(aside.keep(&record(2, b"12345678")).unwrap());
    assert!(aside.keep(&record(2, b"12345678")).unwrap());
    assert!(!aside.keep(&record(2, b"1")).unwrap());
    // A crash while one was written, and somebody's own file.
    std::fs::write(folder.path().join("set-aside/9-2-3-00.unfinished"), b"1234").unwrap();
    std::fs::write(folder.path().join("set-aside/README"), b"").unwrap();
    let mut aside = SetAside::open(folder.path(), 64);
    assert!(!aside.keep(&record(2, b"1")).unwrap(), "what is there counts");
    let found = aside.found().unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].rows, found[0].items), (Rows { kind: 9, version: 2 }, 3));
    assert_eq!(aside.read(&found[0]).unwrap(), record(2, b"12345678"));
    aside.remove(&found[0]).unwrap();
    assert!(aside.keep(&record(2, b"1")).unwrap());
}

#[tokio::test]
async fn the_numbers_on_the_disk_are_never_given_twice_and_others_are_not_known() {
    let mut numbers: Vec<_> = SignalTable::ALL.into_iter().map(Rows::of_table).collect();
    numbers.push(Rows::SPANS);
    let store = nowhere();
    assert!(numbers.iter().all(|rows| store.knows(*rows)));
    numbers.sort_unstable();
    // As written by every version so far.
    assert_eq!(numbers, (1..8).map(|kind| Rows { kind, version: 1 }).collect::<Vec<_>>());
    for (kind, version) in [(0, 1), (8, 1), (1, 2), (7, 2), (7, 0)] {
        assert!(!store.knows(Rows { kind, version }), "{kind} {version}");
    }
}
