//! A provider that does what it is told: it speaks chat completions, messages and, in outline,
//! Responses; ranks, draws, speaks, listens and keeps files; says what its scenario says, at the
//! scenario's pace; and fails on demand.
//!
//! The demo, the integration tests and the load benches use it. The same request gets the same
//! bytes, so that an answer through a gateway can be compared with one without it.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use tollgate_mock::{Fault, Mock, Scenario};
//!
//! let mock = Mock::start(([127, 0, 0, 1], 0).into()).await?;
//! mock.push("/v1/chat/completions", Scenario::status(429));
//! mock.set("cutter", Scenario::fault(Fault::CutAfterEvents(3)));
//! // POST {mock.url("/v1")}/chat/completions answers 429, the next one a greeting;
//! // POST {mock.url("/@cutter/v1")}/chat/completions breaks off after three events.
//! mock.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! The scenario of a request is, in order: the next one pushed for its trace; the next
//! one pushed for its path; the one named in the
//! path (`/@name/v1/...`); the one in the header `x-mock-scenario` (a name, or JSON); the one named
//! by the model `mock-<name>`; the default, which greets, or calls the caller's tools if it has any.
//! Built-in names: `default`, `echo`, `tools`, `reasoning`, `slow`, `load`, `cut`, `hang`,
//! `status-<code>`.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")
)]

mod answer;
mod choosing;
mod log;
mod ordered;
mod reading;
mod scenario;
mod server;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;

pub use choosing::SCENARIO_HEADER;
pub use log::{Ended, LOG_BODY_BYTES_MAX, LOG_REQUESTS_MAX, Progress, Received, body_hash};
pub use scenario::{
    CREATED_DEFAULT, EVENT_BYTES_MAX, ExpectedKey, Fault, Fragments, GENERATED_BYTES_MAX, Piece,
    STAMP, STAMP_DIGITS, STREAM_EVENTS_MAX, Scenario, Tokens, ToolCall, UsagePlace,
};
pub use server::{BODY_BYTES_MAX, Mock};

/// Serves alone, with these scenarios by name, until the future is dropped; nothing is logged.
///
/// # Errors
/// When the address cannot be bound.
pub async fn run(addr: SocketAddr, scenarios: BTreeMap<String, Scenario>) -> io::Result<()> {
    let mock = Mock::start(addr).await?;
    mock.keep_log(0);
    for (name, scenario) in scenarios {
        mock.set(&name, scenario);
    }
    std::future::pending().await
}
