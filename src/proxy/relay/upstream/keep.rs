//! What is kept of what was read.

use std::cell::RefCell;

use bytes::{Bytes, BytesMut};

/// The largest piece that shares a block with others: whoever keeps it keeps the block.
const SMALL_BYTES_MAX: usize = 1024;
const BLOCK_BYTES: usize = 4 * SMALL_BYTES_MAX;

thread_local! {
    static BLOCK: RefCell<BytesMut> = RefCell::default();
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
