//! The queue on the model disk and on a real folder: damage, bounds, sharing of syncs.

mod bounds;
mod damage;
mod real;

use bytes::Bytes;

use crate::disk::model::Model;
use crate::recovery::{self, Halves};
use crate::{Batch, Record};

const SEGMENT_BYTES_MAX: u64 = 1_000;

fn record(id: u8, bytes: usize) -> Record {
    Record { kind: 1, version: 2, items: 3, payload: Bytes::from(vec![id; bytes]) }
}

fn open(disk: &Model) -> Halves<Model> {
    recovery::open(disk.clone(), SEGMENT_BYTES_MAX).unwrap()
}

/// Puts a record of 100 bytes in for each id, each with a commit of its own.
fn fill(halves: &mut Halves<Model>, ids: impl IntoIterator<Item = u8>) {
    for id in ids {
        halves.writer.commit(&[&record(id, 100)], 1_000 + u64::from(id)).unwrap();
    }
}

/// Takes everything out; the ids in the order in which they came.
fn drain(halves: &mut Halves<Model>) -> Vec<u8> {
    let mut ids = Vec::new();
    while let Some(batch) = halves.reader.next(500).unwrap() {
        ids.extend(ids_of(&batch));
        halves.reader.acknowledge(&batch);
    }
    ids
}

fn ids_of(batch: &Batch) -> Vec<u8> {
    batch.records.iter().map(|record| record.payload[0]).collect()
}
