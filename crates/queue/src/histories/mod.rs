//! Random histories on the model disk: appends, deliveries, lost answers, failures of the disk, kills
//! and power failures, then a judge. With syncs that do nothing the same judge must find the loss.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use crate::disk::model::{Faults, Model};
use crate::recovery::{self, Halves};
use crate::{Batch, Record};

const HISTORIES: u64 = 10_000;
const STEPS_MAX: usize = 60;
/// Small, so that histories have many segments.
const SEGMENT_BYTES_MAX: u64 = 2_000;
const BATCH_BYTES_MAX: u64 = 1_500;
const PAYLOAD_BYTES_MAX: usize = 900;

/// One life after the other of a queue, and what the world outside has seen.
struct History {
    random: fastrand::Rng,
    disk: Model,
    halves: Option<Halves<Model>>,
    next_id: u64,
    acknowledged: BTreeSet<u64>,
    receiver: Receiver,
}

/// Whoever gets the batches: knows one again that it has, as ClickHouse does by its token.
#[derive(Default)]
struct Receiver {
    batches: BTreeSet<Vec<u8>>,
    received: BTreeMap<u64, u32>,
    /// It knows nothing again.
    is_forgetful: bool,
}

impl Receiver {
    fn take(&mut self, batch: &Batch) {
        let bytes: Vec<u8> =
            batch.records.iter().flat_map(|record| record.payload.to_vec()).collect();
        if self.batches.insert(bytes) || self.is_forgetful {
            for record in &batch.records {
                *self.received.entry(id(record)).or_default() += 1;
            }
        }
    }
}

fn id(record: &Record) -> u64 {
    u64::from_le_bytes(*record.payload.first_chunk().unwrap())
}

impl History {
    fn new(seed: u64) -> Self {
        let random = fastrand::Rng::with_seed(seed);
        let (disk, receiver) = (Model::new(seed ^ 0x5eed), Receiver::default());
        let acknowledged = BTreeSet::new();
        Self { random, disk, halves: None, next_id: 0, acknowledged, receiver }
    }

    /// Opens the queue if the disk lets it.
    fn halves(&mut self) -> Option<&mut Halves<Model>> {
        if self.halves.is_none() {
            self.halves = recovery::open(self.disk.clone(), SEGMENT_BYTES_MAX).ok();
        }
        self.halves.as_mut()
    }

    fn append(&mut self) {
        let records: Vec<_> = (0..self.random.usize(1..4))
            .map(|_| {
                self.next_id += 1;
                let mut payload = self.next_id.to_le_bytes().to_vec();
                let filler = self.random.u8(..);
                payload.resize(8 + self.random.usize(..PAYLOAD_BYTES_MAX), filler);
                Record { kind: filler, version: 1, items: 1, payload: Bytes::from(payload) }
            })
            .collect();
        let now_ms = self.next_id;
        let Some(halves) = self.halves() else { return };
        if halves.writer.commit(&records.iter().collect::<Vec<_>>(), now_ms).is_ok() {
            self.acknowledged.extend(records.iter().map(id));
        }
    }

    fn deliver(&mut self) {
        let outcome = self.random.u8(..4);
        let Some(halves) = self.halves() else { return };
        let Ok(Some(batch)) = halves.reader.next(BATCH_BYTES_MAX) else { return };
        // 0: the request is lost. 1: the answer is lost.
        if outcome > 1 {
            halves.reader.acknowledge(&batch);
        }
        if outcome > 0 {
            self.receiver.take(&batch);
        }
    }

    fn step(&mut self) {
        match self.random.u8(..20) {
            0 => {
                self.halves = None;
                self.disk.crash();
            }
            1 => {
                self.halves = None;
                self.disk.kill();
            }
            2 => {
                let mut one_in = || [0, 3, 10][self.random.usize(..3)];
                let (writes, syncs, names) = (one_in(), one_in(), one_in());
                self.disk.fail(Faults { writes, syncs, names });
            }
            3 => self.disk.fail(Faults::default()),
            4..=11 => self.append(),
            _ => self.deliver(),
        }
    }

    /// Lives through a history; then all is well and the queue is emptied.
    fn live(&mut self) -> Result<(), String> {
        for _ in 0..self.random.usize(1..STEPS_MAX) {
            self.step();
        }
        self.disk.fail(Faults::default());
        self.halves = None;
        self.disk.crash();
        let halves = self.halves().ok_or("a healthy disk and the queue does not open")?;
        let mut batches = Vec::new();
        while let Some(batch) = halves.reader.next(BATCH_BYTES_MAX).map_err(|e| e.to_string())? {
            halves.reader.acknowledge(&batch);
            batches.push(batch);
        }
        let stats = halves.index.lock().stats;
        if (stats.waiting_bytes, stats.waiting_records, stats.oldest_ms) != (0, 0, None) {
            return Err(format!("empty, and yet {stats:?}"));
        }
        batches.iter().for_each(|batch| self.receiver.take(batch));
        self.judge()
    }

    fn judge(&self) -> Result<(), String> {
        let received = &self.receiver.received;
        let lost: Vec<_> =
            self.acknowledged.iter().filter(|id| !received.contains_key(id)).collect();
        let twice: Vec<_> = received.iter().filter(|(_, times)| **times > 1).collect();
        match (lost.is_empty(), twice.is_empty()) {
            (true, true) => Ok(()),
            _ => Err(format!("lost {lost:?}, twice {twice:?}")),
        }
    }
}

#[test]
fn what_was_acknowledged_arrives_once_in_ten_thousand_random_histories() {
    let mut acknowledged = 0;
    let first = std::env::var("TOLLGATE_SEED").ok().and_then(|seed| seed.parse().ok());
    let first = first.unwrap_or(0);
    for seed in first..first + HISTORIES {
        let mut history = History::new(seed);
        if let Err(verdict) = history.live() {
            panic!("seed {seed}: {verdict}");
        }
        acknowledged += history.acknowledged.len();
    }
    assert!(acknowledged > 10 * HISTORIES as usize, "{acknowledged} records show little");
}

#[test]
fn the_same_judge_finds_the_loss_where_syncs_do_nothing() {
    for (about_files, about_names) in [(true, false), (false, true), (true, true)] {
        let lost = (0..200).filter(|seed| {
            let mut history = History::new(*seed);
            history.disk.lie(about_files, about_names);
            history.live().is_err()
        });
        let lost = lost.count();
        assert!(lost > 100, "files {about_files}, names {about_names}: only {lost} of 200 seen");
    }
}

#[test]
fn the_same_judge_finds_what_arrives_twice_where_nobody_knows_batches_again() {
    let twice = (0..200).filter(|seed| {
        let mut history = History::new(*seed);
        history.receiver.is_forgetful = true;
        history.live().is_err()
    });
    let twice = twice.count();
    assert!(twice > 100, "only {twice} of 200 seen");
}
