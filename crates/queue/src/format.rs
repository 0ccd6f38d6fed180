//! A segment file: a header, then records one after the other. All numbers are little-endian.
//!
//! ```text
//! segment header, 40 bytes      record header, 28 bytes, then the payload
//!  0 magic "tollq\0", version u16   0 payload's length u32
//!  8 own number u64                 4 payload's CRC-32C u32
//! 16 previous number u64            8 appended at, Unix ms u64
//! 24 previous end u64              16 items u32
//! 32 zero u32                      20 kind u8, version u8, zero u16
//! 36 CRC-32C of 0..36 u32          24 CRC-32C of segment u64, offset u64, 0..24
//! ```
//!
//! A record's checksum names its place: bytes that an earlier file left on the disk, or that were
//! moved, are no record. The length has a checksum of its own, so that a record whose payload is
//! damaged is skipped exactly, and the next one is found behind any damage.
//!
//! The previous segment's end cuts off what came after the last acknowledged record there: a write
//! whose sync failed may be on the disk or not, and must not come back.

use crc32c::{crc32c, crc32c_append};

use crate::Record;

/// The length of a segment's header.
pub(crate) const SEGMENT_HEADER_BYTES: u64 = 40;
/// The length of a record's header.
pub(crate) const RECORD_HEADER_BYTES: u64 = 28;
/// The largest payload.
pub(crate) const PAYLOAD_BYTES_MAX: u64 = 1 << 30;
const MAGIC: &[u8; 6] = b"tollq\0";
const VERSION: u16 = 1;
const SUFFIX: &str = ".segment";

/// What stands before a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordHeader {
    pub(crate) payload_bytes: u32,
    pub(crate) payload_crc: u32,
    pub(crate) appended_ms: u64,
    pub(crate) items: u32,
    pub(crate) kind: u8,
    pub(crate) version: u8,
}

/// Where a segment's acknowledged records end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentEnd {
    pub(crate) number: u64,
    pub(crate) end: u64,
}

/// The name of a segment's file.
pub(crate) fn segment_name(number: u64) -> String {
    format!("{number:016x}{SUFFIX}")
}

/// The number in the name of a segment's file.
pub(crate) fn segment_number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SUFFIX).filter(|digits| digits.len() == 16)?;
    u64::from_str_radix(digits, 16).ok()
}

/// The header of segment `number`, which follows on `previous`.
pub(crate) fn segment_header(number: u64, previous: SegmentEnd) -> Vec<u8> {
    let mut header = Vec::with_capacity(40);
    header.extend_from_slice(MAGIC);
    header.extend_from_slice(&VERSION.to_le_bytes());
    for value in [number, previous.number, previous.end] {
        header.extend_from_slice(&value.to_le_bytes());
    }
    header.extend_from_slice(&[0; 4]);
    let crc = crc32c(&header);
    header.extend_from_slice(&crc.to_le_bytes());
    header
}

/// What the header of segment `number` says about the segment before; `None` if it is damaged.
pub(crate) fn previous_end(number: u64, header: &[u8]) -> Option<SegmentEnd> {
    let (body, crc) = header.split_at_checked(36)?;
    let whole = crc32c(body).to_le_bytes() == crc
        && body.starts_with(MAGIC)
        && body.get(6..8)? == VERSION.to_le_bytes()
        && u64_at(body, 8)? == number;
    whole.then_some(SegmentEnd { number: u64_at(body, 16)?, end: u64_at(body, 24)? })
}

/// How many bytes a record needs in a segment.
pub(crate) fn record_bytes(record: &Record) -> u64 {
    RECORD_HEADER_BYTES + length(&record.payload)
}

/// Adds a record that begins at `offset` of segment `number` to `out`.
pub(crate) fn write_record(
    out: &mut Vec<u8>,
    number: u64,
    offset: u64,
    record: &Record,
    now_ms: u64,
) {
    let start = out.len();
    let payload_bytes = u32::try_from(record.payload.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&payload_bytes.to_le_bytes());
    out.extend_from_slice(&crc32c(&record.payload).to_le_bytes());
    out.extend_from_slice(&now_ms.to_le_bytes());
    out.extend_from_slice(&record.items.to_le_bytes());
    out.extend_from_slice(&[record.kind, record.version, 0, 0]);
    let crc = place_crc(number, offset, out.get(start..).unwrap_or_default());
    out.extend_from_slice(&crc.to_le_bytes());
    out.extend_from_slice(&record.payload);
}

/// The record header at `offset` of segment `number`, if there is one.
pub(crate) fn read_header(number: u64, offset: u64, bytes: &[u8]) -> Option<RecordHeader> {
    let body = bytes.get(..24)?;
    // The cheap half of the question first: it is asked of every byte behind damage.
    if body.get(22..24)? != [0; 2] || u32_at(bytes, 24)? != place_crc(number, offset, body) {
        return None;
    }
    Some(RecordHeader {
        payload_bytes: u32_at(body, 0)?,
        payload_crc: u32_at(body, 4)?,
        appended_ms: u64_at(body, 8)?,
        items: u32_at(body, 16)?,
        kind: *body.get(20)?,
        version: *body.get(21)?,
    })
}

// === impl RecordHeader ===

impl RecordHeader {
    /// The record's length with its header.
    pub(crate) fn record_bytes(&self) -> u64 {
        RECORD_HEADER_BYTES + u64::from(self.payload_bytes)
    }

    pub(crate) fn matches(&self, payload: &[u8]) -> bool {
        crc32c(payload) == self.payload_crc
    }
}

fn place_crc(number: u64, offset: u64, body: &[u8]) -> u32 {
    let crc = crc32c_append(crc32c(&number.to_le_bytes()), &offset.to_le_bytes());
    crc32c_append(crc, body)
}

/// A length as the format has it.
pub(crate) fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_le_bytes(*bytes))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u64::from_le_bytes(*bytes))
}
