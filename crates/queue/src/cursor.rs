//! How far the consumer is, in a file with two slots.
//!
//! ```text
//!  0 magic "tollqcur" u64      24 offset u64
//!  8 sequence u64              32 end of the batch on its way u64, 0 for none
//! 16 segment u64               40 CRC-32C of 0..40 u32
//! ```
//!
//! Slots are written in turn, in place, and far enough from each other that a torn write harms one
//! only; the valid one with the higher sequence counts. What was read at the start may never have
//! reached the disk, so it is written again before it is relied upon. The end of the batch that is on its way is
//! written before the batch is handed out, so that after a crash the same batch comes again.

use std::io;

use crc32c::crc32c;

use crate::disk::{Disk, DiskFile};
use crate::format::u64_at;

const NAME: &str = "cursor";
const MAGIC: &[u8; 8] = b"tollqcur";
const SLOT_BYTES: usize = 44;
/// A sector's or page's length on any disk.
const SLOT_DISTANCE_BYTES: u64 = 4096;

/// What the consumer has acknowledged, and what it was handed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// Everything before it is done with.
    pub(crate) segment: u64,
    /// In that segment; 0 is its beginning.
    pub(crate) offset: u64,
    /// Where the batch that begins there ends, if it was handed out.
    pub(crate) batch_end: Option<u64>,
}

/// The file.
pub(crate) struct Cursor<F> {
    file: F,
    /// Of the slot that was written last.
    sequence: u64,
    place: Place,
    /// Whether that slot is known to be on the disk.
    is_durable: bool,
}

/// What was found at the start.
pub(crate) struct Opened<F> {
    pub(crate) cursor: Cursor<F>,
    /// `None` if no slot is valid.
    pub(crate) place: Option<Place>,
}

// === impl Cursor ===

impl<F: DiskFile> Cursor<F> {
    /// Opens the file, or makes it.
    pub(crate) fn open<D: Disk<File = F>>(disk: &D, names: &[String]) -> io::Result<Opened<F>> {
        let is_there = names.iter().any(|name| name == NAME);
        let file = if is_there { disk.open(NAME)? } else { disk.create(NAME)? };
        let slots = [0, SLOT_DISTANCE_BYTES].map(|offset| read_slot(&file, offset));
        let best = slots.into_iter().flatten().max_by_key(|(sequence, _)| *sequence);
        let (sequence, place) = best.unwrap_or_default();
        let cursor = Self { file, sequence, place, is_durable: false };
        Ok(Opened { cursor, place: best.map(|(_, place)| place) })
    }

    /// Makes `place` durable, if it is not.
    pub(crate) fn set(&mut self, place: Place) -> io::Result<()> {
        if !self.is_durable {
            self.write(self.sequence, self.place)?;
        }
        if place != self.place {
            // The other slot's turn comes only when this one is whole.
            self.write(self.sequence + 1, place)?;
        }
        Ok(())
    }

    fn write(&mut self, sequence: u64, place: Place) -> io::Result<()> {
        let offset = if sequence.is_multiple_of(2) { 0 } else { SLOT_DISTANCE_BYTES };
        let mut slot = Vec::with_capacity(SLOT_BYTES);
        slot.extend_from_slice(MAGIC);
        let batch_end = place.batch_end.unwrap_or_default();
        for value in [sequence, place.segment, place.offset, batch_end] {
            slot.extend_from_slice(&value.to_le_bytes());
        }
        let crc = crc32c(&slot);
        slot.extend_from_slice(&crc.to_le_bytes());
        self.file.write_at(offset, &slot)?;
        self.file.sync()?;
        (self.sequence, self.place, self.is_durable) = (sequence, place, true);
        Ok(())
    }
}

fn read_slot<F: DiskFile>(file: &F, offset: u64) -> Option<(u64, Place)> {
    let mut slot = [0; SLOT_BYTES];
    file.read_at(offset, &mut slot).ok()?;
    let (body, crc) = slot.split_at_checked(SLOT_BYTES - 4)?;
    if crc32c(body).to_le_bytes() != crc || !body.starts_with(MAGIC) {
        return None;
    }
    let batch_end = Some(u64_at(body, 32)?).filter(|end| *end > 0);
    let place = Place { segment: u64_at(body, 16)?, offset: u64_at(body, 24)?, batch_end };
    Some((u64_at(body, 8)?, place))
}
