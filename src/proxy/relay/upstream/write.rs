//! A request on its way: head and body together, as fast as they are taken.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::buf::Chain;
use bytes::{Buf, Bytes};
use pingora::http::RequestHeader;
use pingora::protocols::Stream;
use pingora::protocols::http::v1::client::http_req_header_to_wire;
use pingora::{Error, ErrorType, Result};
use tokio::io::AsyncWrite;
use tokio::time::{Sleep, sleep};

/// A request, as far as it is written.
pub(super) struct Writing {
    wire: Chain<Bytes, Bytes>,
    max: Option<Duration>,
    /// Runs once the upstream does not take all of it at once.
    timer: Option<Pin<Box<Sleep>>>,
    state: State,
}

#[derive(Debug)]
enum State {
    Under,
    Done,
    TimedOut,
    Broken(io::Error),
}

// === impl Writing ===

impl Writing {
    /// Nothing is written yet. `max`: how long it may take.
    pub(super) fn new(head: &RequestHeader, body: Bytes, max: Option<Duration>) -> Result<Self> {
        let Some(head) = http_req_header_to_wire(head) else {
            let what = "a request line that cannot be written";
            return Error::e_explain(ErrorType::InvalidHTTPHeader, what);
        };
        Ok(Self { wire: head.freeze().chain(body), max, timer: None, state: State::Under })
    }

    pub(super) const fn has_ended(&self) -> bool {
        !matches!(self.state, State::Under)
    }

    pub(super) const fn has_timed_out(&self) -> bool {
        matches!(self.state, State::TimedOut)
    }

    /// Ready when nothing more will be written.
    pub(super) fn poll(&mut self, stream: &mut Stream, cx: &mut Context<'_>) -> Poll<()> {
        self.state = match self.poll_write(stream, cx) {
            Poll::Ready(Ok(())) => State::Done,
            Poll::Ready(Err(error)) => State::Broken(error),
            Poll::Pending => {
                let Some(max) = self.max else { return Poll::Pending };
                let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(max)));
                ready!(timer.as_mut().poll(cx));
                State::TimedOut
            }
        };
        Poll::Ready(())
    }

    fn poll_write(&mut self, stream: &mut Stream, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.wire.has_remaining() {
            let mut slices = [IoSlice::new(&[]); 2];
            let used = self.wire.chunks_vectored(&mut slices);
            let slices = slices.get(..used).unwrap_or_default();
            let written = ready!(Pin::new(&mut *stream).poll_write_vectored(cx, slices))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.wire.advance(written);
        }
        Pin::new(stream).poll_flush(cx)
    }

    /// Whether all of it was written.
    pub(super) fn into_result(self) -> Result<bool> {
        match self.state {
            State::Under => Ok(false),
            State::Done => Ok(true),
            State::TimedOut => Err(Error::new_up(ErrorType::WriteTimedout)),
            State::Broken(error) => {
                Err(Error::because(ErrorType::WriteError, "a request", error).into_up())
            }
        }
    }
}
