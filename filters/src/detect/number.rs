//! Numbers of persons: social security, payment cards, phones.
//!
//! A number without separators is none of the first and the last: too many other things are nine or
//! ten digits.

use std::ops::Range;

use super::text::Text;
use super::{Kind, before, is_word};

/// `123-45-6789`.
pub(super) const SSN_BYTES: usize = SSN_SHAPE.len();
/// 19 digits and a separator between any two.
pub(super) const CARD_BYTES_MAX: usize = 2 * CARD_DIGITS_MAX - 1;
/// `+`, 15 digits, and two separators between any two.
pub(super) const PHONE_BYTES_MAX: usize = 1 + PHONE_DIGITS_MAX + 2 * (PHONE_DIGITS_MAX - 1);

/// A digit each, and twice the same separator.
const SSN_SHAPE: &[u8; 11] = b"ddd-dd-dddd";
const CARD_DIGITS_MIN: usize = 13;
const CARD_DIGITS_MAX: usize = 19;
/// The digits that tell the issuer.
const HEAD_DIGITS: usize = 4;
/// Issuers: the first and the last of their heads, and how many digits their numbers have.
const ISSUERS: [(u32, u32, &[usize]); 12] = [
    (2221, 2720, &[16]),
    (3000, 3059, &[14, 16]),
    (3400, 3499, &[15]),
    (3528, 3589, &[16, 17, 18, 19]),
    (3600, 3699, &[14, 16]),
    (3700, 3799, &[15]),
    (3800, 3999, &[14, 16]),
    (4000, 4999, &[13, 16, 19]),
    (5100, 5599, &[16]),
    (6011, 6011, &[16, 17, 18, 19]),
    (6200, 6299, &[16, 17, 18, 19]),
    (6440, 6599, &[16, 17, 18, 19]),
];
/// E.164.
const PHONE_DIGITS_MAX: usize = 15;
const PHONE_DIGITS_MIN: usize = 8;

/// Whether a number may begin here: not inside a word, nor behind the point of another number.
pub(super) fn may_begin(text: &impl Text, at: usize) -> bool {
    match before(text, at) {
        Some(b'.') => !before(text, at - 1).is_some_and(|byte| byte.is_ascii_digit()),
        Some(b'+') if text.byte(at) == Some(b'+') => false,
        previous => !is_word(previous),
    }
}

/// Social Security Administration: no area 000, 666 or from 900, no group 00, no serial 0000.
pub(super) fn ssn(text: &impl Text, at: usize, take: &mut impl FnMut(Kind, Range<usize>)) {
    let mut given = [0; SSN_BYTES];
    for (offset, (slot, shape)) in given.iter_mut().zip(SSN_SHAPE).enumerate() {
        let Some(byte) = text.byte(at + offset) else { return };
        let fits = if *shape == b'-' { matches!(byte, b'-' | b' ') } else { byte.is_ascii_digit() };
        if !fits || (offset == 0 && byte == b'9') {
            return;
        }
        *slot = byte;
    }
    let [a, b, c, first, d, e, second, f, g, h, i] = given;
    let area = [a, b, c];
    let given = area != *b"000" && area != *b"666";
    let filled = [d, e] != *b"00" && [f, g, h, i] != *b"0000";
    if first == second && given && filled && !is_word(text.byte(at + SSN_BYTES)) {
        take(Kind::Ssn, at..at + SSN_BYTES);
    }
}

/// The longest number that begins here, ends where a group ends, and is an issuer's.
pub(super) fn card(text: &impl Text, at: usize, take: &mut impl FnMut(Kind, Range<usize>)) {
    let mut digits = [0_u8; CARD_DIGITS_MAX];
    let mut count = 0;
    let mut end = at;
    let mut found = None;
    loop {
        match text.byte(end) {
            Some(digit @ b'0'..=b'9') => {
                let Some(slot) = digits.get_mut(count) else { break };
                *slot = digit - b'0';
                count += 1;
                end += 1;
                // Known early, so that a year and an id need not wait for their end.
                if count <= HEAD_DIGITS && !is_head(digits.get(..count).unwrap_or_default()) {
                    return;
                }
            }
            next => {
                let number = digits.get(..count).unwrap_or_default();
                let inside = before(text, end).is_some_and(|byte| byte.is_ascii_digit());
                if inside && !is_word(next) && is_card(number) {
                    found = Some(end);
                }
                // One separator, and then a digit again.
                if !inside || !matches!(next, Some(b' ' | b'-')) {
                    break;
                }
                end += 1;
            }
        }
    }
    if let Some(end) = found {
        take(Kind::CreditCard, at..end);
    }
}

