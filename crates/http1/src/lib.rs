//! Answers of HTTP/1.1 upstreams, read in place: heads, and bodies of any framing (RFC 9112).
//!
//! Nothing here waits or keeps what it read: bytes go in as they come, wherever they are cut, and
//! what they mean comes out as pieces of them. So a stream that is slow needs no buffer of its own
//! while nothing comes.

mod body;
mod framing;
mod head;
mod read;

pub use body::{Body, LINE_BYTES_MAX};
pub use framing::Framing;
pub use head::{FIELDS_MAX, Fields, HEAD_BYTES_MAX, Head, parse};
pub use read::poll_read;

/// What makes an answer unusable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The head is no head of HTTP/1.1: the status line, a field, or too many fields.
    #[error("the answer's head is malformed: {0}")]
    Head(httparse::Error),
    /// The status is none.
    #[error("the answer's status is no status")]
    Status,
    /// More than [`HEAD_BYTES_MAX`] and no end.
    #[error("the answer's head is longer than {HEAD_BYTES_MAX} bytes")]
    HeadTooLong,
    /// No number, or several different ones.
    #[error("the answer's content-length is no length, or several")]
    Length,
    /// A chunk's size line is no such line, or its number too large.
    #[error("the answer has a chunk whose size cannot be read")]
    ChunkSize,
    /// A chunk is longer than it said.
    #[error("the answer has a chunk that does not end where it should")]
    ChunkEnd,
    /// A chunk's extensions or a line of the trailer are longer than [`LINE_BYTES_MAX`].
    #[error("the answer has a line in its framing of more than {LINE_BYTES_MAX} bytes")]
    LineTooLong,
    /// The trailer's lines end in anything but CRLF.
    #[error("the answer's trailer is malformed")]
    Trailer,
    /// The connection was closed before the end.
    #[error("the connection was closed before the answer's end")]
    Truncated,
}
