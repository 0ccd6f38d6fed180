//! The start: finds what is there, cuts what a crash left half written, and counts what waits.
//!
//! Nothing that is found keeps the queue from starting: what cannot be read is skipped and counted.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::Arc;

use crate::cursor::{Cursor, Opened, Place};
use crate::disk::{Disk, DiskFile};
use crate::format::{SEGMENT_HEADER_BYTES, SegmentEnd, previous_end, segment_name, segment_number};
use crate::index::{Extent, Index, State, Stats};
use crate::reader::Reader;
use crate::scan::Scan;
use crate::writer::Writer;

/// What the start found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Records that wait.
    pub records: u64,
    /// Things in them.
    pub items: u64,
    /// Bytes behind the last record of a segment, which were cut off.
    pub cut_bytes: u64,
    /// Segments that should be there and are not.
    pub missing_segments: u64,
    /// Whether nobody knows how far the consumer was, so that everything is delivered again.
    pub is_cursor_lost: bool,
}

/// Both halves of an opened queue.
pub(crate) struct Halves<D: Disk> {
    pub(crate) writer: Writer<D>,
    pub(crate) reader: Reader<D>,
    pub(crate) index: Arc<Index>,
    pub(crate) recovered: Recovered,
}

/// A segment's file, before its records are looked at.
struct Segment<F> {
    number: u64,
    file: F,
    bytes: u64,
}

/// Opens the queue on `disk`.
pub(crate) fn open<D: Disk>(disk: D, segment_bytes_max: u64) -> io::Result<Halves<D>> {
    let disk = Arc::new(disk);
    let names = disk.names()?;
    let Opened { cursor, place: found } = Cursor::open(&*disk, &names)?;
    let mut place = found.unwrap_or_default();
    let mut numbers: Vec<_> = names.iter().filter_map(|name| segment_number(name)).collect();
    numbers.sort_unstable();
    let last = numbers.last().copied();
    let mut recovered =
        Recovered { is_cursor_lost: found.is_none() && last.is_some(), ..Recovered::default() };
    let (segments, ends) = segments(&*disk, &numbers, place.segment)?;
    // Gone with a part of it unread: one that was read to its end is not named any more.
    if place.offset > 0 && segments.first().is_none_or(|first| first.number != place.segment) {
        recovered.missing_segments += 1;
        place = Place { segment: place.segment + 1, offset: 0, batch_end: None };
    }
    let gaps = segments.iter().zip(segments.iter().skip(1));
    recovered.missing_segments +=
        gaps.map(|(one, next)| missing_between(one.number, next.number, &ends)).sum::<u64>();
    let mut state = State::default();
    let mut extents = VecDeque::with_capacity(segments.len());
    for segment in &segments {
        let from = match segment.number == place.segment {
            true => place.offset.max(SEGMENT_HEADER_BYTES),
            false => SEGMENT_HEADER_BYTES,
        };
        let end = end(segment, from, &ends, &mut state.stats)?;
        if end < segment.bytes {
            recovered.cut_bytes += segment.bytes - end;
            // What counts is the next segment's header, which says the same.
            let _cut = segment.file.truncate(end);
        }
        extents.push_back(Extent { number: segment.number, end });
        state.stats.bytes += end;
    }
    let previous = extents.back().map_or(SegmentEnd { number: 0, end: 0 }, |extent| SegmentEnd {
        number: extent.number,
        end: extent.end,
    });
    let next_number = last.map_or(1, |last| last + 1).max(place.segment);
    (recovered.records, recovered.items) = (state.stats.waiting_records, state.stats.waiting_items);
    state.stats.cut_bytes = recovered.cut_bytes;
    state.segments = extents;
    let index = Arc::new(Index::new(state));
    let unsure = segments.iter().map(|segment| segment.number);
    let unsure = unsure.filter(|number| !ends.contains_key(number)).collect();
    let reader = Reader::new(Arc::clone(&disk), Arc::clone(&index), cursor, place, unsure);
    let writer = Writer::new(disk, Arc::clone(&index), next_number, previous, segment_bytes_max);
    Ok(Halves { writer, reader, index, recovered })
}

type Ends = BTreeMap<u64, u64>;

/// The segments that are still needed, and where those before them say that they end.
fn segments<D: Disk>(
    disk: &D,
    numbers: &[u64],
    first: u64,
) -> io::Result<(Vec<Segment<D::File>>, Ends)> {
    let mut segments = Vec::new();
    let mut ends = Ends::new();
    for number in numbers.iter().copied() {
        let name = segment_name(number);
        if number < first {
            // Its deletion was not durable.
            disk.remove(&name)?;
            continue;
        }
        let file = disk.open(&name)?;
        let bytes = file.bytes()?;
        let mut header = [0; 40];
        // A header that cannot be read says nothing; the records speak for themselves.
        if file.read_at(0, &mut header).is_ok()
            && let Some(previous) = previous_end(number, &header)
        {
            let end = ends.entry(previous.number).or_insert(previous.end);
            *end = previous.end.min(*end);
        }
        segments.push(Segment { number, file, bytes });
    }
    Ok((segments, ends))
}

/// Segments with records that should be between two others. Numbers whose segment could not be begun
/// are passed over: no header names them.
fn missing_between(one: u64, next: u64, ends: &Ends) -> u64 {
    let between = ends.range(one + 1..next).filter(|(_, end)| **end > SEGMENT_HEADER_BYTES);
    u64::try_from(between.count()).unwrap_or(u64::MAX)
}

/// Where a segment's records end. Counts those from `from` on.
fn end<F: DiskFile>(
    segment: &Segment<F>,
    from: u64,
    ends: &Ends,
    stats: &mut Stats,
) -> io::Result<u64> {
    let known = ends.get(&segment.number).copied();
    let limit = known.unwrap_or(segment.bytes).min(segment.bytes);
    let mut scan = Scan::new(&segment.file, segment.number, from, limit);
    let mut whole = from;
    let mut pending = Stats::default();
    while let Some(found) = scan.next()? {
        pending.waiting_records += 1;
        pending.waiting_items += u64::from(found.header.items);
        pending.oldest_ms.get_or_insert(found.header.appended_ms);
        // Only the last segment can have a half-written record; of the others the end is known.
        if known.is_some() || is_whole(&segment.file, &found)? {
            whole = scan.offset();
            stats.waiting_records += std::mem::take(&mut pending.waiting_records);
            stats.waiting_items += std::mem::take(&mut pending.waiting_items);
            stats.oldest_ms = stats.oldest_ms.or(pending.oldest_ms);
        }
    }
    // A damaged record at a known end waits, to be counted as damaged when it is come to.
    let end = if known.is_some() { limit } else { whole.min(limit) };
    stats.waiting_bytes += end.saturating_sub(from);
    Ok(end)
}

fn is_whole<F: DiskFile>(file: &F, found: &crate::scan::Found) -> io::Result<bool> {
    let mut payload = vec![0; usize::try_from(found.header.payload_bytes).unwrap_or(usize::MAX)];
    file.read_at(found.payload_offset(), &mut payload)?;
    Ok(found.header.matches(&payload))
}
