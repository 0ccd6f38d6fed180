//! Reading, into memory that all of a thread's connections share.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

/// The most that is read at once.
const READ_BYTES_MAX: usize = 64 * 1024;

thread_local! {
    static MEMORY: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES_MAX].into());
}

/// Shows what could be read of `stream` to `take`: nothing where the other side has closed.
///
/// `take` must not read in turn: the memory is in use meanwhile.
///
/// # Errors
/// Of the reading.
pub fn poll_read<S: AsyncRead + Unpin, T>(
    stream: &mut S,
    cx: &mut Context<'_>,
    take: impl FnOnce(&[u8]) -> T,
) -> Poll<io::Result<T>> {
    MEMORY.with_borrow_mut(|memory| {
        let mut buffer = ReadBuf::new(memory);
        ready!(Pin::new(stream).poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(take(buffer.filled())))
    })
}
