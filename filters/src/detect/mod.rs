//! Detectors: what must not stand in a text. Pure functions from a text to [`Finding`]s.
//!
//! A scan looks for the few bytes that every pattern needs (digits, `@`, `:`, the prefixes of keys)
//! and only there reads on, a bounded number of bytes. So the time is linear in the text, and what
//! is found at a place depends on at most [`LOOK_BEHIND_BYTES_MAX`] bytes before it and on
//! [`Kind::decided_bytes_max`] bytes from its beginning, however the text was cut on its way.

mod address;
mod number;
mod phrases;
mod redact;
mod scanner;
mod secret;
mod text;

use std::ops::Range;

use aho_corasick::{AhoCorasick, BuildError, MatchKind};
use phrases::Phrases;
use text::Text;

pub use redact::Counts;
pub(crate) use scanner::Scanner;

#[cfg(test)]
pub(crate) mod tests;

/// The bytes before a finding that have a say in it: a point, and the digit before it.
pub const LOOK_BEHIND_BYTES_MAX: usize = 2;
/// Bytes that are looked at together for one that a pattern may begin with: first whether there is any,
/// which most of a text has not, then which.
const BLOCK_BYTES: usize = 32;
const WORD_BYTES: usize = 8;

/// A group of kinds that is switched on as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Detector {
    /// Phrases of the operator's.
    Blocklist,
    /// What tells who a person is.
    Pii,
    /// What opens doors.
    Secrets,
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A phrase of the blocklist, in any usual case, also inside words.
    Blocklist,
    /// A US social security number with its separators.
    Ssn,
    /// A payment card's number: an issuer's first digits, its length, and the check digit (Luhn).
    CreditCard,
    /// A phone number: `+` and country code, or a North American one with separators.
    Phone,
    /// An IPv4 or IPv6 address.
    IpAddress,
    /// An e-mail address.
    Email,
    /// A key of a known shape.
    ApiKey,
    /// A JSON web token.
    Jwt,
    /// A private key in PEM.
    PrivateKey,
}

/// A piece of the text, on character boundaries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub kind: Kind,
    /// Where it stands, in bytes.
    pub range: Range<usize>,
}

/// The kinds that are looked for, ready to scan. Shared by all requests.
#[derive(Debug)]
pub struct Detectors {
    kinds: Vec<Kind>,
    blocklist: Option<Phrases>,
    secrets: Option<AhoCorasick>,
}

// === impl Detector ===

impl Detector {
    /// Every detector, cheapest first.
    pub const ALL: [Self; 3] = [Self::Blocklist, Self::Pii, Self::Secrets];

    /// The name in the configuration and in `gen_ai.guardrail.detector`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Blocklist => "blocklist",
            Self::Pii => "pii",
            Self::Secrets => "secrets",
        }
    }
}

// === impl Kind ===

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::Blocklist,
        Self::Ssn,
        Self::CreditCard,
        Self::Phone,
        Self::IpAddress,
        Self::Email,
        Self::ApiKey,
        Self::Jwt,
        Self::PrivateKey,
    ];

    /// The name in the configuration and in place of what was found.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Blocklist => "blocklist",
            Self::Ssn => "ssn",
            Self::CreditCard => "credit_card",
            Self::Phone => "phone",
            Self::IpAddress => "ip_address",
            Self::Email => "email",
            Self::ApiKey => "api_key",
            Self::Jwt => "jwt",
            Self::PrivateKey => "private_key",
        }
    }

    /// The group that it belongs to.
    pub const fn detector(self) -> Detector {
        match self {
            Self::Blocklist => Detector::Blocklist,
            Self::Ssn | Self::CreditCard | Self::Phone | Self::IpAddress | Self::Email => {
                Detector::Pii
            }
            Self::ApiKey | Self::Jwt | Self::PrivateKey => Detector::Secrets,
        }
    }

    /// The kinds that a name means: those of a detector, or one; none for an unknown name.
    pub fn named(name: &str) -> Vec<Self> {
        let meant = |kind: &Self| kind.name() == name || kind.detector().name() == name;
        Self::ALL.into_iter().filter(meant).collect()
    }

    /// After how many bytes from its beginning it is known whether something is of this kind, the
    /// byte after it included. Keys, tokens and PEM may go on after that, byte by byte. A phrase of
    /// the blocklist is as long as the operator made it: 0.
    pub const fn decided_bytes_max(self) -> usize {
        match self {
            Self::Blocklist => 0,
            Self::Ssn => number::SSN_BYTES + 1,
            Self::CreditCard => number::CARD_BYTES_MAX + 1,
            Self::Phone => number::PHONE_BYTES_MAX + 1,
            Self::IpAddress => address::IP_BYTES_MAX + 2,
            Self::Email => address::EMAIL_BYTES_MAX + 1,
            Self::ApiKey => secret::KEY_DECIDED_BYTES_MAX,
            Self::Jwt => secret::JWT_DECIDED_BYTES_MAX,
            Self::PrivateKey => secret::PEM_DECIDED_BYTES_MAX,
        }
    }
}

