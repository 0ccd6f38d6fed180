//! Hands batches out, remembers what was acknowledged, deletes what nobody needs any more.
//!
//! The order is what makes it safe: a batch's bounds are durable before it is handed out, and the
//! cursor is durable behind a segment before that segment is deleted.

use std::io;
use std::sync::Arc;

use bytes::Bytes;

use crate::Record;
use crate::cursor::{Cursor, Place};
use crate::disk::{Disk, DiskFile};
use crate::format::{RecordHeader, SEGMENT_HEADER_BYTES, length, segment_name};
use crate::index::{Extent, Index};
use crate::scan::{Found, Scan};

/// How much is written again at once.
const SECURED_BYTES: usize = 1024 * 1024;

/// Records that belong together, always the same for the same place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The segment that it is in.
    pub segment: u64,
    /// Where in the segment it begins and ends, in bytes.
    pub range: (u64, u64),
    /// In the order in which they came.
    pub records: Vec<Record>,
    counts: Counts,
}

/// What a batch takes from what waits: damaged records too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    records: u64,
    items: u64,
    damaged_bytes: u64,
}

/// The half that reads. There is one of a queue.
pub(crate) struct Reader<D: Disk> {
    disk: Arc<D>,
    index: Arc<Index>,
    cursor: Cursor<D::File>,
    place: Place,
    open: Option<(u64, D::File)>,
    /// Segments whose end nobody acknowledged: what was read there may not be on the disk.
    unsure: Vec<u64>,
}

/// A stretch of a segment, read.
struct Stretch {
    end: u64,
    records: Vec<Record>,
    counts: Counts,
}

// === impl Reader ===

impl<D: Disk> Reader<D> {
    pub(crate) const fn new(
        disk: Arc<D>,
        index: Arc<Index>,
        cursor: Cursor<D::File>,
        place: Place,
        unsure: Vec<u64>,
    ) -> Self {
        Self { disk, index, cursor, place, open: None, unsure }
    }

    /// The batch that was not acknowledged yet, or the next one: at least one record, and no more
    /// than `bytes_max` if it is not a single one. `None` where nothing waits.
    pub(crate) fn next(&mut self, bytes_max: u64) -> io::Result<Option<Batch>> {
        loop {
            let Some(extent) = self.advance() else {
                self.settle()?;
                return Ok(None);
            };
            let start = self.place.offset;
            let limit = self.place.batch_end.map(|end| end.min(extent.end));
            let stretch = self.read(extent, limit, bytes_max)?;
            if stretch.records.is_empty() {
                self.pass(stretch.end, stretch.counts);
                continue;
            }
            self.place.batch_end = Some(stretch.end);
            if let Err(error) = self.settle() {
                // It was not handed out, so its bounds may still be others.
                self.place.batch_end = limit;
                return Err(error);
            }
            let Stretch { end, records, counts } = stretch;
            return Ok(Some(Batch {
                segment: extent.number,
                range: (start, end),
                records,
                counts,
            }));
        }
    }

    /// The batch need not come again.
    pub(crate) fn acknowledge(&mut self, batch: &Batch) {
        if (batch.segment, batch.range.0) != (self.place.segment, self.place.offset) {
            return;
        }
        let items = batch.records.iter().map(|record| u64::from(record.items)).sum::<u64>();
        self.index.lock().stats.delivered_items += items;
        self.pass(batch.range.1, batch.counts);
    }

    /// Goes on to `end`, which is in the same segment.
    fn pass(&mut self, end: u64, counts: Counts) {
        let bytes = end - self.place.offset;
        (self.place.offset, self.place.batch_end) = (end, None);
        let oldest_ms = self.peek();
        let mut state = self.index.lock();
        let stats = &mut state.stats;
        stats.damaged_bytes += counts.damaged_bytes;
        stats.waiting_bytes = stats.waiting_bytes.saturating_sub(bytes);
        stats.waiting_records = stats.waiting_records.saturating_sub(counts.records);
        stats.waiting_items = stats.waiting_items.saturating_sub(counts.items);
        if stats.waiting_bytes == 0 {
            // Records whose headers are damaged were counted and never found.
            (stats.waiting_records, stats.waiting_items, stats.oldest_ms) = (0, 0, None);
        } else if oldest_ms.is_some() {
            stats.oldest_ms = oldest_ms;
        }
    }

    /// The segment that is to be read next, if there is anything in it.
    fn advance(&mut self) -> Option<Extent> {
        loop {
            let state = self.index.lock();
            let extent = state.from(self.place.segment)?;
            let is_sealed = state.is_sealed(extent.number);
            drop(state);
            if extent.number != self.place.segment || self.place.offset < SEGMENT_HEADER_BYTES {
                let offset = SEGMENT_HEADER_BYTES;
                self.place = Place { segment: extent.number, offset, batch_end: None };
            }
            if self.place.offset < extent.end {
                return Some(extent);
            }
            if !is_sealed {
                return None;
            }
            self.place = Place { segment: extent.number + 1, offset: 0, batch_end: None };
        }
    }

