//! Files that are not as they were left: the queue starts, loses what is damaged and nothing else,
//! and says so.

use super::{drain, fill, open, record};
use crate::disk::Disk;
use crate::disk::model::{Faults, Model};
use crate::format::segment_name;

/// A record of 100 bytes with its header.
const RECORD_BYTES: usize = 128;
const SEGMENT_HEADER_BYTES: usize = 40;

#[test]
fn a_record_comes_out_as_it_went_in() {
    let disk = Model::new(1);
    let mut halves = open(&disk);
    halves.writer.commit(&[&record(7, 0), &record(8, 10)], 5).unwrap();
    let batch = halves.reader.next(1_000).unwrap().unwrap();
    assert_eq!(batch.records, [record(7, 0), record(8, 10)]);
    assert_eq!((batch.segment, batch.range), (1, (40, 40 + 28 + 28 + 10)));
    let stats = halves.index.lock().stats;
    assert_eq!((stats.waiting_records, stats.waiting_items, stats.oldest_ms), (2, 6, Some(5)));
    halves.reader.acknowledge(&batch);
    let stats = halves.index.lock().stats;
    assert_eq!((stats.waiting_records, stats.waiting_items, stats.oldest_ms), (0, 0, None));
    assert_eq!((stats.appended_items, stats.delivered_items), (6, 6));
}

#[test]
fn a_write_that_a_crash_left_half_done_is_cut_off_and_counted() {
    for torn in [1, 27, 28, 29, 100, RECORD_BYTES - 1] {
        let disk = Model::new(1);
        fill(&mut open(&disk), 0..3);
        disk.kill();
        let name = segment_name(1);
        let whole = disk.content(&name);
        disk.replace(&name, &whole[..whole.len() - RECORD_BYTES + torn]);
        let mut halves = open(&disk);
        assert_eq!(halves.recovered.cut_bytes, torn as u64);
        assert_eq!(halves.recovered.records, 2);
        fill(&mut halves, 5..6);
        assert_eq!(drain(&mut halves), [0, 1, 5], "{torn}");
    }
}

#[test]
fn a_file_that_ends_in_zeros_ends_before_them() {
    let disk = Model::new(1);
    fill(&mut open(&disk), 0..3);
    disk.kill();
    let mut longer = disk.content(&segment_name(1));
    longer.resize(longer.len() + 4_096, 0);
    disk.replace(&segment_name(1), &longer);
    let mut halves = open(&disk);
    assert_eq!((halves.recovered.records, halves.recovered.cut_bytes), (3, 4_096));
    assert_eq!(drain(&mut halves), [0, 1, 2]);
}

#[test]
fn whichever_byte_is_damaged_the_other_records_arrive() {
    let whole = SEGMENT_HEADER_BYTES + 3 * RECORD_BYTES;
    for at in 0..whole {
        for is_last in [true, false] {
            let disk = Model::new(1);
            fill(&mut open(&disk), 0..3);
            disk.kill();
            if !is_last {
                fill(&mut open(&disk), 3..4);
                disk.kill();
            }
            let name = segment_name(1);
            let byte = disk.content(&name)[at] ^ 0x40;
            disk.damage(&name, at, &[byte]);
            let mut halves = open(&disk);
            let arrived = drain(&mut halves);
            let hit = at.checked_sub(SEGMENT_HEADER_BYTES).map(|at| at / RECORD_BYTES);
            let expected: Vec<_> = (0..if is_last { 3 } else { 4 })
                .filter(|id| Some(usize::from(*id)) != hit)
                .collect();
            assert_eq!(arrived, expected, "byte {at}");
            let stats = halves.index.lock().stats;
            let lost = stats.damaged_bytes + stats.cut_bytes;
            assert_eq!(lost, if hit.is_some() { RECORD_BYTES as u64 } else { 0 }, "byte {at}");
            assert_eq!((stats.waiting_bytes, stats.waiting_records), (0, 0), "byte {at}");
        }
    }
}

