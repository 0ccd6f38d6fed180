//! Addresses: IPv4, IPv6, e-mail.

use std::net::Ipv6Addr;
use std::ops::Range;

use super::{Kind, before, byte, is_word, run};

/// The longest way to write an IPv6 address, with an IPv4 one in it.
pub(super) const IP_BYTES_MAX: usize = 45;
/// RFC 5321, 4.5.3.1: 64 for who, 253 for where (RFC 1035 without its end), and the `@`.
pub(super) const EMAIL_BYTES_MAX: usize = LOCAL_BYTES_MAX + 1 + DOMAIN_BYTES_MAX;

const LOCAL_BYTES_MAX: usize = 64;
const DOMAIN_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;
/// The longest group of an IPv6 address.
const GROUP_BYTES_MAX: usize = 4;

/// Four numbers up to 255 without leading zeros, and no fifth.
pub(super) fn ip_v4(bytes: &[u8], at: usize, take: &mut impl FnMut(Kind, Range<usize>)) {
    let mut end = at;
    for part in 0..4 {
        if part > 0 {
            if byte(bytes, end) != Some(b'.') {
                return;
            }
            end += 1;
        }
        let digits = run(bytes, end, 4, |byte| byte.is_ascii_digit());
        let text = bytes.get(end..end + digits).unwrap_or_default();
        let number = text.iter().fold(0_u32, |number, digit| number * 10 + u32::from(digit - b'0'));
        if digits == 0 || number > 255 || (digits > 1 && text.first() == Some(&b'0')) {
            return;
        }
        end += digits;
    }
    let more = byte(bytes, end) == Some(b'.')
        && byte(bytes, end + 1).is_some_and(|byte| byte.is_ascii_digit());
    if !more && !is_word(byte(bytes, end)) {
        take(Kind::IpAddress, at..end);
    }
}

/// `colon` is where a colon stands; only the first of an address counts.
///
/// One without any decimal digit is none: `bad::cafe` is a path in a program.
pub(super) fn ip_v6(bytes: &[u8], colon: usize, take: &mut impl FnMut(Kind, Range<usize>)) {
    let mut start = colon;
    while colon - start < GROUP_BYTES_MAX
        && before(bytes, start).is_some_and(|byte| byte.is_ascii_hexdigit())
    {
        start -= 1;
    }
    let previous = before(bytes, start);
    let inside = match previous {
        Some(b':') => true,
        Some(b'.') => before(bytes, start - 1).is_some_and(|byte| byte.is_ascii_digit()),
        previous => is_word(previous),
    };
    if inside {
        return;
    }
    let written = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
    let mut end = start + run(bytes, start, IP_BYTES_MAX + 1, written);
    if end - start < 3 {
        return;
    }
    // The end of a sentence, or a colon before what is said of the address.
    for _ in 0..2 {
        let text = bytes.get(start..end).and_then(|text| std::str::from_utf8(text).ok());
        let Some(text) = text else { return };
        let has_digit = text.bytes().any(|byte| byte.is_ascii_digit());
        if has_digit && text.len() <= IP_BYTES_MAX && text.parse::<Ipv6Addr>().is_ok() {
            if !is_word(byte(bytes, end)) {
                take(Kind::IpAddress, start..end);
            }
            return;
        }
        if !matches!(before(bytes, end), Some(b'.' | b':')) {
            return;
        }
        end -= 1;
    }
}

/// `at` is where an `@` stands. Who: letters, digits and `._%+-`. Where: at least two labels, the
/// last of letters.
pub(super) fn email(bytes: &[u8], at: usize, take: &mut impl FnMut(Kind, Range<usize>)) {
    let local = |byte: u8| byte.is_ascii_alphanumeric() || b"._%+-".contains(&byte);
    let mut start = at;
    while at - start <= LOCAL_BYTES_MAX && before(bytes, start).is_some_and(local) {
        start -= 1;
    }
    if at - start > LOCAL_BYTES_MAX {
        return;
    }
    start += run(bytes, start, LOCAL_BYTES_MAX, |byte| byte == b'.').min(at - start);
    if start == at || before(bytes, at) == Some(b'.') {
        return;
    }
    let mut next = at + 1;
    let mut labels = 0;
    let mut end = None;
    while next - at <= DOMAIN_BYTES_MAX {
        let label = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        let length = run(bytes, next, LABEL_BYTES_MAX + 1, label);
        let text = bytes.get(next..next + length).unwrap_or_default();
        if length == 0 || length > LABEL_BYTES_MAX || text.first() == Some(&b'-') {
            break;
        }
        // A dash at the end belongs to the sentence.
        let kept = length - text.iter().rev().take_while(|byte| **byte == b'-').count();
        let text = text.get(..kept).unwrap_or_default();
        labels += 1;
        let top = kept >= 2 && text.iter().all(u8::is_ascii_alphabetic);
        let top = top || text.get(..4).is_some_and(|head| head.eq_ignore_ascii_case(b"xn--"));
        let short = next + kept - (at + 1) <= DOMAIN_BYTES_MAX;
        if labels >= 2 && top && short && byte(bytes, next + kept) != Some(b'_') {
            end = Some(next + kept);
        }
        next += length;
        if kept < length || byte(bytes, next) != Some(b'.') {
            break;
        }
        next += 1;
    }
    if let Some(end) = end {
        take(Kind::Email, start..end);
    }
}
