//! Secrets: keys with a prefix of their own, JSON web tokens, private keys in PEM.
//!
//! Open-ended ones are decided after a bounded number of bytes and then go on as long as their
//! alphabet does.

use std::ops::Range;

use super::text::Text;
use super::{Kind, before, is_word};

/// How what follows a prefix is read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// At least so many letters, digits, `-` and `_`, a digit and a letter among the first
    /// [`KEY_MIXED_BYTES`].
    Key(usize),
    /// Exactly so many capital letters and digits.
    Capitals(usize),
    /// Exactly so many letters, digits, `-` and `_`.
    Exact(usize),
    /// A JSON web token's header.
    Jwt,
    /// The beginning of PEM.
    Pem,
}

/// Prefixes, as the services that give out such keys document them.
pub(super) const PREFIXES: [(&str, Shape); 24] = [
    ("sk-", Shape::Key(20)),
    ("sk_live_", Shape::Key(16)),
    ("sk_test_", Shape::Key(16)),
    ("rk_live_", Shape::Key(16)),
    ("AKIA", Shape::Capitals(16)),
    ("ASIA", Shape::Capitals(16)),
    ("AIza", Shape::Exact(35)),
    ("ghp_", Shape::Key(36)),
    ("gho_", Shape::Key(36)),
    ("ghu_", Shape::Key(36)),
    ("ghs_", Shape::Key(36)),
    ("ghr_", Shape::Key(36)),
    ("github_pat_", Shape::Key(22)),
    ("glpat-", Shape::Key(20)),
    ("xoxb-", Shape::Key(10)),
    ("xoxp-", Shape::Key(10)),
    ("xoxa-", Shape::Key(10)),
    ("xoxr-", Shape::Key(10)),
    ("hf_", Shape::Key(34)),
    ("gsk_", Shape::Key(40)),
    ("xai-", Shape::Key(40)),
    ("npm_", Shape::Key(36)),
    ("eyJ", Shape::Jwt),
    ("BEGIN ", Shape::Pem),
];

/// The longest of [`PREFIXES`].
pub(super) const PREFIX_BYTES_MAX: usize = 11;
/// How PEM begins.
pub(super) const PEM_OPEN: &[u8] = b"-----BEGIN ";
/// The longest prefix, and what is looked at behind it.
pub(super) const KEY_DECIDED_BYTES_MAX: usize = PREFIX_BYTES_MAX + KEY_MIXED_BYTES + 1;
/// Header, point, and the beginning of the payload.
pub(super) const JWT_DECIDED_BYTES_MAX: usize = JWT_HEADER_BYTES_MAX + 1 + JSON.len();
/// The line that PEM begins with, or the one that it ends with and the space before it.
pub(super) const PEM_DECIDED_BYTES_MAX: usize =
    BLANK_BYTES_MAX + 1 + PEM_END.len() + PEM_LABEL_BYTES_MAX + PEM_PRIVATE.len();

/// Of a key's bytes, those among which a digit and a letter must be: words with dashes are none.
const KEY_MIXED_BYTES: usize = 48;
/// Room for a key id and a certificate's thumbprint.
const JWT_HEADER_BYTES_MAX: usize = 512;
const JWT_HEADER_BYTES_MIN: usize = 12;
/// `{"` in base64.
const JSON: &[u8] = b"eyJ";
const PEM_DASHES: &[u8] = b"-----";
const PEM_PRIVATE: &[u8] = b"PRIVATE KEY-----";
const PEM_END: &[u8] = b"-----END ";
/// `ENCRYPTED `, `OPENSSH `, `RSA `.
const PEM_LABEL_BYTES_MAX: usize = 16;
/// A line of PEM that is not the last is longer.
const PEM_LINE_BYTES_MIN: usize = 16;
/// White space between two lines of PEM: their end and how far they are indented.
const BLANK_BYTES_MAX: usize = 16;

// === impl Shape ===

impl Shape {
    /// What has this shape.
    pub(super) const fn kind(self) -> Kind {
        match self {
            Self::Key(_) | Self::Capitals(_) | Self::Exact(_) => Kind::ApiKey,
            Self::Jwt => Kind::Jwt,
            Self::Pem => Kind::PrivateKey,
        }
    }

    /// Where something begins whose prefix stands at `at`.
    pub(super) const fn start(self, at: usize) -> usize {
        match self {
            Self::Pem => at.saturating_sub(PEM_DASHES.len()),
            _ => at,
        }
    }

    /// Whether what was found may go on behind the text's end.
    pub(super) const fn goes_on(self) -> bool {
        matches!(self, Self::Key(_) | Self::Jwt | Self::Pem)
    }
}

