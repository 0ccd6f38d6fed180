//! The request phase: an owned request in, a [`Verdict`] out.

mod body_limit;
mod caller;
mod caller_key;
mod context;
mod facts;
mod guard;
mod headers;
mod in_flight;
mod limits;
mod quotas;
mod rejection;
mod request_id;
mod route;
mod stack;

use bytes::Bytes;
use tollgate_limits::Reservation;
use tollgate_routing::Plan;

pub use body_limit::{BodyLimitLayer, BodyLimited};
pub use caller::{
    CALLER_KEY_HEADER, Caller, CallerKeys, Callers, Identity, KeyRefusal, holds_ours, is_ours,
    param_is_ours, remove_ours,
};
pub use caller_key::{CallerKeyLayer, Keyed};
pub use context::{Context, ContextLayer, ContextOperation, Contexts, HeaderAttributes, Operation};
pub use facts::Facts;
pub use guard::{GuardLayer, Guarded};
pub use headers::{
    CONTEXT_HEADERS, CONTEXT_VALUE_CHARS_MAX, ContextHeader, DURATION_MS_MAX, HeaderRole,
};
pub use in_flight::{InFlight, InFlightLayer, InFlightPermit, Limited};
pub use limits::{LimitsLayer, Reserved};
pub use quotas::{Prices, Quotas, Unpriced};
pub use rejection::Rejection;
pub use request_id::{RequestId, RequestIdLayer, WithRequestId};
pub use route::{Route, unknown_path};
pub use stack::{Settings, Stack, stack};

/// A whole request, owned: nothing of the server's session crosses this line.
///
/// The extensions hold what earlier layers found: [`RequestId`], [`Facts`], [`Context`].
pub type Request = http::Request<Bytes>;

/// What the request phase decided.
#[derive(Debug)]
pub enum Verdict {
    /// Send it upstream, trying what the plan allows.
    Forward(Box<Forward>),
    /// Answer it here.
    Respond(Box<http::Response<Bytes>>),
}

/// A request that goes upstream.
#[derive(Debug)]
pub struct Forward {
    /// Where it may go.
    pub plan: Plan,
    /// The body as the caller sent it.
    pub body: Bytes,
    /// What the body says of itself.
    pub facts: Facts,
    /// What the caller's headers say of the work around the call.
    pub context: Context,
    /// The place this request takes until its response ends.
    pub permit: Option<InFlightPermit>,
    /// What it may use by the limits that apply to it.
    pub reservation: Option<Reservation>,
}

#[cfg(test)]
mod tests;