fn is_card(digits: &[u8]) -> bool {
    if digits.len() < CARD_DIGITS_MIN {
        return false;
    }
    let head = head(digits, 0);
    let issuer = ISSUERS.iter().find(|(first, last, _)| (*first..=*last).contains(&head));
    issuer.is_some_and(|(.., lengths)| lengths.contains(&digits.len())) && luhn(digits)
}

/// Whether an issuer's numbers may begin with these digits, of which more may come.
fn is_head(digits: &[u8]) -> bool {
    let (least, most) = (head(digits, 0), head(digits, 9));
    ISSUERS.iter().any(|(first, last, _)| least <= *last && *first <= most)
}

/// The first digits as a number, missing ones taken for `missing`.
fn head(digits: &[u8], missing: u8) -> u32 {
    let digits = digits.iter().chain(std::iter::repeat(&missing)).take(HEAD_DIGITS);
    digits.fold(0, |head, digit| head * 10 + u32::from(*digit))
}

/// ISO/IEC 7812-1, annex B.
fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| {
            let digit = u32::from(*digit);
            let doubled = if at % 2 == 1 { digit * 2 } else { digit };
            if doubled > 9 { doubled - 9 } else { doubled }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Begins at a `+`, a bracket or a digit.
pub(super) fn phone(text: &impl Text, at: usize, take: &mut impl FnMut(Kind, Range<usize>)) {
    let end = match text.byte(at) {
        Some(b'+') => international(text, at),
        _ => north_american(text, at),
    };
    if let Some(end) = end {
        take(Kind::Phone, at..end);
    }
}

/// `+`, a digit from 1 to 9, and as many as E.164 allows, up to the end of a group.
fn international(text: &impl Text, at: usize) -> Option<usize> {
    if !matches!(text.byte(at + 1)?, b'1'..=b'9') {
        return None;
    }
    let mut end = at + 1;
    let mut count = 0;
    let mut found = None;
    loop {
        let group = text.run(end, PHONE_DIGITS_MAX + 1 - count, |byte| byte.is_ascii_digit());
        end += group;
        count += group;
        if count > PHONE_DIGITS_MAX {
            break;
        }
        if count >= PHONE_DIGITS_MIN && !is_word(text.byte(end)) {
            found = Some(end);
        }
        let between = text.run(end, 2, |byte| matches!(byte, b' ' | b'-' | b'.' | b'(' | b')'));
        end += between;
        if between == 0 || !text.byte(end).is_some_and(|byte| byte.is_ascii_digit()) {
            break;
        }
    }
    found
}

/// `(415) 555-2671`, `415-555-2671`, `415.555.2671`, `1 415 555 2671`.
fn north_american(text: &impl Text, at: usize) -> Option<usize> {
    let separator = |at| matches!(text.byte(at), Some(b' ' | b'-' | b'.'));
    let group = |at: usize, digits: usize| {
        let group = text.run(at, digits, |byte| byte.is_ascii_digit());
        (group == digits).then_some(at + digits)
    };
    // Area and exchange begin with 2 to 9.
    let code =
        |at: usize| matches!(text.byte(at), Some(b'2'..=b'9')).then(|| group(at, 3)).flatten();
    let mut next = at;
    if text.byte(next) == Some(b'1') && separator(next + 1) {
        next += 2;
    }
    let mut next = if text.byte(next) == Some(b'(') {
        let closed = code(next + 1)?;
        if text.byte(closed) != Some(b')') {
            return None;
        }
        closed + 1 + usize::from(separator(closed + 1))
    } else {
        let end = code(next)?;
        if !separator(end) {
            return None;
        }
        end + 1
    };
    next = code(next)?;
    if !separator(next) {
        return None;
    }
    let end = group(next + 1, 4)?;
    (!is_word(text.byte(end))).then_some(end)
}
