//! The blocklist: phrases in any case, also inside words.
//!
//! Letters of ASCII are compared whatever their case. Of a phrase with others, each way in which words
//! are written is a phrase of its own: small, in capitals, with capital initials. The text is never
//! folded, so that scanning costs the same.
//!
//! An automaton finds them, at a table look-up a byte. Most texts have none of them, and that is
//! found out faster: of the shortest phrase's length, all but two places can be skipped, because
//! one look at three bytes tells whether any phrase goes through there.

use std::ops::Range;

use aho_corasick::{AhoCorasick, BuildError, Input, MatchKind};

use super::{Finding, Kind};

/// Bytes that are looked at together.
const BLOCK_BYTES: usize = 3;
/// The longest step; longer ones gain nothing more.
const STEP_BYTES_MAX: usize = 32;
/// Bits of a block's hash.
const HASH_BITS: u32 = 15;
const WORDS: usize = (1 << HASH_BITS) / 64;

/// Phrases, ready to be found.
#[derive(Debug)]
pub(super) struct Phrases {
    automaton: AhoCorasick,
    longest_bytes: usize,
    sieve: Option<Sieve>,
    /// The phrases in small letters and in order.
    sorted: Vec<Box<[u8]>>,
    /// Which bytes they begin with, as small letters.
    first_bytes: Box<[bool; 256]>,
}

/// Tells of most texts that no phrase is in them.
struct Sieve {
    /// How far apart looks may be so that none of the shortest phrase's length fits between.
    step: usize,
    /// The hashes of all blocks of the phrases' beginnings, as bits.
    bits: Box<[u64; WORDS]>,
    /// Each such block: its hash, its phrase, and where in it. In order of the hash.
    blocks: Vec<(u32, u32, usize)>,
    phrases: Vec<Box<[u8]>>,
}

// === impl Phrases ===

impl Phrases {
    /// `None` without phrases.
    pub(super) fn new<P: AsRef<[u8]>>(phrases: &[P]) -> Result<Option<Self>, BuildError> {
        let phrases: Vec<Box<[u8]>> =
            phrases.iter().flat_map(|it| spellings(it.as_ref())).collect();
        let longest_bytes = phrases.iter().map(|phrase| phrase.len()).max();
        let Some(longest_bytes) = longest_bytes else { return Ok(None) };
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .ascii_case_insensitive(true)
            .build(&phrases)?;
        let lower = phrases.iter().map(|phrase| phrase.to_ascii_lowercase().into_boxed_slice());
        let mut sorted: Vec<Box<[u8]>> = lower.collect();
        sorted.sort_unstable();
        let mut first_bytes = Box::new([false; 256]);
        for first in sorted.iter().filter_map(|phrase| phrase.first()) {
            if let Some(begins) = first_bytes.get_mut(usize::from(*first)) {
                *begins = true;
            }
        }
        let sieve = Sieve::new(&phrases);
        Ok(Some(Self { automaton, longest_bytes, sieve, sorted, first_bytes }))
    }

    pub(super) const fn longest_bytes(&self) -> usize {
        self.longest_bytes
    }

    /// Adds what stands in the text.
    pub(super) fn find(&self, text: &str, found: &mut Vec<Finding>) {
        let from = self.sieve.as_ref().map_or(Some(0), |sieve| sieve.first(text.as_bytes()));
        let Some(from) = from else { return };
        let as_finding =
            |it: aho_corasick::Match| Finding { kind: Kind::Blocklist, range: it.range() };
        let input = Input::new(text).span(from..text.len());
        found.extend(self.automaton.find_iter(input).map(as_finding));
    }
}

// A text that still grows.
impl Phrases {
    /// The next phrase from `from` on.
    pub(super) fn next(&self, text: &[u8], from: usize) -> Option<Range<usize>> {
        let input = Input::new(text).span(from.min(text.len())..text.len());
        Some(self.automaton.find(input)?.range())
    }

    /// Where the longest beginning of a phrase stands that the text ends with, from `from` on.
    pub(super) fn live_from(&self, text: &[u8], from: usize) -> usize {
        let from = from.max((text.len() + 1).saturating_sub(self.longest_bytes));
        let tail = text.get(from..).unwrap_or_default();
        let begins = |at: &usize| {
            let Some(tail) = tail.get(*at..) else { return false };
            let first = tail.first().map_or(0, u8::to_ascii_lowercase);
            self.first_bytes.get(usize::from(first)) == Some(&true) && self.has_longer(tail)
        };
        from + (0..tail.len()).find(begins).unwrap_or(tail.len())
    }