// === impl Detectors ===

impl Detectors {
    /// Looks for `kinds`; `blocklist` are the phrases of [`Kind::Blocklist`], empty ones left out.
    ///
    /// # Errors
    /// When the phrases are too many for an automaton.
    pub fn new<P: AsRef<[u8]>>(
        kinds: impl IntoIterator<Item = Kind>,
        blocklist: impl IntoIterator<Item = P>,
    ) -> Result<Self, BuildError> {
        let mut kinds: Vec<Kind> = kinds.into_iter().collect();
        kinds.sort_unstable();
        kinds.dedup();
        let phrases = blocklist.into_iter().filter(|phrase| !phrase.as_ref().is_empty());
        let phrases: Vec<P> = phrases.filter(|_| kinds.contains(&Kind::Blocklist)).collect();
        let secret = |kind: &Kind| kind.detector() == Detector::Secrets;
        let secrets = if kinds.iter().any(secret) {
            let mut automaton = AhoCorasick::builder();
            automaton.match_kind(MatchKind::LeftmostLongest);
            Some(automaton.build(secret::PREFIXES.iter().map(|(prefix, _)| prefix))?)
        } else {
            None
        };
        let blocklist = Phrases::new(&phrases)?;
        Ok(Self { kinds, blocklist, secrets })
    }

    /// Whether nothing is looked for.
    pub const fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// What is looked for, in order.
    pub fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// How much of a text that still grows has to be held back, at most: [`Kind::decided_bytes_max`]
    /// of every kind that is looked for.
    pub fn decided_bytes_max(&self) -> usize {
        let longest_phrase = self.blocklist.as_ref().map_or(0, Phrases::longest_bytes);
        let kinds = self.kinds.iter().map(|kind| kind.decided_bytes_max());
        kinds.max().unwrap_or(0).max(longest_phrase)
    }

    /// What stands in the text, in order. Findings that overlap are one, named for the longest.
    pub fn find(&self, text: &str) -> Vec<Finding> {
        let mut found = Vec::new();
        if let Some(blocklist) = &self.blocklist {
            blocklist.find(text, &mut found);
        }
        self.anchored(&text.as_bytes(), &mut |kind, range| found.push(Finding { kind, range }));
        merged(found)
    }
}

impl Detectors {
    /// What stands in the text, but for phrases.
    fn anchored(&self, text: &&[u8], found: &mut dyn FnMut(Kind, Range<usize>)) {
        let mut take = |kind: Kind, range: Range<usize>| {
            if self.kinds.contains(&kind) {
                found(kind, range);
            }
        };
        if let Some(secrets) = &self.secrets {
            for at in secrets.find_iter(*text) {
                let prefix = secret::PREFIXES.get(at.pattern().as_usize());
                let Some((_, shape)) = prefix else { continue };
                if let Some((kind, range)) = secret::read(text, at.range(), shape) {
                    take(kind, range);
                }
            }
        }
        if self.kinds.iter().any(|kind| kind.detector() == Detector::Pii) {
            scan(text, &mut take);
        }
    }
}

/// One pass over the text for everything of [`Detector::Pii`].
fn scan(bytes: &[u8], take: &mut impl FnMut(Kind, Range<usize>)) {
    let (blocks, rest) = bytes.as_chunks::<BLOCK_BYTES>();
    for (number, block) in blocks.iter().enumerate() {
        if !any_begins(block) {
            continue;
        }
        scan_words(bytes, block, number * BLOCK_BYTES, take);
    }
    scan_words(bytes, rest, bytes.len() - rest.len(), take);
}

