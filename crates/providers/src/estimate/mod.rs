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

/// What the last character was, as far as it matters for the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Last {
    #[default]
    Other,
    Letter,
    Blank,
}

// === impl TextCount ===

impl TextCount {
    /// Adds a text. Runs go on across pieces.
    pub fn add(&mut self, text: &str) {
        for ch in text.chars() {
            self.take(ch);
        }
    }

    /// Adds the content of a JSON string as it is written, escapes and all. Nothing is copied.
    pub fn add_escaped(&mut self, raw: &[u8]) {
        let mut rest = raw;
        while let Some(at) = memchr::memchr(b'\\', rest) {
            let (before, escape) = rest.split_at_checked(at).unwrap_or_default();
            self.add(&String::from_utf8_lossy(before));
            let (ch, used) = resolve(escape.get(1..).unwrap_or_default());
            self.take(ch);
            rest = escape.get(1 + used..).unwrap_or_default();
        }
        self.add(&String::from_utf8_lossy(rest));
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

    #[inline]
    fn take(&mut self, ch: char) {
        let class = class_of(ch);
        let last = match class {
            Class::Letter | Class::Latin => Last::Letter,
            Class::Space | Class::Newline => Last::Blank,
            _ => Last::Other,
        };
        if last == Last::Letter && self.last != Last::Letter {
            self.count(Class::Word);
        }
        // One blank before something belongs to it.
        if class != Class::Space || self.last == Last::Blank {
            self.count(class);
        }
        self.last = last;
    }

    #[inline]
    fn count(&mut self, class: Class) {
        if let Some(slot) = self.counts.get_mut(class as usize) {
            *slot += 1;
        }
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
