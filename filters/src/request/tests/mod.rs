//! The request phase: each layer, and the order in which they stand.

mod context;
pub(crate) mod gates;
mod guard;
mod limits;
mod order;
pub(crate) mod stack;