    /// Whether a phrase begins with `tail` and goes on.
    fn has_longer(&self, tail: &[u8]) -> bool {
        let lower = || tail.iter().map(u8::to_ascii_lowercase);
        let at = self.sorted.partition_point(|phrase| phrase.iter().copied().lt(lower()));
        let rest = self.sorted.get(at..).unwrap_or_default();
        let alike = |phrase: &[u8]| phrase.iter().copied().take(tail.len()).eq(lower());
        rest.iter().take_while(|phrase| alike(phrase)).any(|phrase| phrase.len() > tail.len())
    }
}

// === impl Sieve ===

impl Sieve {
    /// `None` where a phrase is too short to be looked for by steps.
    fn new<P: AsRef<[u8]>>(phrases: &[P]) -> Option<Self> {
        let shortest = phrases.iter().map(|phrase| phrase.as_ref().len()).min()?;
        let step = shortest.checked_sub(BLOCK_BYTES - 1).filter(|step| *step > 1)?;
        let step = step.min(STEP_BYTES_MAX);
        let mut bits = Box::new([0_u64; WORDS]);
        let mut blocks = Vec::new();
        for (number, phrase) in (0_u32..).zip(phrases) {
            for (at, block) in phrase.as_ref().windows(BLOCK_BYTES).take(step).enumerate() {
                let &[a, b, c] = block else { continue };
                let hash = hash(a, b, c);
                if let Some(word) = bits.get_mut(hash as usize / 64) {
                    *word |= 1 << (hash % 64);
                }
                blocks.push((hash, number, at));
            }
        }
        blocks.sort_unstable();
        let phrases = phrases.iter().map(|phrase| phrase.as_ref().into()).collect();
        Some(Self { step, bits, blocks, phrases })
    }

    /// Before which place no phrase begins; `None` where none is in the text.
    fn first(&self, text: &[u8]) -> Option<usize> {
        // A phrase that begins anywhere has the block of one look among its first `step` blocks.
        let mut rest = text.get(self.step - 1..).unwrap_or_default();
        while let &[a, b, c, ..] = rest {
            let hash = hash(a, b, c);
            let word = self.bits.get(hash as usize / 64).copied().unwrap_or(u64::MAX);
            if word >> (hash % 64) & 1 == 1 {
                let at = text.len() - rest.len();
                if self.goes_through(text, at, hash) {
                    // One that began earlier had gone through the look before.
                    return Some(at + 1 - self.step);
                }
            }
            rest = rest.get(self.step..).unwrap_or_default();
        }
        None
    }

    /// Whether a phrase has the block at `at`.
    fn goes_through(&self, text: &[u8], at: usize, hash: u32) -> bool {
        let first = self.blocks.partition_point(|(other, ..)| *other < hash);
        let same = self.blocks.iter().skip(first).take_while(|(other, ..)| *other == hash);
        same.into_iter().any(|(_, number, offset)| {
            let phrase = self.phrases.get(*number as usize).map(|it| &**it).unwrap_or_default();
            let start = at.checked_sub(*offset);
            let stands = start.and_then(|start| text.get(start..start + phrase.len()));
            stands.is_some_and(|stands| stands.eq_ignore_ascii_case(phrase))
        })
    }
}

impl std::fmt::Debug for Sieve {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sieve").field("step", &self.step).finish_non_exhaustive()
    }
}

/// A phrase as it is written, and with other letters than those of ASCII in every usual case.
fn spellings(phrase: &[u8]) -> Vec<Box<[u8]>> {
    let mut all: Vec<Box<[u8]>> = vec![phrase.into()];
    let Some(text) = std::str::from_utf8(phrase).ok().filter(|text| !text.is_ascii()) else {
        return all;
    };
    let small = text.to_lowercase();
    let sentence = with_capitals(&small, |before| before.is_none());
    let title = with_capitals(&small, |before| !before.is_some_and(char::is_alphanumeric));
    for spelling in [text.to_uppercase(), sentence, title, small] {
        let spelling = spelling.into_bytes().into_boxed_slice();
        if !all.iter().any(|it| it.eq_ignore_ascii_case(&spelling)) {
            all.push(spelling);
        }
    }
    all
}

/// With a capital for each letter whose predecessor says so.
fn with_capitals(small: &str, capital: impl Fn(Option<char>) -> bool) -> String {
    let mut out = String::with_capacity(small.len());
    let mut before = None;
    for char in small.chars() {
        if capital(before) {
            out.extend(char.to_uppercase());
        } else {
            out.push(char);
        }
        before = Some(char);
    }
    out
}

/// Of three bytes, whatever the case of letters; other bytes may share one.
const fn hash(a: u8, b: u8, c: u8) -> u32 {
    let block = u32::from_le_bytes([a | 0x20, b | 0x20, c | 0x20, 0]);
    block.wrapping_mul(0x9E37_79B1) >> (32 - HASH_BITS)
}