/// The part of `bytes` that begins at `start`.
fn scan_words(bytes: &[u8], part: &[u8], start: usize, take: &mut impl FnMut(Kind, Range<usize>)) {
    let (words, rest) = part.as_chunks::<WORD_BYTES>();
    for (word, start) in words.iter().zip((start..).step_by(WORD_BYTES)) {
        let mut places = begins(u64::from_le_bytes(*word));
        while places != 0 {
            look(bytes, start + places.trailing_zeros() as usize / 8, take);
            places &= places - 1;
        }
    }
    let end = start + part.len();
    for at in end - rest.len()..end {
        look(bytes, at, take);
    }
}

/// Whether a pattern may begin at any byte of the block. Without an early end, so that the compiler
/// looks at many at once.
fn any_begins(block: &[u8; BLOCK_BYTES]) -> bool {
    // `:` comes right behind `9`.
    let may = |byte: &u8| (byte.wrapping_sub(b'0') <= b':' - b'0') | (*byte == b'@');
    block.iter().fold(false, |any, byte| any | may(byte))
}

/// The high bit of each byte that a pattern may begin at or, for an address, has in its middle: a
/// digit, `:`, or `@`. A `+` or `(` of a phone number stands before a digit.
const fn begins(word: u64) -> u64 {
    const fn all(byte: u8) -> u64 {
        u64::from_ne_bytes([byte; WORD_BYTES])
    }
    let low = word & all(0x7F);
    // `:` comes right behind `9`.
    let from_zero = low + all(0x80 - b'0');
    let above_colon = low + all(0x80 - (b':' + 1));
    let at_sign = !((low ^ all(b'@')) + all(0x7F));
    ((from_zero & !above_colon) | at_sign) & !word & all(0x80)
}

/// What begins at a place, if anything does.
fn look(bytes: &[u8], at: usize, take: &mut impl FnMut(Kind, Range<usize>)) {
    match bytes.byte(at) {
        Some(b'@') => address::email(&bytes, at, take),
        // A group of the address or a second colon follows its first.
        Some(b':') if bytes.byte(at + 1).is_some_and(|it| it.is_ascii_hexdigit() || it == b':') => {
            address::ip_v6(&bytes, at, take);
        }
        Some(b'0'..=b'9') => {
            if let Some(b'+' | b'(') = before(&bytes, at)
                && number::may_begin(&bytes, at - 1)
            {
                number::phone(&bytes, at - 1, take);
            }
            if number::may_begin(&bytes, at) {
                digits(bytes, at, take);
            }
        }
        _ => {}
    }
}

/// A number that begins here; its first digits tell what it can be.
fn digits(bytes: &[u8], at: usize, take: &mut impl FnMut(Kind, Range<usize>)) {
    let count = bytes.run(at, 4, |byte| byte.is_ascii_digit());
    if count == 3 {
        number::ssn(&bytes, at, take);
    }
    number::card(&bytes, at, take);
    if count == 3 || (count == 1 && bytes.byte(at) == Some(b'1')) {
        number::phone(&bytes, at, take);
    }
    if bytes.byte(at + count) == Some(b'.') {
        address::ip_v4(&bytes, at, take);
    }
}

fn merged(mut found: Vec<Finding>) -> Vec<Finding> {
    found.sort_unstable_by_key(|it| (it.range.start, std::cmp::Reverse(it.range.end), it.kind));
    let mut merged: Vec<Finding> = Vec::with_capacity(found.len());
    let mut longest_bytes = 0;
    for next in found {
        match merged.last_mut().filter(|last| next.range.start < last.range.end) {
            Some(last) => {
                last.range.end = last.range.end.max(next.range.end);
                if next.range.len() > longest_bytes {
                    longest_bytes = next.range.len();
                    last.kind = next.kind;
                }
            }
            None => {
                longest_bytes = next.range.len();
                merged.push(next);
            }
        }
    }
    merged
}

fn before(text: &impl Text, at: usize) -> Option<u8> {
    text.byte(at.checked_sub(1)?)
}

/// Whether the byte goes on with a word, so that a pattern beside it is only a part of one.
fn is_word(byte: Option<u8>) -> bool {
    byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