/// What stands at a prefix, and where.
pub(super) fn read(
    text: &impl Text,
    prefix: Range<usize>,
    shape: &Shape,
) -> Option<(Kind, Range<usize>)> {
    let Range { start, end } = prefix;
    if let Shape::Pem = shape {
        let (start, end) = pem(text, start, end)?;
        return Some((Kind::PrivateKey, start..end));
    }
    if is_word(before(text, start)) {
        return None;
    }
    let rest = |at: usize| text.run(at, usize::MAX, is_token);
    let (kind, end) = match *shape {
        Shape::Key(least) => {
            let head = text.run(end, KEY_MIXED_BYTES, is_token);
            let read = text.read(end..end + head);
            let mixed =
                read.iter().any(u8::is_ascii_digit) && read.iter().any(u8::is_ascii_alphabetic);
            if head < least || !mixed {
                return None;
            }
            (Kind::ApiKey, end + head + rest(end + head))
        }
        Shape::Capitals(length) => {
            let capital = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
            (Kind::ApiKey, exactly(text, end, length, capital)?)
        }
        Shape::Exact(length) => (Kind::ApiKey, exactly(text, end, length, is_token)?),
        Shape::Jwt => (Kind::Jwt, jwt(text, start)?),
        Shape::Pem => return None,
    };
    Some((kind, start..end))
}

pub(super) const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

fn exactly(
    text: &impl Text,
    at: usize,
    length: usize,
    class: impl Fn(u8) -> bool,
) -> Option<usize> {
    let end = at + length;
    (text.run(at, length, class) == length && !is_word(text.byte(end))).then_some(end)
}

/// RFC 7519: header, payload and signature in base64url; the first two are JSON objects. A token
/// that was cut off is one, too.
fn jwt(text: &impl Text, start: usize) -> Option<usize> {
    let header = text.run(start, JWT_HEADER_BYTES_MAX + 1, is_token);
    if !(JWT_HEADER_BYTES_MIN..=JWT_HEADER_BYTES_MAX).contains(&header) {
        return None;
    }
    let payload = start + header + 1;
    if text.byte(payload - 1) != Some(b'.') || !text.has(payload, JSON) {
        return None;
    }
    let mut end = payload + text.run(payload, usize::MAX, is_token);
    if text.byte(end) == Some(b'.') {
        let signature = text.run(end + 1, usize::MAX, is_token);
        end += if signature > 0 { signature + 1 } else { 0 };
    }
    Some(end)
}

/// RFC 7468: the line that begins it. `word` is where `BEGIN` stands, `label` what comes behind it.
fn pem(text: &impl Text, word: usize, label: usize) -> Option<(usize, usize)> {
    let start = word.checked_sub(PEM_DASHES.len())?;
    if !text.has(start, PEM_DASHES) {
        return None;
    }
    Some((start, pem_end(text, pem_label(text, label)?)))
}

/// Where the line ends whose label begins at `at`.
fn pem_label(text: &impl Text, at: usize) -> Option<usize> {
    let ends = (at..=at + PEM_LABEL_BYTES_MAX).find(|at| text.has(*at, PEM_PRIVATE))?;
    let capitals = text.run(at, ends - at, |byte| byte.is_ascii_uppercase() || byte == b' ');
    (capitals == ends - at).then_some(ends + PEM_PRIVATE.len())
}

/// What lines of base64 follow, and the line that ends it. `end` is behind a line.
pub(super) fn pem_end(text: &impl Text, mut end: usize) -> usize {
    loop {
        let next = end + blank(text, end);
        if text.has(next, PEM_END) {
            return pem_label(text, next + PEM_END.len()).unwrap_or(end);
        }
        let line = text.run(next, usize::MAX, is_base64);
        let last = (1..PEM_LINE_BYTES_MIN).contains(&line) && {
            let after = next + line + blank(text, next + line);
            text.has(after, PEM_DASHES)
        };
        if line < PEM_LINE_BYTES_MIN && !last {
            return end;
        }
        end = next + line;
    }
}

pub(super) const fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

/// White space, also where it is written as an escape, up to [`BLANK_BYTES_MAX`].
fn blank(text: &impl Text, at: usize) -> usize {
    let mut end = at;
    while end - at < BLANK_BYTES_MAX {
        match text.byte(end) {
            Some(b'\\') if matches!(text.byte(end + 1), Some(b'n' | b'r' | b't')) => end += 2,
            Some(b' ' | b'\n' | b'\r' | b'\t') => end += 1,
            _ => break,
        }
    }
    end - at
}
