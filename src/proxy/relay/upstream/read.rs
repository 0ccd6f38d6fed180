//! Reading, into memory that all of a worker's connections share.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pingora::protocols::Stream;
use tokio::io::{AsyncRead, ReadBuf};

/// The most that is read at once.
const READ_BYTES_MAX: usize = 64 * 1024;

thread_local! {
    static MEMORY: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES_MAX].into());
}

/// Shows what could be read to `take`: nothing where the other side has closed.
pub(super) fn poll<T>(
    stream: &mut Stream,
    cx: &mut Context<'_>,
    take: impl FnOnce(&[u8]) -> T,
) -> Poll<io::Result<T>> {
    MEMORY.with_borrow_mut(|memory| {
        let mut buffer = ReadBuf::new(memory);
        ready!(Pin::new(stream).poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(take(buffer.filled())))
    })
}
