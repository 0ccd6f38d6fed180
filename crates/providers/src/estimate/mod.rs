//! How many tokens a text is, where its provider does not say: characters by class, weighted for
//! the model's family.
//!
//! The weights are fitted to the families' published tokenizers (`docs/adr/0010-token-estimates.md`
//! says how, and how far they are off). Counting costs a few operations a character and keeps
//! nothing of the text.

use crate::json::{resolve, string_end};

mod family;
mod request;
#[cfg(test)]
mod tests;
mod words;

pub use family::Family;
pub use request::request_text;

/// Kinds of characters that tokenizers treat alike, in the order of a family's weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// The first letter of a run of Latin letters, counted on top of the letter.
    Word,
    /// An ASCII letter.
    Letter,
    /// A Latin letter beyond ASCII, as French, Polish or Vietnamese have them.
    Latin,
    Digit,
    Punctuation,
    Newline,
    /// A blank behind a blank; the first one belongs to what follows it.
    Space,
    Greek,
    Cyrillic,
    /// Hebrew, Arabic and their neighbours.
    Semitic,
    /// The scripts of India and South-East Asia.
    Indic,
    Kana,
    Han,
    Hangul,
    /// Signs and pictures.
    Other,
}

/// How many classes there are.
pub(crate) const CLASSES: usize = 15;

/// The characters of a text by class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TextCount {
    counts: [u64; CLASSES],
    last: Last,
}

/// Bytes that are counted together: their counts fit a byte, and behind the first one they are whole
/// words of any machine.
const RUN_BYTES: usize = 1 + 15 * 16;

/// Up to here bytes are looked at eight at a time; sixteen and more at a time need a longer start.
const SHORT_BYTES: usize = 24;

/// What the last character was, as far as it matters for the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Last {
    #[default]
    Other,
    Letter,
    Blank,
}

/// What some ASCII is, at most [`RUN_BYTES`] of it.
#[derive(Default)]
struct Ascii {
    words: u8,
    letters: u8,
    digits: u8,
    newlines: u8,
    blanks: u8,
    /// Those of `blanks` that stand behind another one.
    spaces: u8,
}

// === impl TextCount ===

impl TextCount {
    /// Adds a text. Runs go on across pieces.
    pub fn add(&mut self, text: &str) {
        let mut rest = text;
        while !rest.is_empty() {
            let (run, after) = rest.split_at(rest.floor_char_boundary(RUN_BYTES));
            if run.is_ascii() {
                self.take_ascii(run.as_bytes());
            } else {
                run.chars().for_each(|ch| self.take(ch));
            }
            rest = after;
        }
    }

    /// Adds the content of a JSON string as it is written, escapes and all. Nothing is copied.
    pub fn add_escaped(&mut self, raw: &[u8]) {
        // Most pieces of a stream are a word or two.
        if raw.len() <= SHORT_BYTES && words::all_plain(raw) {
            return self.take_words(raw);
        }
        let mut rest = raw;
        while let Some(at) = memchr::memchr(b'\\', rest) {
            let (before, escape) = rest.split_at_checked(at).unwrap_or_default();
            self.add_bytes(before);
            let (ch, used) = resolve(escape.get(1..).unwrap_or_default());
            self.take(ch);
            rest = escape.get(1 + used..).unwrap_or_default();
        }
        self.add_bytes(rest);
    }

    fn add_bytes(&mut self, bytes: &[u8]) {
        if bytes.is_ascii() {
            bytes.chunks(RUN_BYTES).for_each(|run| self.take_ascii(run));
            return;
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => self.add(text),
            Err(_) => self.add(&String::from_utf8_lossy(bytes)),
        }
    }

    /// Adds what stands in another count.
    pub fn merge(&mut self, other: &Self) {
        for (slot, more) in self.counts.iter_mut().zip(other.counts) {
            *slot = slot.saturating_add(more);
        }
    }

