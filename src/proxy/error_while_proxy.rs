//! An attempt broke after its connection stood: another attempt while nothing has reached the
//! caller, else the end.

use pingora::proxy::Session;
use pingora::{Error, ErrorSource, ErrorType};
use tollgate_routing::{Failure, FailureKind};

use crate::proxy::ctx::{AttemptError, Ctx};
use crate::proxy::quota::EXCEEDED;
use crate::proxy::response_body_filter::{BLOCKED, STREAM_FAILED};
use crate::proxy::watch::Deadline;

pub(crate) fn run(
    session: &Session,
    mut error: Box<Error>,
    ctx: &mut Ctx,
    client_reused: bool,
) -> Box<Error> {
    let Some(routed) = &mut ctx.routed else { return error };
    // The response filter already closed this attempt.
    if matches!(error.etype, ErrorType::HTTPStatus(_)) && error.retry() {
        return error;
    }
    if matches!(&error.etype, ErrorType::Custom(name) if *name == BLOCKED) {
        error.set_retry(false);
        return error;
    }
    let head_sent = session.response_written().is_some_and(|head| !head.status.is_informational());
    let deadline = routed.watch.fired();
    let caller_gone = deadline.is_none() && *error.esource() == ErrorSource::Downstream;
    if caller_gone || head_sent {
        error.set_retry(false);
        // That the caller left is no failure of the attempt's.
        if !caller_gone {
            record(routed, &error);
        }
        return error;
    }
    let kind = match deadline {
        // No time is left for anyone.
        Some(Deadline::Total) => FailureKind::Final,
        Some(_) => FailureKind::Timeout,
        None if matches!(&error.etype, ErrorType::Custom(name) if *name == STREAM_FAILED) => {
            FailureKind::ErrorEvent
        }
        None if matches!(&error.etype, ErrorType::Custom(name) if *name == EXCEEDED) => {
            FailureKind::Final
        }
        None => FailureKind::Reset,
    };
    // A pooled connection that the upstream had closed says nothing about the target. One that broke
    // in the middle of an answer does.
    let answered = routed.current.as_ref().is_some_and(|current| current.responding.is_some());
    if kind == FailureKind::Reset && client_reused && !answered && routed.take_free_retry() {
        error.set_retry(true);
        return error;
    }
    record(routed, &error);
    let attempt_error =
        routed.current.as_ref().and_then(|c| c.error.clone()).unwrap_or_else(|| AttemptError {
            kind: "connection_error",
            message: error.etype.as_str().to_owned(),
            status: None,
        });
    let follows = *error.esource() != ErrorSource::Internal
        && routed.fail(Failure { kind, retry_after: None }, attempt_error);
    error.set_retry(follows);
    if follows {
        routed.watch.hold(false);
    }
    error
}

/// Keeps what happened, unless the pipeline already knows better.
fn record(routed: &mut crate::proxy::ctx::Routed, error: &Error) {
    let deadline = routed.watch.fired();
    let Some(current) = &mut routed.current else { return };
    if current.error.is_some() {
        return;
    }
    current.error = Some(match deadline {
        Some(deadline) => AttemptError {
            kind: "timeout",
            message: format!("no answer in time ({})", deadline.field()),
            status: None,
        },
        None => AttemptError {
            kind: "connection_error",
            message: format!("connection failed: {}", error.etype.as_str()),
            status: None,
        },
    });
}
