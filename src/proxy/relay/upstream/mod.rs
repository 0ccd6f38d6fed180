//! The upstream's end of an attempt: one request and its answer on one connection.
//!
//! What is read goes through one buffer that all streams of a worker share, since each needs it only
//! while it reads. A stream that waits keeps none.

mod keep;
mod write;

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use http::HeaderName;
use http::response::Parts;
use pingora::http::{RequestHeader, ResponseHeader, header_value_from_raw};
use pingora::protocols::Stream;
use pingora::{Error, ErrorType, OrErr, Result, RetryType};
use tollgate_http1::{Body, Framing, Head, Malformed, poll_read};

use self::keep::keep;
use self::write::Writing;
use super::wait::Batch;
use crate::proxy::respond;
use crate::proxy::watch::Watch;

/// One exchange with an upstream.
pub(super) struct Upstream {
    stream: Stream,
    /// Of the answer: read, and not looked at yet.
    unread: Bytes,
    body: Body,
    /// The connection may take another request behind this one.
    keeps: bool,
}

/// A head of the answer.
pub(super) struct Answer {
    pub(super) head: Parts,
    reason: String,
    /// No body follows.
    pub(super) ends: bool,
}

/// Room for the fields that are ours.
const OWN_FIELDS: usize = 8;

// === impl Answer ===

impl Answer {
    /// As Pingora has heads.
    ///
    /// # Errors
    /// Pingora's, for words that it does not take.
    pub(super) fn into_header(self) -> Result<Box<ResponseHeader>> {
        let mut header = Box::new(ResponseHeader::from(self.head));
        header.set_reason_phrase(Some(&self.reason))?;
        Ok(header)
    }
}

// === impl Upstream ===

impl Upstream {
    /// An exchange on a connection on which no other is under way.
    pub(super) const fn new(stream: Stream) -> Self {
        let body = Body::new(Framing::UntilClose);
        Self { stream, unread: Bytes::new(), body, keeps: true }
    }

    /// Sends a request in one go, and returns the first head of the answer: an upstream need not take
    /// all of a long request before it answers.
    ///
    /// # Errors
    /// Of the writing, where that broke and no answer came either; else of the reading.
    pub(super) async fn ask(
        &mut self,
        head: &RequestHeader,
        body: Bytes,
        write_max: Option<Duration>,
        watch: &Watch,
    ) -> Result<Answer> {
        let mut writing = Writing::new(head, body, write_max)?;
        let answer = poll_fn(|cx| {
            if !writing.has_ended() && writing.poll(&mut self.stream, cx).is_ready() {
                watch.uploaded();
            }
            match writing.has_timed_out() {
                true => Poll::Ready(Err(Error::new_up(ErrorType::WriteTimedout))),
                false => self.poll_head(cx),
            }
        })
        .await;
        let sent = writing.into_result();
        self.keeps &= matches!(sent, Ok(true));
        answer.map_err(|error| sent.err().unwrap_or(error))
    }

    /// The next head of the answer, behind one that was not final.
    pub(super) async fn next_head(&mut self) -> Result<Answer> {
        poll_fn(|cx| self.poll_head(cx)).await
    }

    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<Answer>> {
        loop {
            if !self.unread.is_empty() {
                match tollgate_http1::parse(&self.unread) {
                    Ok(None) => {}
                    Ok(Some(head)) => {
                        self.unread.advance(head.bytes);
                        self.body = Body::new(head.framing);
                        let is_final = !head.status.is_informational();
                        self.keeps &= head.keeps || !is_final;
                        let ends = is_final && self.body.is_done();
                        return Poll::Ready(answer(head, ends).map_err(Error::into_up));
                    }
                    Err(error) => return Poll::Ready(Err(malformed(error))),
                }
            }
            let unread = &mut self.unread;
            let read = poll_read(&mut self.stream, cx, |bytes| append(unread, bytes));
            match read {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(true)) => {}
                Poll::Ready(Ok(false)) => return Poll::Ready(Err(closed(self.unread.len()))),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(broken(error))),
            }
        }
    }

    /// Adds what is there of the body to `batch`, until that is full.
    pub(super) fn gather(&mut self, batch: &mut Batch, cx: &mut Context<'_>) {
        batch.exhausted = false;
        while batch.has_room() {
            let gathered = if self.unread.is_empty() {
                let (body, keeps) = (&mut self.body, &mut self.keeps);
                let read = poll_read(&mut self.stream, cx, |bytes| copy(body, keeps, bytes, batch));
                match read {
                    Poll::Pending => {
                        batch.exhausted = true;
                        return;
                    }
                    Poll::Ready(gathered) => gathered.map_err(broken).and_then(|it| it),
                }
            } else {
                let unread = std::mem::take(&mut self.unread);
                share(&mut self.body, &mut self.keeps, &unread, batch)
            };
            batch.failed = gathered.err();
            batch.ended = batch.failed.is_none() && self.body.is_done();
        }
    }

    /// The connection, where it may take another request.
    pub(super) fn into_reusable(self) -> Option<Stream> {
        let is_free = self.keeps && self.body.is_done() && self.unread.is_empty();
        is_free.then_some(self.stream)
    }
}

