//! Memory that a busy hour took, on its way back to the system.

use std::hint::black_box;

/// All that a process can name on systems of today, less a little: the allocator asks the system for it, where it refuses
/// more by itself, and the system never has it.
const TOO_MUCH_BYTES: usize = (1 << 48) - (1 << 20);

/// Gives back what this thread has freed and its allocator still keeps.
///
/// The allocator means to give it back ten milliseconds later, but looks at its clock only when it is called, and puts
/// the moment off with each block that is freed meanwhile: where thousands of streams end and nothing follows, nearly
/// all of their memory stays. Asking it to collect takes a call that is not safe Rust. A request that cannot be
/// granted has the same effect: before it says no, it collects, at once and whatever its clock says (`_mi_malloc_generic`
/// in mimalloc's `page.c`). With another allocator this only fails.
pub(crate) fn give_back() {
    let refused = Vec::<u8>::new().try_reserve_exact(black_box(TOO_MUCH_BYTES));
    tracing::trace!(refused = refused.is_err(), "freed memory goes back to the system");
}
