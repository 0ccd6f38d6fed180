//! The end of a request that went wrong: an error in the caller's dialect, as JSON before the head
//! and as an event after it. Nothing is ever spliced onto what the caller already has.

use http::StatusCode;
use pingora::proxy::{FailToProxy, Session};
use pingora::{Error, ErrorSource, ErrorType};
use tokio::time::Instant;
use tollgate_filters::request::Rejection;
use tollgate_providers::Endpoint;
use tollgate_providers::error_body::ErrorBody;
use tollgate_providers::translate::Untranslatable;

use crate::proxy::ctx::{Ctx, Routed};
use crate::proxy::downstream;
use crate::proxy::respond::{self, Failure};
use crate::proxy::response_body_filter::STREAM_FAILED;

pub(crate) async fn run(session: &mut Session, error: &Error, ctx: &mut Ctx) -> FailToProxy {
    tell!(debug, ctx, cause = error.etype.as_str(), "request failed");
    if let Some(installed) = ctx.routed.as_mut().and_then(|routed| routed.installed.take()) {
        downstream::restore(session.as_downstream_mut(), &installed);
    }
    let deadline = ctx.routed.as_ref().and_then(|routed| routed.watch.fired());
    if deadline.is_none() && *error.esource() == ErrorSource::Downstream {
        answer_slow_reader(session, error, ctx).await;
        return FailToProxy { error_code: 0, can_reuse_downstream: false };
    }
    let failed = session.response_written().is_some_and(|head| !head.status.is_informational());
    let (status, message) = describe(error, ctx);
    let kept_back = ctx.routed.as_deref_mut().and_then(kept_back);
    let written = match (failed, kept_back) {
        (true, Some(rejection)) => refuse_stream(session, ctx, rejection).await,
        (true, None) => {
            let failure = Failure { status, code: "upstream", message: &message, param: None };
            end_stream(session, ctx, &failure).await
        }
        (false, Some(rejection)) => {
            session.set_keepalive(None);
            respond::reject(session, ctx, rejection).await
        }
        (false, None) => {
            session.set_keepalive(None);
            let unsuited = ctx.routed.as_mut().and_then(|routed| routed.unsuited.take());
            if let Some(Untranslatable { field, reason }) = unsuited {
                respond::reject(session, ctx, Rejection::Unsuited { field, reason }).await
            } else {
                let failure = Failure { status, code: "upstream", message: &message, param: None };
                respond::fail(session, ctx, &failure, Vec::new()).await
            }
        }
    };
    if let Err(error) = written {
        tell!(debug, ctx, cause = error.etype.as_str(), "the caller left too");
    }
    FailToProxy { error_code: 0, can_reuse_downstream: false }
}

/// A request that could not be read: the caller is told if it is still there.
async fn answer_slow_reader(session: &mut Session, error: &Error, ctx: &mut Ctx) {
    if ctx.routed.is_some() || session.response_written().is_some() {
        return;
    }
    if matches!(error.etype, ErrorType::ReadTimedout) {
        let message = "the request body did not arrive in time";
        let failure = Failure {
            status: StatusCode::REQUEST_TIMEOUT,
            code: "bad_request",
            message,
            param: None,
        };
        session.set_keepalive(None);
        let _gone = respond::fail(session, ctx, &failure, Vec::new()).await;
    }
}

/// 504 for time, 502 for everything else that is the upstream's doing.
fn describe(error: &Error, ctx: &Ctx) -> (StatusCode, String) {
    let current = ctx.routed.as_ref().and_then(|routed| routed.current.as_ref());
    let what = current.and_then(|current| current.error.as_ref());
    let timed_out = what.is_some_and(|what| what.kind == "timeout")
        || matches!(
            error.etype,
            ErrorType::ConnectTimedout | ErrorType::ReadTimedout | ErrorType::WriteTimedout
        );
    let provider = ctx.provider_name().unwrap_or("upstream");
    if matches!(error.etype, ErrorType::Custom(STREAM_FAILED)) {
        return (StatusCode::BAD_GATEWAY, format!("{provider} gave no usable answer"));
    }
    if timed_out {
        return (StatusCode::GATEWAY_TIMEOUT, format!("{provider} did not answer in time"));
    }
    (StatusCode::BAD_GATEWAY, format!("the connection to {provider} failed"))
}

/// Why we give no answer, or no more of it, though the provider did its part.
fn kept_back(routed: &mut Routed) -> Option<Rejection> {
    let refusal = routed.current.as_mut().and_then(|current| current.refusal.take());
    refusal.map(Rejection::Guardrail).or_else(|| routed.holds.rejection.clone())
}

/// The rest of a stream is kept back: what was clean of it, an error event, and a clean end.
async fn refuse_stream(
    session: &mut Session,
    ctx: &mut Ctx,
    rejection: Rejection,
) -> pingora::Result<()> {
    let (status, code, message) = (rejection.status(), rejection.code(), rejection.for_caller());
    ctx.rejection = Some(rejection);
    let failure = Failure { status, code, message: &message, param: None };
    end_stream(session, ctx, &failure).await
}

/// An error event and a clean end.
async fn end_stream(
    session: &mut Session,
    ctx: &mut Ctx,
    failure: &Failure<'_>,
) -> pingora::Result<()> {
    let Ctx { routed, dialect, endpoint, id, .. } = ctx;
    // Where plain errors of two dialects look alike, those in streams do not.
    let dialect = endpoint.as_ref().and_then(Endpoint::dialect).unwrap_or(*dialect);
    let current = routed.as_mut().and_then(|routed| routed.current.as_mut());
    let responding = current.and_then(|current| current.responding.as_mut());
    let Failure { status, code, message, param } = *failure;
    let body = ErrorBody { status, code, message, param, request_id: id.as_str() };
    let end = responding
        .and_then(|responding| responding.pipeline.end_with_error(dialect, &body, Instant::now()));
    // Half of a plain body cannot be mended; the missing rest tells the caller.
    match end {
        Some(event) => session.write_response_body(Some(event), true).await,
        None => Ok(()),
    }
}