fn answer(head: Head, ends: bool) -> Result<Answer> {
    let mut parts = respond::head(head.status, head.fields.len() + OWN_FIELDS);
    parts.version = head.version;
    for (name, value) in head.fields {
        let name = HeaderName::from_bytes(&name);
        let name = name.or_err(ErrorType::InvalidHTTPHeader, "an answer's field")?;
        parts.headers.append(name, header_value_from_raw(value));
    }
    Ok(Answer { head: parts, reason: head.reason, ends })
}

/// `false`: there was nothing to append, and never will be.
fn append(unread: &mut Bytes, bytes: &[u8]) -> bool {
    *unread = match unread.is_empty() {
        true => Bytes::copy_from_slice(bytes),
        false => [unread, bytes].concat().into(),
    };
    !bytes.is_empty()
}

/// Adds what is of the body in `bytes`, whose memory is another's a moment later. No bytes: the
/// upstream has closed.
fn copy(body: &mut Body, keeps: &mut bool, mut bytes: &[u8], batch: &mut Batch) -> Result<()> {
    if bytes.is_empty() {
        *keeps = false;
        return body.close().map_err(malformed);
    }
    // One piece nearly always; several have their memory together.
    let mut memory = BytesMut::new();
    let mut before: Option<&[u8]> = None;
    let read = loop {
        let next = body.next(&mut bytes);
        if let Ok(Some(piece)) = next {
            match before.take() {
                None if memory.capacity() == 0 => before = Some(piece),
                first => {
                    if let Some(first) = first {
                        memory.reserve(first.len() + piece.len() + bytes.len());
                        memory.extend_from_slice(first);
                        batch.add(memory.split().freeze());
                    }
                    memory.extend_from_slice(piece);
                    batch.add(memory.split().freeze());
                }
            }
            continue;
        }
        break next;
    };
    if let Some(only) = before {
        batch.add(keep(only));
    }
    *keeps &= bytes.is_empty();
    read.map(drop).map_err(malformed)
}

/// Adds what is of the body in `bytes`.
fn share(body: &mut Body, keeps: &mut bool, bytes: &Bytes, batch: &mut Batch) -> Result<()> {
    let mut rest = &bytes[..];
    while let Some(piece) = body.next(&mut rest).map_err(malformed)? {
        batch.add(bytes.slice_ref(piece));
    }
    *keeps &= rest.is_empty();
    Ok(())
}

fn malformed(error: Malformed) -> Box<Error> {
    let kind = match error {
        Malformed::Truncated => ErrorType::ConnectionClosed,
        Malformed::Head(_) | Malformed::Status | Malformed::HeadTooLong | Malformed::Length => {
            ErrorType::InvalidHTTPHeader
        }
        _ => ErrorType::ReadError,
    };
    Error::explain(kind, error.to_string()).into_up()
}

/// In place of an answer. What was pooled may have been closed by the upstream at the same moment.
fn closed(bytes: usize) -> Box<Error> {
    let what =
        format!("the upstream closed the connection after {bytes} bytes of an answer's head");
    let mut error = Error::explain(ErrorType::ConnectionClosed, what).into_up();
    error.retry = RetryType::ReusedOnly;
    error
}

fn broken(error: std::io::Error) -> Box<Error> {
    let is_systems = error.raw_os_error().is_some();
    let mut error = Error::because(ErrorType::ReadError, "of an answer", error).into_up();
    // An error of TLS is no sign of a connection that was closed meanwhile.
    if is_systems {
        error.retry = RetryType::ReusedOnly;
    }
    error
}
