//! Appends groups of records. A group is acknowledged after one sync of its file.
//!
//! After a failure nothing is known about the end of the segment, so it is never written again: the
//! next group begins a new one, whose header says where the old one ends.

use std::io;
use std::sync::Arc;

use crate::Record;
use crate::disk::{Disk, DiskFile};
use crate::format::{
    SEGMENT_HEADER_BYTES, SegmentEnd, record_bytes, segment_header, segment_name, write_record,
};
use crate::index::{Extent, Index};

/// The half that writes. There is one of a queue.
pub(crate) struct Writer<D: Disk> {
    disk: Arc<D>,
    index: Arc<Index>,
    active: Option<Active<D::File>>,
    next_number: u64,
    /// Where the segment before the next one ends.
    previous: SegmentEnd,
    segment_bytes_max: u64,
    buffer: Vec<u8>,
}

struct Active<F> {
    file: F,
    number: u64,
    end: u64,
}

// === impl Writer ===

impl<D: Disk> Writer<D> {
    /// Begins a segment of its own, so that what is there is never written again.
    pub(crate) fn new(
        disk: Arc<D>,
        index: Arc<Index>,
        next_number: u64,
        previous: SegmentEnd,
        segment_bytes_max: u64,
    ) -> Self {
        let (active, buffer) = (None, Vec::new());
        Self { disk, index, active, next_number, previous, segment_bytes_max, buffer }
    }

    /// Makes all of `records` durable, or none of them known.
    pub(crate) fn commit(&mut self, records: &[&Record], now_ms: u64) -> io::Result<()> {
        if records.is_empty() {
            return Ok(());
        }
        let bytes = records.iter().map(|record| record_bytes(record)).sum::<u64>();
        let full = |active: &Active<_>| {
            active.end > SEGMENT_HEADER_BYTES && active.end + bytes > self.segment_bytes_max
        };
        if self.active.as_ref().is_some_and(full) {
            self.seal();
        }
        let mut active = match self.active.take() {
            Some(active) => active,
            None => self.begin()?,
        };
        self.buffer.clear();
        let mut offset = active.end;
        for record in records {
            write_record(&mut self.buffer, active.number, offset, record, now_ms);
            offset += record_bytes(record);
        }
        let written = active.file.write_at(active.end, &self.buffer);
        if let Err(error) = written.and_then(|()| active.file.sync()) {
            // Gives room back; what counts is the next segment's header.
            let _cut = active.file.truncate(active.end);
            self.index.lock().active = None;
            return Err(error);
        }
        active.end = offset;
        self.previous = SegmentEnd { number: active.number, end: offset };
        self.count(active.number, records, bytes, now_ms);
        self.active = Some(active);
        if offset >= self.segment_bytes_max {
            self.seal();
        }
        Ok(())
    }

    /// Does not write the segment any more.
    fn seal(&mut self) {
        self.active = None;
        self.index.lock().active = None;
    }

    fn begin(&mut self) -> io::Result<Active<D::File>> {
        let number = self.next_number;
        // Its file may be there even if it cannot be used.
        self.next_number += 1;
        let name = segment_name(number);
        let file = self.disk.create(&name)?;
        let header = segment_header(number, self.previous);
        let made = file.write_at(0, &header).and_then(|()| file.sync());
        if let Err(error) = made.and_then(|()| self.disk.sync()) {
            // It says nothing that is wrong, if it stays.
            let _gone = self.disk.remove(&name);
            return Err(error);
        }
        let end = SEGMENT_HEADER_BYTES;
        self.previous = SegmentEnd { number, end };
        let mut state = self.index.lock();
        state.segments.push_back(Extent { number, end });
        state.active = Some(number);
        state.stats.bytes += end;
        drop(state);
        Ok(Active { file, number, end })
    }

    fn count(&self, number: u64, records: &[&Record], bytes: u64, now_ms: u64) {
        let items = records.iter().map(|record| u64::from(record.items)).sum::<u64>();
        let mut state = self.index.lock();
        if let Some(extent) = state.segments.back_mut().filter(|extent| extent.number == number) {
            extent.end += bytes;
        }
        let stats = &mut state.stats;
        stats.bytes += bytes;
        stats.waiting_bytes += bytes;
        stats.waiting_records += u64::try_from(records.len()).unwrap_or(u64::MAX);
        stats.waiting_items += items;
        stats.appended_items += items;
        stats.oldest_ms.get_or_insert(now_ms);
    }
}