    /// Reads from the place on, up to `limit` if the bounds are fixed.
    fn read(&mut self, extent: Extent, limit: Option<u64>, bytes_max: u64) -> io::Result<Stretch> {
        let start = self.place.offset;
        self.secure(extent)?;
        let file = self.file(extent.number)?;
        let mut scan = Scan::new(file, extent.number, start, limit.unwrap_or(extent.end));
        let mut found: Vec<Found> = Vec::new();
        let mut end = limit.unwrap_or(extent.end);
        let mut skipped_bytes = 0;
        while let Some(next) = scan.next()? {
            if limit.is_none() && !found.is_empty() && next.end() - start > bytes_max {
                end = found.last().map_or(start, Found::end);
                break;
            }
            skipped_bytes = scan.skipped_bytes();
            found.push(next);
        }
        if end == limit.unwrap_or(extent.end) {
            // What follows the last record is none.
            skipped_bytes += end.saturating_sub(found.last().map_or(start, Found::end));
        }
        let counts = Counts { damaged_bytes: skipped_bytes, ..Counts::default() };
        let mut stretch = Stretch { end, records: Vec::new(), counts };
        let from = found.first().map_or(end, |first| first.offset);
        let mut buffer = vec![0; usize::try_from(end - from).unwrap_or(usize::MAX)];
        file.read_at(from, &mut buffer)?;
        let buffer = Bytes::from(buffer);
        for found in found {
            let at = |offset: u64| usize::try_from(offset - from).unwrap_or(usize::MAX);
            let payload = buffer.slice(at(found.payload_offset())..at(found.end()));
            let RecordHeader { kind, version, items, .. } = found.header;
            stretch.counts.records += 1;
            stretch.counts.items += u64::from(items);
            if found.header.matches(&payload) {
                stretch.records.push(Record { kind, version, items, payload });
            } else {
                stretch.counts.damaged_bytes += found.header.record_bytes();
            }
        }
        Ok(stretch)
    }

    /// Writes what a process before us has left in the system's memory once more, the same to the
    /// same place, so that a batch is still the same after a power failure.
    fn secure(&mut self, extent: Extent) -> io::Result<()> {
        if !self.unsure.contains(&extent.number) {
            return Ok(());
        }
        let mut offset = self.place.offset;
        let file = self.file(extent.number)?;
        let mut buffer = vec![0; SECURED_BYTES];
        while offset < extent.end {
            let bytes = usize::try_from(extent.end - offset).unwrap_or(usize::MAX);
            let Some(part) = buffer.get_mut(..bytes.min(SECURED_BYTES)) else { break };
            file.read_at(offset, part)?;
            file.write_at(offset, part)?;
            offset += length(part);
        }
        file.sync()?;
        self.unsure.retain(|number| *number != extent.number);
        Ok(())
    }

    /// Makes the place durable, then deletes the segments before it.
    fn settle(&mut self) -> io::Result<()> {
        self.cursor.set(self.place)?;
        loop {
            let state = self.index.lock();
            let done = state.segments.front().map(|extent| extent.number);
            let Some(number) = done.filter(|number| *number < self.place.segment) else {
                return Ok(());
            };
            drop(state);
            if self.open.as_ref().is_some_and(|(open, _)| *open == number) {
                self.open = None;
            }
            if let Err(error) = self.disk.remove(&segment_name(number)) {
                // It is tried again, and counts as long as it is there.
                tracing::warn!(%error, segment = number, "a delivered segment cannot be deleted");
                return Ok(());
            }
            self.index.lock().forget(number);
        }
    }

    /// When the record at the place came.
    fn peek(&mut self) -> Option<u64> {
        let extent = self.index.lock().from(self.place.segment)?;
        let offset = match extent.number == self.place.segment {
            true if self.place.offset < extent.end => self.place.offset,
            true => {
                let next = self.index.lock().from(self.place.segment + 1)?;
                return self.appended_ms(next, SEGMENT_HEADER_BYTES);
            }
            false => SEGMENT_HEADER_BYTES,
        };
        self.appended_ms(extent, offset)
    }

    fn appended_ms(&self, extent: Extent, offset: u64) -> Option<u64> {
        let file = self.disk.open(&segment_name(extent.number)).ok()?;
        let found = Scan::new(&file, extent.number, offset, extent.end).next().ok()?;
        found.map(|found| found.header.appended_ms)
    }

    fn file(&mut self, number: u64) -> io::Result<&D::File> {
        let file = match self.open.take() {
            Some((open, file)) if open == number => file,
            _ => self.disk.open(&segment_name(number))?,
        };
        Ok(&self.open.insert((number, file)).1)
    }
}
