//! tollgate: an edge proxy for LLM traffic, as a library for its binary, tests and benches.
//!
//! A request's life, file by file, is in `docs/architecture.md`; the order of the tower stack in
//! `filters/src/request/stack.rs`, that of the body filters in `filters/src/response/pipeline.rs`.

pub mod cli;
mod collecting;
pub mod gateway;
mod intake;
mod keys;
mod limits;
mod memory;
mod observe;
mod own;
mod proxy;
mod redis;
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

pub use collecting::Collecting;
pub use gateway::Gateway;
pub use running::Running;
/// Configuration: what [`gateway::Builder::start`] takes.
pub use tollgate_config as config;
/// What layers and body filters are made of.
pub use tollgate_filters as filters;
