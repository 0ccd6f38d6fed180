//! Real engine, fake server: the ClickHouse store beside the embedded one, over HTTP, with faults.

mod faults;
mod rows;
mod same;
mod schema;
mod shim;
mod sql;
