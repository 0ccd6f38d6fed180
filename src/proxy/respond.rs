//! Answers that tollgate gives itself: the one place where they become bytes.

use bytes::Bytes;
use http::response::Parts;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use pingora::Result;
use pingora::proxy::Session;
use tollgate_filters::cache::CACHE_HEADER;
use tollgate_filters::request::Rejection;
use tollgate_providers::error_body::{ErrorBody, error_body};

use crate::proxy::body::READ_PAUSE_MAX;
use crate::proxy::ctx::Ctx;
use crate::proxy::fields::{TRACEPARENT, value};
use crate::proxy::{quota, route_header};

/// The request's id, on every response.
static REQUEST_ID: HeaderName = HeaderName::from_static("x-to11-request-id");
/// What went wrong, in the one taxonomy.
pub(crate) const ERROR_CODE: &str = "x-to11-error-code";
/// Which provider it went wrong at.
pub(crate) const UPSTREAM_PROVIDER: &str = "x-to11-upstream-provider";
/// Where the request went, for those who configured it so (`server.route_header`).
pub(crate) const ROUTE: &str = "x-to11-route";

/// A name that need not be parsed for each answer.
static CACHE_NAME: HeaderName = HeaderName::from_static(CACHE_HEADER);
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
    mut extra: Vec<(HeaderName, HeaderValue)>,
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
        extra.push((HeaderName::from_static(ERROR_CODE), code));
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
    extra: Vec<(HeaderName, HeaderValue)>,
) -> Result<()> {
    ctx.status = Some(status);
    let mut head = head(status, 8 + extra.len());
    head.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    head.headers.insert(header::CONTENT_LENGTH, body.len().into());
    head.headers.extend(extra);
    stamp(&mut head, ctx)?;
    // The answer to HEAD has the length of a body that does not come.
    let body = if ctx.http.method == Method::HEAD { None } else { Some(body) };
    session.write_response_header(Box::new(head.into()), body.is_none()).await?;
    session.write_response_body(body, true).await
}

/// A head without fields, and with room for so many.
pub(crate) fn head(status: StatusCode, fields: usize) -> Parts {
    let (mut head, ()) = http::Response::new(()).into_parts();
    head.status = status;
    head.headers.reserve(fields);
    head
}

/// Puts the headers on a response that every response has.
///
/// # Errors
/// A value that is no header value; ours always are.
pub(crate) fn stamp(head: &mut Parts, ctx: &Ctx) -> Result<()> {
    let Parts { status, headers, .. } = head;
    headers.insert(REQUEST_ID.clone(), value(ctx.id.as_str())?);
    headers.insert(TRACEPARENT.clone(), value(ctx.trace.traceparent(ctx.spans.http))?);
    if let Some(provider) = ctx.provider_name().filter(|_| status.as_u16() >= 400) {
        headers.insert(UPSTREAM_PROVIDER, value(provider)?);
    }
    // A refusal has said more of it already.
    if let Some(limit) = ctx.limit.filter(|_| !headers.contains_key(&quota::LIMIT)) {
        for (name, value) in quota::headers(&limit) {
            headers.insert(name, value);
        }
    }
    if let Some(cache) = ctx.cache {
        headers.insert(CACHE_NAME.clone(), HeaderValue::from_static(cache.name()));
    }
    if ctx.snapshot.settings.server.route_header
        && let Some(route) = ctx.routed.as_ref().and_then(|routed| route_header::describe(routed))
    {
        headers.insert(ROUTE, value(route)?);
    }
    Ok(())
}
