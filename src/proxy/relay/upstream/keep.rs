//! Reading, into memory that all of a worker's connections share.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use pingora::protocols::Stream;
use tokio::io::{AsyncRead, ReadBuf};

/// The most that is read at once.
const READ_BYTES_MAX: usize = 64 * 1024;

/// The largest piece that shares a block with others: whoever keeps it keeps the block.
const SMALL_BYTES_MAX: usize = 1024;
const BLOCK_BYTES: usize = 4 * SMALL_BYTES_MAX;

thread_local! {
    static MEMORY: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES_MAX].into());
    static BLOCK: RefCell<BytesMut> = RefCell::default();
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

/// A copy of `piece` that stays. The copy before it is nearly always gone by then, and its memory,
/// unlike what an allocator has, still near the processor.
pub(super) fn keep(piece: &[u8]) -> Bytes {
    if piece.len() > SMALL_BYTES_MAX {
        return Bytes::copy_from_slice(piece);
    }
    BLOCK.with_borrow_mut(|block| {
        if !block.try_reclaim(BLOCK_BYTES) && block.capacity() < piece.len() {
            *block = BytesMut::with_capacity(BLOCK_BYTES);
        }
        block.extend_from_slice(piece);
        block.split().freeze()
    })
}
