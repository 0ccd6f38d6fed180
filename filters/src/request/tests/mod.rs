//! The request phase: each layer, and the order in which they stand.

mod context;
pub(super) mod gates;
mod guard;
mod limits;
mod stack;
