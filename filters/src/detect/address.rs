//! Addresses: IPv4, IPv6, e-mail.

use std::net::Ipv6Addr;
use std::ops::Range;

use super::text::Text;
use super::{Kind, before, is_word};

/// The longest way to write an IPv6 address, with an IPv4 one in it.
pub(super) const IP_BYTES_MAX: usize = 45;
/// RFC 5321, 4.5.3.1: 64 for who, 253 for where (RFC 1035 without its end), and the `@`.
pub(super) const EMAIL_BYTES_MAX: usize = LOCAL_BYTES_MAX + 1 + DOMAIN_BYTES_MAX;

pub(super) const LOCAL_BYTES_MAX: usize = 64;
const DOMAIN_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;
/// The longest group of an IPv6 address.
pub(super) const GROUP_BYTES_MAX: usize = 4;

/// Four numbers up to 255 without leading zeros, and no fifth.
pub(super) fn ip_v4(text: &impl Text, at: usize, take: &mut impl FnMut(Kind, Range<usize>)) {
    let mut end = at;
    for part in 0..4 {
        if part > 0 {
            if text.byte(end) != Some(b'.') {
                return;
            }
            end += 1;
        }
        let digits = text.run(end, 4, |byte| byte.is_ascii_digit());
        let part = text.read(end..end + digits);
        let number = part.iter().fold(0_u32, |number, digit| number * 10 + u32::from(digit - b'0'));
        if digits == 0 || number > 255 || (digits > 1 && part.first() == Some(&b'0')) {
            return;
        }
        end += digits;
    }
    let more = text.byte(end) == Some(b'.')
        && text.byte(end + 1).is_some_and(|byte| byte.is_ascii_digit());
    if !more && !is_word(text.byte(end)) {
        take(Kind::IpAddress, at..end);
    }
}

/// `colon` is where a colon stands; only the first of an address counts.
///
/// One without any decimal digit is none: `bad::cafe` is a path in a program.
pub(super) fn ip_v6(text: &impl Text, colon: usize, take: &mut impl FnMut(Kind, Range<usize>)) {
    let Some(start) = ip_v6_start(text, colon) else { return };
    let written = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
    let mut end = start + text.run(start, IP_BYTES_MAX + 1, written);
    if end - start < 3 {
        return;
    }
    // The end of a sentence, or a colon before what is said of the address.
    for _ in 0..2 {
        let Ok(written) = std::str::from_utf8(text.read(start..end)) else { return };
        let has_digit = written.bytes().any(|byte| byte.is_ascii_digit());
        if has_digit && written.len() <= IP_BYTES_MAX && written.parse::<Ipv6Addr>().is_ok() {
            if !is_word(text.byte(end)) {
                take(Kind::IpAddress, start..end);
            }
            return;
        }
        if !matches!(before(text, end), Some(b'.' | b':')) {
            return;
        }
        end -= 1;
    }
}

/// Where an address begins whose first colon stands at `colon`; `None` inside of another.
pub(super) fn ip_v6_start(text: &impl Text, colon: usize) -> Option<usize> {
    let mut start = colon;
    while colon - start < GROUP_BYTES_MAX
        && before(text, start).is_some_and(|byte| byte.is_ascii_hexdigit())
    {
        start -= 1;
    }
    let previous = before(text, start);
    let inside = match previous {
        Some(b':') => true,
        Some(b'.') => before(text, start - 1).is_some_and(|byte| byte.is_ascii_digit()),
        previous => is_word(previous),
    };
    (!inside).then_some(start)
}

/// `at` is where an `@` stands. Who: letters, digits and `._%+-`. Where: at least two labels, the
/// last of letters.
pub(super) fn email(text: &impl Text, at: usize, take: &mut impl FnMut(Kind, Range<usize>)) {
    let Some(start) = email_start(text, at) else { return };
    if start == at || before(text, at) == Some(b'.') {
        return;
    }
    let mut next = at + 1;
    let mut labels = 0;
    let mut end = None;
    while next - at <= DOMAIN_BYTES_MAX {
        let label = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        let length = text.run(next, LABEL_BYTES_MAX + 1, label);
        let read = text.read(next..next + length);
        if length == 0 || length > LABEL_BYTES_MAX || read.first() == Some(&b'-') {
            break;
        }
        // A dash at the end belongs to the sentence.
        let kept = length - read.iter().rev().take_while(|byte| **byte == b'-').count();
        let read = read.get(..kept).unwrap_or_default();
        labels += 1;
        let top = kept >= 2 && read.iter().all(u8::is_ascii_alphabetic);
        let top = top || read.get(..4).is_some_and(|head| head.eq_ignore_ascii_case(b"xn--"));
        let short = next + kept - (at + 1) <= DOMAIN_BYTES_MAX;
        if labels >= 2 && top && short && text.byte(next + kept) != Some(b'_') {
            end = Some(next + kept);
        }
        next += length;
        if kept < length || text.byte(next) != Some(b'.') {
            break;
        }
        next += 1;
    }
    if let Some(end) = end {
        take(Kind::Email, start..end);
    }
}

/// Where an address begins whose `@` stands, or may come to stand, at `at`, or `at` itself where
/// nothing of it is there; `None` where what is there is too long.
pub(super) fn email_start(text: &impl Text, at: usize) -> Option<usize> {
    let local = |byte: u8| byte.is_ascii_alphanumeric() || b"._%+-".contains(&byte);
    let mut start = at;
    while at - start <= LOCAL_BYTES_MAX && before(text, start).is_some_and(local) {
        start -= 1;
    }
    if at - start > LOCAL_BYTES_MAX {
        return None;
    }
    Some(start + text.run(start, at - start, |byte| byte == b'.'))
}
