//! tollgate: an edge proxy for LLM traffic, as a library for its binary, tests and benches.
//!
//! A request's life, file by file, is in `docs/architecture.md`; the order of the tower stack in
//! `filters/src/request/stack.rs`, that of the body filters in `filters/src/response/pipeline.rs`.

pub mod cli;
mod keys;
mod observe;
mod proxy;
pub mod reload;
pub mod running;
mod server;
mod shared;
mod snapshot;
mod span_store;
mod store_sink;
mod targets;
mod tool_links;
mod webhook;

pub use running::Running;
