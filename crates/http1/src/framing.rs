//! Where an answer's body ends (RFC 9112, section 6.3).

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderValue, StatusCode};
use pingora_http::ResponseHeader;

use crate::Malformed;

/// How the body of an answer is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is none.
    Empty,
    /// So many bytes.
    Length(u64),
    /// In chunks, the last of which is empty.
    Chunked,
    /// It ends with its connection.
    UntilClose,
}

// === impl Framing ===

impl Framing {
    /// The framing of the answer to a request that was no `HEAD`. Takes a `content-length` away where
    /// a transfer encoding overrides it, and all but one of several that say the same.
    pub(crate) fn of(head: &mut ResponseHeader) -> Result<Self, Malformed> {
        let length = length(head)?;
        let is_chunked = is_chunked(head);
        if is_chunked.is_some() {
            head.remove_header(&CONTENT_LENGTH);
        }
        let bodiless = matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        Ok(match (is_chunked, length) {
            _ if bodiless || head.status.is_informational() => Self::Empty,
            (Some(true), _) => Self::Chunked,
            (Some(false), _) | (None, None) => Self::UntilClose,
            (None, Some(0)) => Self::Empty,
            (None, Some(length)) => Self::Length(length),
        })
    }
}

/// Whether the last transfer encoding is `chunked`; `None` where there is none at all.
fn is_chunked(head: &ResponseHeader) -> Option<bool> {
    let last = head.headers.get_all(TRANSFER_ENCODING).iter().next_back()?;
    let last = last.as_bytes().rsplit(|byte| *byte == b',').next().unwrap_or_default();
    Some(last.trim_ascii().eq_ignore_ascii_case(b"chunked"))
}

/// The one length that all fields and all members of their lists say (RFC 9110, section 8.6).
fn length(head: &mut ResponseHeader) -> Result<Option<u64>, Malformed> {
    let mut said = None;
    let mut fields = 0;
    for field in head.headers.get_all(CONTENT_LENGTH) {
        for member in field.as_bytes().split(|byte| *byte == b',') {
            let length = digits(member.trim_ascii()).ok_or(Malformed::Length)?;
            if said.is_some_and(|said| said != length) {
                return Err(Malformed::Length);
            }
            (said, fields) = (Some(length), fields + 1);
        }
    }
    if let (Some(length), 2..) = (said, fields) {
        let value = HeaderValue::from(length);
        head.insert_header(CONTENT_LENGTH, value).map_err(|_| Malformed::Length)?;
    }
    Ok(said)
}

fn digits(text: &[u8]) -> Option<u64> {
    // `u64::from_str` would take a sign.
    let is_number = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    is_number.then(|| str::from_utf8(text).ok()?.parse().ok()).flatten()
}
