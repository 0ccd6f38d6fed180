//! A connection that can be broken on purpose.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// Breaks a connection from within one of its responses.
#[derive(Debug, Default)]
pub(crate) struct Fuse {
    blown: Notify,
    reset: AtomicBool,
}

/// A stream that is reset, not closed, when its fuse was blown so.
#[derive(Debug)]
pub(crate) struct Wire<S> {
    stream: S,
    fuse: std::sync::Arc<Fuse>,
    /// Arranges that dropping the stream resets it, where the transport can.
    arm_reset: fn(&S),
}

/// For [`Wire::new`]: dropping this stream sends RST.
pub(crate) fn arm_tcp_reset(stream: &TcpStream) {
    if let Err(error) = stream.set_zero_linger() {
        tracing::debug!(%error, "a connection is closed, not reset");
    }
}

// === impl Fuse ===

impl Fuse {
    /// Ends the connection at once.
    pub(crate) fn blow(&self, reset: bool) {
        self.reset.store(reset, Ordering::Release);
        self.blown.notify_one();
    }

    /// Waits until it is blown.
    pub(crate) async fn blown(&self) {
        self.blown.notified().await;
    }
}

// === impl Wire ===

impl<S> Wire<S> {
    pub(crate) fn new(stream: S, fuse: std::sync::Arc<Fuse>, arm_reset: fn(&S)) -> Self {
        Self { stream, fuse, arm_reset }
    }
}

impl<S> Drop for Wire<S> {
    fn drop(&mut self) {
        if self.fuse.reset.load(Ordering::Acquire) {
            (self.arm_reset)(&self.stream);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
