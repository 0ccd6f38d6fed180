//! What leaves at once, and where parts stand in what they are parts of.

use std::ops::Range;

use bytes::{Bytes, BytesMut};

/// What leaves at once: slices of what came, where they lie side by side.
#[derive(Debug, Default)]
pub(super) struct Leaves {
    chunk: Bytes,
    /// A part of the chunk, behind all that was copied.
    part: Range<usize>,
    copied: BytesMut,
}

// === impl Leaves ===

impl Leaves {
    pub(super) fn of(chunk: &Bytes) -> Self {
        Self { chunk: chunk.clone(), ..Self::default() }
    }

    pub(super) fn push(&mut self, bytes: &Bytes) {
        match place_of(&self.chunk, bytes) {
            Some(range) if self.part.is_empty() => self.part = range,
            Some(range) if self.part.end == range.start => self.part.end = range.end,
            place => {
                self.copy();
                match place {
                    Some(range) => self.part = range,
                    None => self.copied.extend_from_slice(bytes),
                }
            }
        }
    }

    fn copy(&mut self) {
        let part = self.chunk.get(std::mem::take(&mut self.part)).unwrap_or_default();
        self.copied.extend_from_slice(part);
    }

    pub(super) fn join(mut self) -> Bytes {
        if self.copied.is_empty() {
            return self.chunk.slice(self.part);
        }
        self.copy();
        self.copied.freeze()
    }
}

/// Where a part stands in the whole that it is a part of.
pub(super) fn place_of(whole: &[u8], part: &[u8]) -> Option<Range<usize>> {
    let start = part.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
    let end = start.checked_add(part.len())?;
    (end <= whole.len()).then_some(start..end)
}