    /// Whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.counts.iter().all(|count| *count == 0)
    }

    /// How many tokens it is to a model of this family; at least one where there is any text.
    pub fn tokens(&self, family: Family) -> u64 {
        let weights = family.milli_tokens();
        let weighted = self.counts.iter().zip(weights);
        let milli = weighted.fold(0_u64, |sum, (count, weight)| {
            sum.saturating_add(count.saturating_mul(u64::from(*weight)))
        });
        milli.div_ceil(1000).max(u64::from(!self.is_empty()))
    }

    /// As [`TextCount::take`] for each byte. What a byte counts as is a sum of comparisons with it and the
    /// one before it, which the compiler makes many of at once.
    fn take_ascii(&mut self, run: &[u8]) {
        if run.len() <= SHORT_BYTES {
            return self.take_words(run);
        }
        let Some((first, rest)) = run.split_first() else { return };
        self.take(char::from(*first));
        let mut counts = Ascii::default();
        for (before, byte) in run.iter().zip(rest) {
            counts.take(*before, *byte);
        }
        let Ascii { words, letters, digits, newlines, blanks, spaces } = counts;
        let all = u8::try_from(rest.len()).unwrap_or(u8::MAX);
        let signs = all - letters - digits - newlines - blanks;
        for (class, count) in [
            (Class::Word, words),
            (Class::Letter, letters),
            (Class::Digit, digits),
            (Class::Newline, newlines),
            (Class::Space, spaces),
            (Class::Punctuation, signs),
        ] {
            self.count(class, count);
        }
        if let Some(last) = rest.last() {
            self.last = Last::of(class_of(char::from(*last)));
        }
    }

    /// As [`TextCount::take_ascii`], for a few bytes.
    #[inline]
    fn take_words(&mut self, run: &[u8]) {
        let (mut letter, mut blank) = (self.last == Last::Letter, self.last == Last::Blank);
        words::of(run, |word| {
            let counts = word.counts(letter, blank);
            for (class, count) in [
                (Class::Word, counts.words),
                (Class::Letter, counts.letters),
                (Class::Digit, counts.digits),
                (Class::Newline, counts.newlines),
                (Class::Space, counts.spaces),
                (Class::Punctuation, counts.signs),
            ] {
                self.count(class, count);
            }
            (letter, blank) = (counts.ends_in_letter, counts.ends_in_blank);
        });
        self.last = match (letter, blank) {
            (true, _) => Last::Letter,
            (_, true) => Last::Blank,
            _ => Last::Other,
        };
    }

    #[inline]
    fn take(&mut self, ch: char) {
        let class = class_of(ch);
        let last = Last::of(class);
        if last == Last::Letter && self.last != Last::Letter {
            self.count(Class::Word, 1);
        }
        // One blank before something belongs to it.
        if class != Class::Space || self.last == Last::Blank {
            self.count(class, 1);
        }
        self.last = last;
    }

    #[inline]
    fn count(&mut self, class: Class, more: u8) {
        if let Some(slot) = self.counts.get_mut(class as usize) {
            *slot += u64::from(more);
        }
    }
}

// === impl Last ===

impl Last {
    #[inline]
    const fn of(class: Class) -> Self {
        match class {
            Class::Letter | Class::Latin => Self::Letter,
            Class::Space | Class::Newline => Self::Blank,
            _ => Self::Other,
        }
    }
}

// === impl Ascii ===

impl Ascii {
    /// Counts `byte`, which stands behind `before`, without a branch.
    #[inline]
    const fn take(&mut self, before: u8, byte: u8) {
        const fn is_letter(byte: u8) -> bool {
            (byte | 0x20).wrapping_sub(b'a') < 26
        }
        const fn is_newline(byte: u8) -> bool {
            (byte == b'\n') | (byte == b'\r')
        }
        const fn is_blank(byte: u8) -> bool {
            (byte == b' ') | (byte == b'\t')
        }
        let letter = is_letter(byte);
        let blank = is_blank(byte);
        self.letters += letter as u8;
        self.words += (letter & !is_letter(before)) as u8;
        self.digits += (byte.wrapping_sub(b'0') < 10) as u8;
        self.newlines += is_newline(byte) as u8;
        self.blanks += blank as u8;
        self.spaces += (blank & (is_blank(before) | is_newline(before))) as u8;
    }
}

#[inline]
fn class_of(ch: char) -> Class {
    match ch {
        'a'..='z' | 'A'..='Z' => Class::Letter,
        '0'..='9' => Class::Digit,
        '\n' | '\r' => Class::Newline,
        ' ' | '\t' => Class::Space,
        '\0'..='\u{7f}' => Class::Punctuation,
        '\u{c0}'..='\u{24f}' | '\u{300}'..='\u{36f}' | '\u{1e00}'..='\u{1eff}' => Class::Latin,
        '\u{370}'..='\u{3ff}' => Class::Greek,
        '\u{400}'..='\u{52f}' => Class::Cyrillic,
        '\u{590}'..='\u{8ff}' => Class::Semitic,
        '\u{900}'..='\u{eff}' => Class::Indic,
        '\u{3040}'..='\u{30ff}' => Class::Kana,
        '\u{3000}'..='\u{303f}'
        | '\u{3400}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{ff00}'..='\u{ffef}'
        | '\u{20000}'..='\u{3ffff}' => Class::Han,
        '\u{1100}'..='\u{11ff}' | '\u{ac00}'..='\u{d7a3}' => Class::Hangul,
        _ => Class::Other,
    }
}
