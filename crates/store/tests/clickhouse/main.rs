//! Real engine, fake server: the ClickHouse store beside the embedded one, over HTTP, with faults.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod dashboards;
mod faults;
mod rows;
mod same;
mod schema;
mod shim;
mod signals;
mod sql;
mod tls;
