//! ASCII eight bytes at a time: what each byte is, as the high bit of its place in a word.

/// The high bit of every byte.
const HIGH: u64 = splat(0x80);

/// Up to eight bytes of ASCII, the first one lowest.
#[derive(Clone, Copy)]
pub(super) struct Word {
    bytes: u64,
    len: u32,
}

/// What they are.
pub(super) struct Counts {
    /// First letters of runs of letters.
    pub(super) words: u8,
    pub(super) letters: u8,
    pub(super) digits: u8,
    pub(super) newlines: u8,
    /// Blanks behind a blank or a line's end.
    pub(super) spaces: u8,
    pub(super) signs: u8,
    pub(super) ends_in_letter: bool,
    /// Or in a line's end.
    pub(super) ends_in_blank: bool,
}

const fn splat(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// Whether there is nothing but ASCII without backslashes.
#[inline]
pub(super) fn all_plain(bytes: &[u8]) -> bool {
    let mut bad = 0;
    of(bytes, |Word { bytes, .. }| {
        let difference = bytes ^ splat(b'\\');
        bad |= bytes | (difference.wrapping_sub(splat(1)) & !difference);
    });
    bad & HIGH == 0
}

/// Calls `f` with each word of `bytes`; the last one may be short.
#[inline]
pub(super) fn of(bytes: &[u8], mut f: impl FnMut(Word)) {
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        f(Word { bytes: u64::from_le_bytes(*word), len: 8 });
    }
    if !rest.is_empty() {
        let bytes = rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
        f(Word { bytes, len: u32::try_from(rest.len()).unwrap_or_default() });
    }
}

// === impl Word ===

impl Word {
    /// Counts the bytes, which are ASCII; `letter` and `blank` tell what stands before them.
    #[inline]
    pub(super) const fn counts(self, letter: bool, blank: bool) -> Counts {
        let here = HIGH >> (64 - 8 * self.len);
        let letters = (self.at_least(0x20, b'a') & !self.at_least(0x20, b'z' + 1)) & here;
        let digits = (self.at_least(0, b'0') & !self.at_least(0, b'9' + 1)) & here;
        let newlines = (self.is(b'\n') | self.is(b'\r')) & here;
        let blanks = (self.is(b' ') | self.is(b'\t')) & here;
        let either = blanks | newlines;
        let words = letters & !(letters << 8 | (letter as u64) << 7);
        let spaces = blanks & (either << 8 | (blank as u64) << 7);
        let last = 0x80 << (8 * (self.len - 1));
        Counts {
            words: count(words),
            letters: count(letters),
            digits: count(digits),
            newlines: count(newlines),
            spaces: count(spaces),
            signs: count(here & !(letters | digits | either)),
            ends_in_letter: letters & last != 0,
            ends_in_blank: either & last != 0,
        }
    }

    /// Which bytes, with these bits set, are `least` or more. No byte carries into the next.
    const fn at_least(self, set: u8, least: u8) -> u64 {
        (self.bytes | splat(set)).wrapping_add(splat(0x80 - least)) & HIGH
    }

    const fn is(self, byte: u8) -> u64 {
        !(self.bytes ^ splat(byte)).wrapping_add(splat(0x7f)) & HIGH
    }
}

/// How many high bits are set.
const fn count(bits: u64) -> u8 {
    ((bits >> 7).wrapping_mul(splat(1)) >> 56) as u8
}
