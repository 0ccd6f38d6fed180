//! Units of work that are timed by the benches beside this, counted in instructions by
//! `src/bin/counts.rs` and in allocations by `tests/allocations.rs`: what the gateway does per chunk,
//! event, request, decision, span and row, without a socket.

pub mod cases;
pub mod chunks;
pub mod routing;
pub mod rows;
pub mod span;
pub mod stack;
pub mod streams;
pub mod table;
