//! The request body, read whole before anything is decided about it.
//!
//! The model's name is in the body, and an attempt that fails must be able to send it again.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header;
use pingora::Result;
use pingora::proxy::Session;

/// How long the caller may pause between two reads of the body.
pub(crate) const READ_PAUSE_MAX: Duration = Duration::from_secs(15);
/// What is reserved at once, however much the caller announces.
const RESERVE_BYTES_MAX: usize = 1 << 20;

/// What came of reading the body.
pub(crate) enum Read {
    /// All of it.
    Whole(Bytes),
    /// It is, or is announced to be, longer than the limit.
    TooLarge,
}

/// Reads the body up to `body_bytes_max`, asking for it first where the caller waits to be asked
/// (`Expect: 100-continue`, which Pingora leaves to us).
///
/// # Errors
/// Pingora's, when the caller is gone or too slow.
pub(crate) async fn read(session: &mut Session, body_bytes_max: usize) -> Result<Read> {
    let downstream = session.as_downstream_mut();
    if downstream.is_body_empty() {
        return Ok(Read::Whole(Bytes::new()));
    }
    let headers = &downstream.req_header().headers;
    let announced = match headers.get(header::CONTENT_LENGTH) {
        Some(length) if !headers.contains_key(header::TRANSFER_ENCODING) => {
            length.to_str().ok().and_then(|digits| digits.parse::<usize>().ok())
        }
        _ => None,
    };
    if announced.is_some_and(|length| length > body_bytes_max) {
        return Ok(Read::TooLarge);
    }
    let expects = headers
        .get(header::EXPECT)
        .is_some_and(|e| e.as_bytes().eq_ignore_ascii_case(b"100-continue"));
    if expects {
        downstream.write_continue_response().await?;
    }
    downstream.set_read_timeout(Some(READ_PAUSE_MAX));
    let mut body = BytesMut::with_capacity(announced.unwrap_or(8_192).min(RESERVE_BYTES_MAX));
    while let Some(piece) = downstream.read_request_body().await? {
        if body.len() + piece.len() > body_bytes_max {
            return Ok(Read::TooLarge);
        }
        body.extend_from_slice(&piece);
    }
    Ok(Read::Whole(body.freeze()))
}
