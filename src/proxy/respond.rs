//! Answers that tollgate gives itself: the one place where they become bytes.

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use pingora::Result;
use pingora::http::ResponseHeader;
use pingora::proxy::Session;
use tollgate_filters::cache::CACHE_HEADER;
use tollgate_filters::request::Rejection;
use tollgate_providers::error_body::{ErrorBody, error_body};

use crate::proxy::body::READ_PAUSE_MAX;
use crate::proxy::ctx::Ctx;
use crate::proxy::{quota, route_header};

/// The request's id, on every response.
pub(crate) const REQUEST_ID: &str = "x-to11-request-id";
/// What went wrong, in the one taxonomy.
pub(crate) const ERROR_CODE: &str = "x-to11-error-code";
/// Which provider it went wrong at.
pub(crate) const UPSTREAM_PROVIDER: &str = "x-to11-upstream-provider";
/// Where the request went, for those who configured it so (`server.route_header`).
pub(crate) const ROUTE: &str = "x-to11-route";

/// A name that need not be parsed for each look.
static LIMIT: header::HeaderName = header::HeaderName::from_static(quota::LIMIT);
/// What is wanted of a caller without a good key.
const CHALLENGE: &str = "Bearer realm=\"tollgate\"";

/// An error in the caller's dialect.
pub(crate) struct Failure<'a> {
    pub(crate) status: StatusCode,
    pub(crate) code: &'a str,
    pub(crate) message: &'a str,
    pub(crate) param: Option<&'a str>,
}

/// Refuses the request.
///
/// # Errors
/// Pingora's, when the caller is gone.
pub(crate) async fn reject(
    session: &mut Session,
    ctx: &mut Ctx,
    rejection: Rejection,
) -> Result<()> {
    let message = rejection.for_caller();
    let failure = Failure {
        status: rejection.status(),
        code: rejection.code(),
        message: &message,
        param: rejection.param(),
    };
    let mut extra = Vec::new();
    if let Some(after) = rejection.retry_after() {
        extra.push((header::RETRY_AFTER, HeaderValue::from(after.as_secs().max(1))));
    }
    match &rejection {
        Rejection::MethodNotAllowed { allow } => {
            extra.push((header::ALLOW, HeaderValue::from_static(allow)));
        }
        // RFC 9110, section 15.5.2.
        Rejection::KeyMissing | Rejection::KeyNotValid => {
            extra.push((header::WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE)));
        }
        Rejection::Exceeded(exceeded) => extra.extend(quota::headers_of_refusal(exceeded)),
        _ => {}
    }
    if matches!(rejection, Rejection::Overloaded { .. }) {
        keep_connection(session);
    }
    let result = fail(session, ctx, &failure, extra).await;
    ctx.rejection = Some(rejection);
    result
}

/// The connection of a request that was shed unread stays for the next one: what is left of the body is read and
/// dropped behind the answer. Not so where the caller waits to be asked for it, and may never send it (RFC 9110,
/// section 10.1.1).
fn keep_connection(session: &mut Session) {
    if !session.req_header().headers.contains_key(header::EXPECT) {
        let session = session.as_downstream_mut();
        session.set_close_on_response_before_downstream_finish(false);
        session.set_total_drain_timeout(Some(READ_PAUSE_MAX));
    }
}

/// Writes an error answer.
///
/// # Errors
/// Pingora's, when the caller is gone.
pub(crate) async fn fail(
    session: &mut Session,
    ctx: &mut Ctx,
    failure: &Failure<'_>,
    mut extra: Vec<(header::HeaderName, HeaderValue)>,
) -> Result<()> {
    let body = error_body(
        ctx.dialect,
        &ErrorBody {
            status: failure.status,
            code: failure.code,
            message: failure.message,
            param: failure.param,
            request_id: ctx.id.as_str(),
        },
    );
    if let Ok(code) = HeaderValue::from_str(failure.code) {
        extra.push((header::HeaderName::from_static(ERROR_CODE), code));
    }
    json(session, ctx, failure.status, body.into(), extra).await
}

/// Writes a JSON answer with the headers that every response has.
///
/// # Errors
/// Pingora's, when the caller is gone.
pub(crate) async fn json(
    session: &mut Session,
    ctx: &mut Ctx,
    status: StatusCode,
    body: Bytes,
    extra: Vec<(header::HeaderName, HeaderValue)>,
) -> Result<()> {
    ctx.status = Some(status);
    let mut head = ResponseHeader::build(status, Some(8 + extra.len()))?;
    head.insert_header(header::CONTENT_TYPE, "application/json")?;
    head.insert_header(header::CONTENT_LENGTH, body.len())?;
    for (name, value) in extra {
        head.insert_header(name, value)?;
    }
    stamp(&mut head, ctx)?;
    // The answer to HEAD has the length of a body that does not come.
    let body = if ctx.http.method == Method::HEAD { None } else { Some(body) };
    session.write_response_header(Box::new(head), body.is_none()).await?;
    session.write_response_body(body, true).await
}

/// Puts the headers on a response that every response has.
///
/// # Errors
/// Pingora's, for a value that is no header value; ours always are.
pub(crate) fn stamp(head: &mut ResponseHeader, ctx: &Ctx) -> Result<()> {
    head.insert_header(REQUEST_ID, ctx.id.as_str())?;
    head.insert_header("traceparent", ctx.trace.traceparent(ctx.spans.http))?;
    if let Some(provider) = ctx.provider_name().filter(|_| head.status.as_u16() >= 400) {
        head.insert_header(UPSTREAM_PROVIDER, provider)?;
    }
    // A refusal has said more of it already.
    if let Some(limit) = ctx.limit.filter(|_| !head.headers.contains_key(&LIMIT)) {
        for (name, value) in quota::headers(&limit) {
            head.insert_header(name, value)?;
        }
    }
    if let Some(cache) = ctx.cache {
        head.insert_header(CACHE_HEADER, cache.name())?;
    }
    if ctx.snapshot.settings.server.route_header
        && let Some(route) = ctx.routed.as_ref().and_then(|routed| route_header::describe(routed))
    {
        head.insert_header(ROUTE, route)?;
    }
    Ok(())
}
