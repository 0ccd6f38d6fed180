//! The response body: chunks at their times, each flushed before the next is made.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use memchr::memmem;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::answer::{Answer, Chunk, End};
use crate::log::{Ended, Witness};
use crate::scenario::{STAMP, STAMP_DIGITS};
use crate::server::wire::Fuse;

/// A body that keeps time. Dropped before its end, it tells the log that the peer has left.
pub(crate) struct PacedBody {
    chunks: VecDeque<Chunk>,
    content_length: Option<usize>,
    end: End,
    stamp: bool,
    witness: Witness,
    fuse: Arc<Fuse>,
    /// When the chunk before was due: the schedule is absolute, so that delays don't add up.
    due: Option<Instant>,
    sleep: Option<Pin<Box<Sleep>>>,
    /// A chunk, or the head alone, was handed over and is still to be flushed.
    unflushed: bool,
}

// === impl PacedBody ===

impl PacedBody {
    /// The body of `answer`, whose chunks it takes.
    pub(crate) fn new(answer: &mut Answer, witness: Witness, fuse: Arc<Fuse>) -> Self {
        let chunks = std::mem::take(&mut answer.chunks);
        // A body that breaks off at its very start must not take the head with it.
        let unflushed = chunks.is_empty();
        let mut body = Self {
            chunks: chunks.into(),
            content_length: answer.content_length,
            end: answer.end,
            stamp: answer.stamp,
            witness,
            fuse,
            due: None,
            sleep: None,
            unflushed,
        };
        body.note_end();
        body
    }

    /// The server need not ask again once it has the last byte: the end is noted with it.
    fn note_end(&mut self) {
        if self.chunks.is_empty() && self.end == End::Complete {
            self.witness.end(Ended::Complete);
        }
    }

    /// Whether the next chunk comes later, so that the server has nothing from the body meanwhile.
    fn pauses(&self) -> bool {
        let now = Instant::now();
        self.chunks.front().is_some_and(|next| self.due.unwrap_or(now) + next.wait > now)
    }

    /// Ready when the first chunk in line is due.
    fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(next) = self.chunks.front() else { return Poll::Ready(()) };
        if next.wait.is_zero() {
            return Poll::Ready(());
        }
        let sleep = match self.sleep.take() {
            Some(sleep) => sleep,
            None => {
                let due = self.due.unwrap_or_else(Instant::now) + next.wait;
                self.due = Some(due);
                Box::pin(sleep_until(due))
            }
        };
        let sleep = self.sleep.insert(sleep);
        ready!(sleep.as_mut().poll(cx));
        self.sleep = None;
        Poll::Ready(())
    }
}

impl Body for PacedBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if std::mem::take(&mut self.unflushed) && !self.pauses() {
            // The server flushes when the body has nothing for it, and only then.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.due.is_none() {
            self.due = Some(Instant::now());
        }
        ready!(self.poll_due(cx));
        if let Some(chunk) = self.chunks.pop_front() {
            self.witness.sent(chunk.bytes.len(), chunk.content);
            self.note_end();
            self.unflushed = true;
            let bytes = if self.stamp { stamped(&chunk.bytes) } else { chunk.bytes };
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        match self.end {
            End::Complete => Poll::Ready(None),
            // Nothing will wake this; the server drops it when the peer leaves.
            End::Hang => Poll::Pending,
            End::Cut => {
                self.witness.end(Ended::Faulted);
                Poll::Ready(Some(Err(io::Error::other("told to break off"))))
            }
            End::Reset => {
                self.witness.end(Ended::Faulted);
                self.fuse.blow(true);
                Poll::Pending
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        // Only the length that the head promises; what is left of it does not matter.
        self.content_length.map_or_else(SizeHint::default, |bytes| {
            SizeHint::with_exact(u64::try_from(bytes).unwrap_or(u64::MAX))
        })
    }
}

/// The same bytes with this moment in every stamp.
fn stamped(bytes: &Bytes) -> Bytes {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let digits = format!("{:0STAMP_DIGITS$}", now.as_nanos());
    let mut copy = bytes.to_vec();
    let mut at = 0;
    while let Some(found) = copy.get(at..).and_then(|rest| memmem::find(rest, STAMP.as_bytes())) {
        let start = at + found + STAMP.len();
        at = start + STAMP_DIGITS;
        if let Some(place) = copy.get_mut(start..at) {
            place.copy_from_slice(digits.as_bytes());
        }
    }
    copy.into()
}

/// What a service of the server returns: it never fails.
pub(crate) type Served = Result<http::Response<PacedBody>, Infallible>;