#[test]
fn files_of_any_content_open_and_come_to_an_end() {
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..2_000 {
        let disk = Model::new(1);
        let mut halves = open(&disk);
        fill(&mut halves, 0..10);
        let batch = halves.reader.next(300).unwrap().unwrap();
        halves.reader.acknowledge(&batch);
        halves.reader.next(300).unwrap().unwrap();
        drop(halves);
        disk.kill();
        for name in disk.names().unwrap() {
            let mut content = disk.content(&name);
            match random.u8(..4) {
                0 => content.truncate(random.usize(..=content.len())),
                1 => {
                    let by = random.usize(..content.len());
                    content.rotate_left(by);
                }
                2 => content.fill_with(|| random.u8(..)),
                _ => {
                    let (from, to) = (random.usize(..content.len()), random.usize(..content.len()));
                    let bytes = random.usize(..content.len() - from.max(to));
                    content.copy_within(from..from + bytes, to);
                }
            }
            disk.replace(&name, &content);
        }
        let mut halves = open(&disk);
        fill(&mut halves, 50..52);
        let arrived = drain(&mut halves);
        assert!(arrived.ends_with(&[50, 51]) && arrived.len() <= 12, "{arrived:?}");
        let stats = halves.index.lock().stats;
        assert_eq!((stats.waiting_bytes, stats.waiting_records, stats.waiting_items), (0, 0, 0));
    }
}

#[test]
fn a_segment_that_is_missing_is_counted_and_the_others_arrive() {
    let disk = Model::new(1);
    let mut halves = open(&disk);
    fill(&mut halves, 0..20);
    drop(halves);
    disk.kill();
    disk.remove(&segment_name(2)).unwrap();
    let mut halves = open(&disk);
    assert_eq!(halves.recovered.missing_segments, 1);
    assert_eq!(drain(&mut halves), (0..7).chain(14..20).collect::<Vec<_>>());
    // The one that the cursor is in.
    let disk = Model::new(1);
    let mut halves = open(&disk);
    fill(&mut halves, 0..10);
    let batch = halves.reader.next(500).unwrap().unwrap();
    halves.reader.acknowledge(&batch);
    halves.reader.next(500).unwrap().unwrap();
    disk.kill();
    disk.remove(&segment_name(1)).unwrap();
    let mut halves = open(&disk);
    assert_eq!(halves.recovered.missing_segments, 1);
    fill(&mut halves, 30..31);
    assert_eq!(drain(&mut halves), [7, 8, 9, 30]);
}

#[test]
fn without_a_cursor_everything_that_is_there_comes_again() {
    let disk = Model::new(1);
    let mut halves = open(&disk);
    fill(&mut halves, 0..3);
    let batch = halves.reader.next(200).unwrap().unwrap();
    halves.reader.acknowledge(&batch);
    halves.reader.next(200).unwrap().unwrap();
    drop(halves);
    disk.kill();
    // One slot tells everything.
    let whole = disk.content("cursor");
    let slots: Vec<_> = [0, 4_096].into_iter().filter(|at| whole[*at] != 0).collect();
    assert_eq!(slots.len(), 2);
    for slot in slots {
        disk.damage("cursor", slot + 20, &[0xff]);
    }
    let mut halves = open(&disk);
    assert!(halves.recovered.is_cursor_lost);
    assert_eq!(drain(&mut halves), [0, 1, 2]);
}

#[test]
fn what_was_refused_because_a_sync_failed_never_comes_back() {
    let disk = Model::new(1);
    let mut halves = open(&disk);
    fill(&mut halves, 0..1);
    disk.fail(Faults { syncs: 1, ..Faults::default() });
    assert!(halves.writer.commit(&[&record(9, 100)], 0).is_err());
    disk.fail(Faults::default());
    // The cut of the old segment may be lost; the new one's header is not.
    fill(&mut halves, 1..2);
    drop(halves);
    disk.kill();
    let mut halves = open(&disk);
    assert_eq!(drain(&mut halves), [0, 1]);
}

#[test]
fn a_batch_that_was_handed_out_has_the_same_bounds_after_a_restart() {
    let disk = Model::new(1);
    let mut halves = open(&disk);
    fill(&mut halves, 0..2);
    let before = halves.reader.next(1_000).unwrap().unwrap();
    fill(&mut halves, 2..4);
    assert_eq!(halves.reader.next(1_000).unwrap().unwrap(), before);
    disk.kill();
    let mut halves = open(&disk);
    let again = halves.reader.next(1_000).unwrap().unwrap();
    assert_eq!(again, before);
    halves.reader.acknowledge(&again);
    assert_eq!(drain(&mut halves), [2, 3]);
}
