//! Where an answer's body ends (RFC 9112, section 6.3).

use bytes::Bytes;
use http::StatusCode;

use crate::{Fields, Malformed};

const CONTENT_LENGTH: &str = "content-length";
const TRANSFER_ENCODING: &str = "transfer-encoding";

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
    pub(crate) fn of(status: StatusCode, fields: &mut Fields) -> Result<Self, Malformed> {
        let length = length(fields)?;
        let is_chunked = is_chunked(fields);
        if is_chunked.is_some() {
            fields.remove(CONTENT_LENGTH);
        }
        let bodiless = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        Ok(match (is_chunked, length) {
            _ if bodiless || status.is_informational() => Self::Empty,
            (Some(true), _) => Self::Chunked,
            (Some(false), _) | (None, None) => Self::UntilClose,
            (None, Some(0)) => Self::Empty,
            (None, Some(length)) => Self::Length(length),
        })
    }
}

/// Whether the last transfer encoding is `chunked`; `None` where there is none at all.
fn is_chunked(fields: &Fields) -> Option<bool> {
    let last = fields.members(TRANSFER_ENCODING).last()?;
    Some(last.eq_ignore_ascii_case(b"chunked"))
}

/// The one length that all fields and all members of their lists say (RFC 9110, section 8.6).
fn length(fields: &mut Fields) -> Result<Option<u64>, Malformed> {
    let mut said = None;
    let mut members = 0;
    for member in fields.members(CONTENT_LENGTH) {
        let length = digits(member).ok_or(Malformed::Length)?;
        if said.is_some_and(|said| said != length) {
            return Err(Malformed::Length);
        }
        (said, members) = (Some(length), members + 1);
    }
    if let (Some(length), 2..) = (said, members) {
        fields.remove(CONTENT_LENGTH);
        fields.add(Bytes::from_static(CONTENT_LENGTH.as_bytes()), length.to_string().into());
    }
    Ok(said)
}

fn digits(text: &[u8]) -> Option<u64> {
    // `u64::from_str` would take a sign.
    let is_number = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    is_number.then(|| str::from_utf8(text).ok()?.parse().ok()).flatten()
}
