//! A text as the detectors read it: byte by byte from an anchor on, and only as far as they must.
//!
//! What a detector says is final as soon as it has not asked for a byte behind the end: no more text
//! can change it. So one grammar serves whole texts and texts that still grow.

use std::cell::Cell;

/// Bytes that a detector may ask for.
pub(super) trait Text {
    /// The byte at a place; `None` behind the end.
    fn byte(&self, at: usize) -> Option<u8>;

    /// Bytes that were read before.
    fn read(&self, range: std::ops::Range<usize>) -> &[u8];

    /// How many bytes from `at` on are of a class, up to `max`.
    fn run(&self, at: usize, max: usize, class: impl Fn(u8) -> bool) -> usize;

    /// Whether a literal stands at a place.
    fn has(&self, at: usize, literal: &[u8]) -> bool;
}

/// A text of which more may come.
#[derive(Debug)]
pub(super) struct Growing<'a> {
    bytes: &'a [u8],
    asked: Cell<bool>,
}

// === impl Text ===

impl Text for &[u8] {
    #[inline]
    fn byte(&self, at: usize) -> Option<u8> {
        self.get(at).copied()
    }

    fn read(&self, range: std::ops::Range<usize>) -> &[u8] {
        self.get(range).unwrap_or_default()
    }

    #[inline]
    fn run(&self, at: usize, max: usize, class: impl Fn(u8) -> bool) -> usize {
        let rest = self.get(at..).unwrap_or_default();
        rest.iter().take(max).take_while(|byte| class(**byte)).count()
    }

    fn has(&self, at: usize, literal: &[u8]) -> bool {
        self.get(at..).is_some_and(|rest| rest.starts_with(literal))
    }
}

impl Text for Growing<'_> {
    fn byte(&self, at: usize) -> Option<u8> {
        let byte = self.bytes.byte(at);
        if byte.is_none() {
            self.asked.set(true);
        }
        byte
    }

    fn read(&self, range: std::ops::Range<usize>) -> &[u8] {
        self.bytes.get(range).unwrap_or_default()
    }

    fn run(&self, at: usize, max: usize, class: impl Fn(u8) -> bool) -> usize {
        let run = self.bytes.run(at, max, class);
        if run < max && at + run >= self.bytes.len() {
            self.asked.set(true);
        }
        run
    }

    fn has(&self, at: usize, literal: &[u8]) -> bool {
        literal.iter().enumerate().all(|(offset, byte)| self.byte(at + offset) == Some(*byte))
    }
}

// === impl Growing ===

impl<'a> Growing<'a> {
    /// What is there by now.
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, asked: Cell::new(false) }
    }

    /// All of it.
    pub(super) const fn all(&self) -> &'a [u8] {
        self.bytes
    }

    /// Whether a byte behind the end was asked for, since the last time.
    pub(super) fn asked(&self) -> bool {
        self.asked.replace(false)
    }
}
