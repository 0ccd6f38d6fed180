//! Walks through the records of a segment by their headers, and over what is none.

use std::io;

use crate::disk::DiskFile;
use crate::format::{RECORD_HEADER_BYTES, RecordHeader, read_header};

/// How much is read at once while a record is looked for behind damage.
const SEARCH_BYTES: usize = 64 * 1024;
const HEADER: usize = 28;

/// A walk from one place of a segment to another.
pub(crate) struct Scan<'f, F> {
    file: &'f F,
    number: u64,
    offset: u64,
    end: u64,
    skipped_bytes: u64,
}

/// A record, by its place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    pub(crate) offset: u64,
    pub(crate) header: RecordHeader,
}

// === impl Found ===

impl Found {
    pub(crate) fn end(&self) -> u64 {
        self.offset + self.header.record_bytes()
    }

    pub(crate) fn payload_offset(&self) -> u64 {
        self.offset + RECORD_HEADER_BYTES
    }
}

// === impl Scan ===

impl<'f, F: DiskFile> Scan<'f, F> {
    pub(crate) const fn new(file: &'f F, number: u64, offset: u64, end: u64) -> Self {
        Self { file, number, offset, end, skipped_bytes: 0 }
    }

    /// The next record that ends within the stretch.
    pub(crate) fn next(&mut self) -> io::Result<Option<Found>> {
        if let Some(found) = self.header_at(self.offset)? {
            self.offset = found.end();
            return Ok(Some(found));
        }
        if self.offset >= self.end {
            return Ok(None);
        }
        let Some(found) = self.search()? else { return Ok(None) };
        self.skipped_bytes += found.offset - self.offset;
        self.offset = found.end();
        Ok(Some(found))
    }

    /// Bytes between records that were none.
    pub(crate) const fn skipped_bytes(&self) -> u64 {
        self.skipped_bytes
    }

    /// Where the last record ended.
    pub(crate) const fn offset(&self) -> u64 {
        self.offset
    }

    fn header_at(&self, offset: u64) -> io::Result<Option<Found>> {
        if offset.saturating_add(RECORD_HEADER_BYTES) > self.end {
            return Ok(None);
        }
        let mut bytes = [0; HEADER];
        self.file.read_at(offset, &mut bytes)?;
        Ok(self.fitting(offset, &bytes))
    }

    fn fitting(&self, offset: u64, bytes: &[u8]) -> Option<Found> {
        let found = Found { offset, header: read_header(self.number, offset, bytes)? };
        (found.end() <= self.end).then_some(found)
    }

    /// The first record behind `offset`.
    fn search(&self) -> io::Result<Option<Found>> {
        let mut buffer = vec![0; SEARCH_BYTES + HEADER];
        let mut from = self.offset + 1;
        while from + RECORD_HEADER_BYTES <= self.end {
            let left = usize::try_from(self.end - from).unwrap_or(usize::MAX);
            let length = left.min(buffer.len());
            let Some(part) = buffer.get_mut(..length) else { return Ok(None) };
            self.file.read_at(from, part)?;
            let windows = (from..).zip(part.windows(HEADER));
            if let Some(found) =
                windows.map(|(offset, bytes)| self.fitting(offset, bytes)).find_map(|found| found)
            {
                return Ok(Some(found));
            }
            // The last windows are looked at again, in whole, with what follows.
            from += u64::try_from(length - HEADER + 1).unwrap_or(u64::MAX);
        }
        Ok(None)
    }
}
