//! The bytes of an answer on their way out, kept until it is known whether it was a good one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{Bytes, BytesMut};
use tokio::time::Instant;

use super::Piece;

/// How much all recordings of a cache may hold together.
#[derive(Clone, Debug)]
pub(super) struct Allowance {
    bytes_max: usize,
    taken: Arc<AtomicUsize>,
}

/// One answer so far. Holds references to what passes, not copies.
#[derive(Debug)]
pub struct Recording {
    allowance: Allowance,
    bytes_max: usize,
    /// What it took of the allowance.
    taken: usize,
    pieces: Vec<(Instant, Bytes)>,
    too_large: bool,
}

// === impl Allowance ===

impl Allowance {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, taken: Arc::default() }
    }

    fn take(&self, bytes: usize) -> bool {
        let add = |taken: usize| taken.checked_add(bytes).filter(|sum| *sum <= self.bytes_max);
        self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).is_ok()
    }

    fn give_back(&self, bytes: usize) {
        self.taken.fetch_sub(bytes, Ordering::Relaxed);
    }

    #[cfg(test)]
    pub(super) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }
}

// === impl Recording ===

impl Recording {
    pub(super) const fn new(allowance: Allowance, bytes_max: usize) -> Self {
        Self { allowance, bytes_max, taken: 0, pieces: Vec::new(), too_large: false }
    }

    /// A piece that leaves at `at`. `false` from the moment on that there is too much of it: then
    /// nothing is held any more.
    pub(super) fn push(&mut self, piece: &Bytes, at: Instant) -> bool {
        if piece.is_empty() || self.too_large {
            return !self.too_large;
        }
        let bytes = piece.len();
        if self.taken + bytes > self.bytes_max || !self.allowance.take(bytes) {
            self.too_large = true;
            self.let_go();
            return false;
        }
        self.taken += bytes;
        self.pieces.push((at, piece.clone()));
        true
    }

    /// The body as one, and its pieces; `None` where it was too large.
    pub(super) fn finish(mut self) -> Option<(Bytes, Vec<Piece>)> {
        if self.too_large {
            return None;
        }
        let first = self.pieces.first().map(|(at, _)| *at);
        let mut body = BytesMut::with_capacity(self.taken);
        let mut pieces: Vec<Piece> = Vec::with_capacity(self.pieces.len());
        for (at, bytes) in &self.pieces {
            body.extend_from_slice(bytes);
            let after = first.map(|first| at.saturating_duration_since(first)).unwrap_or_default();
            let at_us = u32::try_from(after.as_micros()).unwrap_or(u32::MAX);
            let end = u32::try_from(body.len()).ok()?;
            match pieces.last_mut().filter(|last| last.at_us == at_us) {
                // What left together is one piece.
                Some(last) => last.end = end,
                None => pieces.push(Piece { end, at_us }),
            }
        }
        self.let_go();
        Some((body.freeze(), pieces))
    }

    fn let_go(&mut self) {
        self.pieces = Vec::new();
        self.allowance.give_back(std::mem::take(&mut self.taken));
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.let_go();
    }
}
