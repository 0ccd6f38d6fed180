//! No connection to the target: another attempt, or the end.

use pingora::{Error, ErrorType};
use tollgate_routing::{Failure, FailureKind};

use crate::proxy::ctx::{AttemptError, Ctx};

pub(crate) fn run(ctx: &mut Ctx, mut error: Box<Error>) -> Box<Error> {
    let Some(routed) = &mut ctx.routed else { return error };
    let timed_out =
        matches!(error.etype, ErrorType::ConnectTimedout | ErrorType::TLSHandshakeTimedout);
    let attempt_error = AttemptError {
        kind: if timed_out { "timeout" } else { "connection_error" },
        message: format!("cannot connect: {}", error.etype.as_str()),
        status: None,
    };
    let failure = Failure { kind: FailureKind::Connect, retry_after: None };
    error.set_retry(routed.fail(failure, attempt_error));
    error
}
