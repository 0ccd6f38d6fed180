//! The provider, seen by a plain TCP client.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod answers;
mod choosing;
mod client;
mod departures;
mod faults;
mod media;
mod pacing;
mod transports;
