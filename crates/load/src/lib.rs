//! Load for gateways, and honest figures of how they bear it.
//!
//! - [`Load`] says what is sent and when; [`run`] sends it and returns what was [`Measured`].
//!   Latencies count from the moment a request was meant to be sent, so that a gateway that stalls
//!   cannot hide it by slowing its callers down.
//! - [`ProcessTree`] tells what a gateway's processes used of CPU and memory, from the system.
//! - [`Machine`] tells whether anything else was running meanwhile; [`pinned`] keeps what is measured and
//!   what measures apart, [`raise_files_max`] lets a process have thousands of connections.
//! - [`ratio`] compares paired rounds, with an interval by bootstrap.
//!
//! The bench `load` and `tollgate bench` are both made of it.

mod arrivals;
mod compare;
mod exchange;
mod machine;
mod process;
mod record;
mod run;

pub use arrivals::{Arrivals, Schedule};
pub use compare::{Interval, ratio};
pub use exchange::{BadUrl, Target};
pub use machine::{Machine, pinned, processors, raise_files_max};
pub use process::{ProcessTree, Used};
pub use record::{Measured, Quantiles};
pub use run::{Load, Plan, run};

/// What stands before the moment of sending in an event's text, in nanoseconds since 1970 with
/// nineteen digits. A mock provider writes it; whoever receives the event knows how long it took.
pub const STAMP: &str = "sent:";
/// The digits of a stamp.
pub const STAMP_DIGITS: usize = 19;
