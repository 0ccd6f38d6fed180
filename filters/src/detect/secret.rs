//! Secrets: keys with a prefix of their own, JSON web tokens, private keys in PEM.
//!
//! Open-ended ones are decided after a bounded number of bytes and then go on as long as their
//! alphabet does.

use std::ops::Range;

use super::{Kind, before, byte, is_word, run};

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

/// The longest prefix, and what is looked at behind it.
pub(super) const KEY_DECIDED_BYTES_MAX: usize = 11 + KEY_MIXED_BYTES + 1;
/// Header, point, and the beginning of the payload.
pub(super) const JWT_DECIDED_BYTES_MAX: usize = JWT_HEADER_BYTES_MAX + 1 + JSON_BYTES;
/// The line that PEM begins with.
pub(super) const PEM_DECIDED_BYTES_MAX: usize =
    PEM_DASHES.len() + 6 + PEM_LABEL_BYTES_MAX + PEM_PRIVATE.len();

/// Of a key's bytes, those among which a digit and a letter must be: words with dashes are none.
const KEY_MIXED_BYTES: usize = 48;
/// Room for a key id and a certificate's thumbprint.
const JWT_HEADER_BYTES_MAX: usize = 512;
const JWT_HEADER_BYTES_MIN: usize = 12;
/// `{"` in base64.
const JSON_BYTES: usize = 3;
const PEM_DASHES: &[u8] = b"-----";
const PEM_PRIVATE: &[u8] = b"PRIVATE KEY-----";
/// `ENCRYPTED `, `OPENSSH `, `RSA `.
const PEM_LABEL_BYTES_MAX: usize = 16;
/// A line of PEM that is not the last is longer.
const PEM_LINE_BYTES_MIN: usize = 16;

/// What stands at a prefix, and where.
pub(super) fn read(
    bytes: &[u8],
    prefix: Range<usize>,
    shape: &Shape,
) -> Option<(Kind, Range<usize>)> {
    let Range { start, end } = prefix;
    if let Shape::Pem = shape {
        let (start, end) = pem(bytes, start, end)?;
        return Some((Kind::PrivateKey, start..end));
    }
    if is_word(before(bytes, start)) {
        return None;
    }
    let rest = |at: usize| run(bytes, at, usize::MAX, is_token);
    let (kind, end) = match *shape {
        Shape::Key(least) => {
            let head = run(bytes, end, KEY_MIXED_BYTES, is_token);
            let text = bytes.get(end..end + head).unwrap_or_default();
            let mixed =
                text.iter().any(u8::is_ascii_digit) && text.iter().any(u8::is_ascii_alphabetic);
            if head < least || !mixed {
                return None;
            }
            (Kind::ApiKey, end + head + rest(end + head))
        }
        Shape::Capitals(length) => {
            let capital = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
            (Kind::ApiKey, exactly(bytes, end, length, capital)?)
        }
        Shape::Exact(length) => (Kind::ApiKey, exactly(bytes, end, length, is_token)?),
        Shape::Jwt => (Kind::Jwt, jwt(bytes, start)?),
        Shape::Pem => return None,
    };
    Some((kind, start..end))
}

const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

fn exactly(bytes: &[u8], at: usize, length: usize, class: impl Fn(u8) -> bool) -> Option<usize> {
    let end = at + length;
    (run(bytes, at, length, class) == length && !is_word(byte(bytes, end))).then_some(end)
}

/// RFC 7519: header, payload and signature in base64url; the first two are JSON objects. A token
/// that was cut off is one, too.
fn jwt(bytes: &[u8], start: usize) -> Option<usize> {
    let header = run(bytes, start, JWT_HEADER_BYTES_MAX + 1, is_token);
    if !(JWT_HEADER_BYTES_MIN..=JWT_HEADER_BYTES_MAX).contains(&header) {
        return None;
    }
    let payload = start + header + 1;
    if byte(bytes, payload - 1) != Some(b'.')
        || bytes.get(payload..payload + JSON_BYTES) != Some(b"eyJ")
    {
        return None;
    }
    let mut end = payload + run(bytes, payload, usize::MAX, is_token);
    if byte(bytes, end) == Some(b'.') {
        let signature = run(bytes, end + 1, usize::MAX, is_token);
        end += if signature > 0 { signature + 1 } else { 0 };
    }
    Some(end)
}

/// RFC 7468: the line that begins it, what lines of base64 follow, and the line that ends it.
/// `word` is where `BEGIN` stands, `label` what comes behind it.
fn pem(bytes: &[u8], word: usize, label: usize) -> Option<(usize, usize)> {
    let start = word.checked_sub(PEM_DASHES.len())?;
    if bytes.get(start..word) != Some(PEM_DASHES) {
        return None;
    }
    let private = |at: usize| bytes.get(at..at + PEM_PRIVATE.len()) == Some(PEM_PRIVATE);
    let after_label = |at: usize| {
        let ends = (at..=at + PEM_LABEL_BYTES_MAX).find(|at| private(*at))?;
        let capitals = run(bytes, at, ends - at, |byte| byte.is_ascii_uppercase() || byte == b' ');
        (capitals == ends - at).then_some(ends + PEM_PRIVATE.len())
    };
    let mut end = after_label(label)?;
    let base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    loop {
        let next = end + blank(bytes, end);
        if bytes.get(next..next + 9) == Some(b"-----END ") {
            return Some((start, after_label(next + 9).unwrap_or(end)));
        }
        let line = run(bytes, next, usize::MAX, base64);
        let last = line > 0 && {
            let after = next + line + blank(bytes, next + line);
            bytes.get(after..after + PEM_DASHES.len()) == Some(PEM_DASHES)
        };
        if line < PEM_LINE_BYTES_MIN && !last {
            return Some((start, end));
        }
        end = next + line;
    }
}

/// White space, also where it is written as an escape.
fn blank(bytes: &[u8], at: usize) -> usize {
    let mut end = at;
    loop {
        match (byte(bytes, end), byte(bytes, end + 1)) {
            (Some(b'\\'), Some(b'n' | b'r' | b't')) => end += 2,
            (Some(b' ' | b'\n' | b'\r' | b'\t'), _) => end += 1,
            _ => return end - at,
        }
    }
}
