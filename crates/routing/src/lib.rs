//! The routing domain as pure functions of a table, a request, random numbers and failures.
//!
//! [`Table::resolve`] turns a model name into a [`Plan`]; [`Attempts`] walks the plan, one attempt
//! at a time; [`Registry`] keeps what is known of targets right now. Nothing here reads a clock or
//! draws a random number: both come in as arguments.

pub mod attempts;
pub mod live;
pub mod plan;
pub mod retry;
pub mod strategy;
pub mod table;
pub mod target;
pub mod variant;

pub use attempts::{Attempt, Attempts, Counters};
pub use live::{Flight, Health, Load, Registry, Standing, Verdict, View};
pub use plan::{Choice, Layer, Plan, RoutingPath, Step};
pub use retry::{
    Blame, Failure, FailureKind, RetryPolicy, StatusSet, parse_limit_reset, parse_retry_after,
};
pub use strategy::{StickyBy, Strategy, Subject};
pub use table::{Function, ListedModel, ResolveError, Route, Row, Table};
pub use target::{Credential, Deadlines, Target};
pub use tollgate_providers::EndpointKind;
pub use variant::{Params, Variant};

#[cfg(test)]
mod fixtures;
