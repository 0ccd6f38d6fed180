//! The product's heart, with no server in it: what happens to a request before an upstream is
//! chosen, and what is read from a response while it passes.
//!
//! - [`request`]: the tower stack. Its order is written once, in `request/stack.rs`.
//! - [`capture`]: what is kept of a request's text.
//! - [`detect`]: what must not stand in a text, and how it is taken out.
//! - [`guard`]: what a finding leads to.
//! - [`response`]: the body filters. Their order is written once, in `response/pipeline.rs`.
//!
//! Filters return what they saw; they make no span and count no metric.

pub mod capture;
pub mod detect;
pub mod guard;
pub mod request;
pub mod response;
