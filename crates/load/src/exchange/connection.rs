//! A connection of the generator's, which has to cost less than what is measured: one task, one read
//! for what is there, no timer for each.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};
use tollgate_http1::{Body, parse, poll_read};

use super::{Broken, Seen, Target};

/// How long a connection may take to open, and an answer to get on.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection that is kept.
pub(crate) struct Connection {
    stream: TcpStream,
    keeps: bool,
}

/// An answer, as far as it was read.
#[derive(Default)]
struct Answer {
    /// Of the head.
    unread: Bytes,
    body: Option<Body>,
    seen: Option<Seen>,
    keeps: bool,
}

// === impl Connection ===

impl Connection {
    pub(crate) async fn open(target: &Target) -> Result<Self, Broken> {
        let opened = tokio::time::timeout(PATIENCE, TcpStream::connect(target.addr)).await;
        let stream = opened.map_err(|_| Broken::TimedOut)?.map_err(|_| Broken::Connect)?;
        stream.set_nodelay(true).map_err(|_| Broken::Connect)?;
        Ok(Self { stream, keeps: true })
    }

    /// Whether another request can go out on it.
    pub(crate) fn is_open(&self) -> bool {
        let nothing = self.stream.try_read(&mut [0]);
        self.keeps && nothing.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Sends a request and reads its answer to the end.
    pub(crate) async fn exchange(&mut self, target: &Target) -> Result<Seen, Broken> {
        let sent = Instant::now();
        let write = self.stream.write_all(&target.wire);
        let written = tokio::time::timeout(PATIENCE, write).await.map_err(|_| Broken::TimedOut)?;
        written.map_err(|_| Broken::Lost)?;
        let mut answer = Answer::default();
        let mut patience = pin!(sleep(PATIENCE));
        while !answer.has_ended() {
            self.read(&mut answer, sent, &mut patience).await?;
        }
        self.keeps = answer.keeps;
        let mut seen = answer.seen.ok_or(Broken::Lost)?;
        seen.ended = Instant::now();
        Ok(seen)
    }

    /// What is there next of the answer.
    async fn read(
        &mut self,
        answer: &mut Answer,
        sent: Instant,
        patience: &mut Pin<&mut Sleep>,
    ) -> Result<(), Broken> {
        // Moved once it has passed, not with each read.
        let since = tokio::time::Instant::now();
        poll_fn(|cx| {
            // One call of the system's for what is there: a read that did not fill its memory is not tried again.
            let read = poll_read(&mut self.stream, cx, |bytes| answer.take(bytes, sent));
            if let Poll::Ready(read) = read {
                return Poll::Ready(read.map_err(|_| Broken::Lost).flatten());
            }
            while patience.as_mut().poll(cx).is_ready() {
                if since.elapsed() >= PATIENCE {
                    return Poll::Ready(Err(Broken::TimedOut));
                }
                patience.as_mut().reset(since + PATIENCE);
            }
            Poll::Pending
        })
        .await
    }
}

// === impl Answer ===

impl Answer {
    fn has_ended(&self) -> bool {
        self.body.as_ref().is_some_and(Body::is_done)
    }

    /// Goes on by `bytes`; none: the connection was closed.
    fn take(&mut self, bytes: &[u8], sent: Instant) -> Result<(), Broken> {
        if bytes.is_empty() {
            self.keeps = false;
            let body = self.body.as_mut().ok_or(Broken::Lost)?;
            return body.close().map_err(|_| Broken::Lost);
        }
        if self.body.is_some() {
            return self.read(bytes, sent);
        }
        self.unread = [&self.unread, bytes].concat().into();
        while let Some(head) = parse(&self.unread).map_err(|_| Broken::Lost)? {
            self.unread.advance(head.bytes);
            if head.status.is_informational() {
                continue;
            }
            let mut seen = Seen::new(head.status.as_u16());
            seen.retry_after = head.fields.values("retry-after").next().is_some();
            self.seen = Some(seen);
            self.body = Some(Body::new(head.framing));
            self.keeps = head.keeps;
            let rest = std::mem::take(&mut self.unread);
            return self.read(&rest, sent);
        }
        Ok(())
    }

    fn read(&mut self, mut bytes: &[u8], sent: Instant) -> Result<(), Broken> {
        let (Some(body), Some(seen)) = (&mut self.body, &mut self.seen) else {
            return Err(Broken::Lost);
        };
        while let Some(piece) = body.next(&mut bytes).map_err(|_| Broken::Lost)? {
            seen.on_data(piece, sent);
        }
        self.keeps &= bytes.is_empty();
        Ok(())
    }
}
