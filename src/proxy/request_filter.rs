//! First hook with an answer: read the body whole, run the tower stack, act on its verdict.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Request, header};
use pingora::proxy::Session;
use pingora::{Error, ErrorType, Result};
use tollgate_config::Limits;
use tollgate_filters::cache::Status;
use tollgate_filters::request::{
    Context, Facts, Forward, Identity, Rejection, Verdict, unknown_path,
};
use tollgate_providers::endpoint::{Endpoint, Refusal};
use tower::ServiceExt;

use crate::proxy::ctx::{Ctx, HttpFacts, Routed};
use crate::proxy::fields::{TRACEPARENT, TRACESTATE};
use crate::proxy::watch::Watch;
use crate::proxy::{Gateway, beat, body, downstream, local, replay, respond};

/// `true`: answered here. `false`: a plan is in the context.
pub(crate) async fn run(gateway: &Gateway, session: &mut Session, ctx: &mut Ctx) -> Result<bool> {
    describe(session, ctx);
    match decide(gateway, session, ctx).await? {
        Ok(Some(forward)) => {
            beat::on_request(&gateway.shared.lasting.in_flight);
            accept(session, ctx, *forward);
            Ok(false)
        }
        Ok(None) => Ok(true),
        Err(rejection) => {
            respond::reject(session, ctx, rejection).await?;
            Ok(true)
        }
    }
}

/// `Ok(None)`: answered already.
async fn decide(
    gateway: &Gateway,
    session: &mut Session,
    ctx: &mut Ctx,
) -> Result<Result<Option<Box<Forward>>, Rejection>> {
    let headers = &session.req_header().headers;
    ctx.dialect = Endpoint::dialect_of_errors(&ctx.http.path, headers);
    if headers.contains_key(header::CONTENT_LENGTH)
        && headers.contains_key(header::TRANSFER_ENCODING)
    {
        return Ok(Err(Rejection::Framing));
    }
    let endpoint = match Endpoint::resolve(&ctx.http.method, &ctx.http.path) {
        Ok(endpoint) => endpoint,
        Err(Refusal::NotFound) => return Ok(Err(unknown_path(&ctx.http.path))),
        Err(Refusal::MethodNotAllowed { allow }) => {
            return Ok(Err(Rejection::MethodNotAllowed { allow }));
        }
    };
    ctx.endpoint = Some(endpoint.clone());
    let identity = ctx.snapshot.keys.identify(headers, session.req_header().uri.query());
    ctx.caller = identity.as_ref().ok().cloned().flatten();
    if let (Endpoint::Models | Endpoint::Model(_), Err(rejection)) = (&endpoint, &identity) {
        return Ok(Err(rejection.clone()));
    }
    if local::answer(gateway, session, ctx, &endpoint).await? {
        return Ok(Ok(None));
    }
    if gateway.shared.is_draining() {
        return Ok(Err(Rejection::ShuttingDown));
    }
    let Limits { body_bytes_max, in_flight_max, .. } = ctx.snapshot.settings.limits;
    // The stack counts and decides; this spares a gateway that has no place left the body, and its slow callers.
    if gateway.shared.lasting.in_flight.count() >= in_flight_max {
        refused(session, ctx, &endpoint, &Bytes::new());
        return Ok(Err(Rejection::Overloaded { in_flight_max }));
    }
    // A stranger's body is not read: the stack refuses it by its headers.
    let body = match identity {
        Err(_) => Bytes::new(),
        Ok(_) => match body::read(session, body_bytes_max).await? {
            body::Read::Whole(body) => body,
            body::Read::TooLarge => return Ok(Err(Rejection::BodyTooLarge { body_bytes_max })),
        },
    };
    let mut request = owned(session, ctx, body.clone());
    request.extensions_mut().insert(Identity(identity));
    request.extensions_mut().insert(endpoint.clone());
    let stack = ctx.snapshot.stack.clone();
    let verdict = match unless_gone(session, stack.oneshot(request)).await {
        Ok(verdict) => verdict,
        Err(gone) => {
            refused(session, ctx, &endpoint, &body);
            return Err(gone);
        }
    };
    match verdict {
        Ok(Verdict::Forward(forward)) => Ok(Ok(Some(forward))),
        Ok(Verdict::Respond(answer)) => {
            let (parts, body) = answer.into_parts();
            respond::json(session, ctx, parts.status, body, Vec::new()).await?;
            Ok(Ok(None))
        }
        Ok(Verdict::Replay(answer)) => {
            replay::run(session, ctx, *answer).await?;
            Ok(Ok(None))
        }
        Err(rejection) => {
            refused(session, ctx, &endpoint, &body);
            if rejection == Rejection::NotCached && ctx.snapshot.cache.is_some() {
                ctx.cache = Some(Status::Miss);
            }
            Ok(Err(rejection))
        }
    }
}

/// The request as the stack wants it: nothing of the session crosses that line.
fn owned(session: &Session, ctx: &mut Ctx, body: Bytes) -> Request<Bytes> {
    let mut request = Request::new(body);
    *request.method_mut() = ctx.http.method.clone();
    *request.uri_mut() = session.req_header().uri.clone();
    *request.headers_mut() = session.req_header().headers.clone();
    request.extensions_mut().insert(ctx.id.clone());
    if ctx.snapshot.guard.is_some() {
        request.extensions_mut().insert(ctx.told.get_or_insert_default().clone());
    }
    request
}

/// Keeps what a request said of itself that never got a plan.
fn refused(session: &Session, ctx: &mut Ctx, endpoint: &Endpoint, body: &Bytes) {
    let headers = &session.req_header().headers;
    let facts = Facts::of(endpoint, headers, body).unwrap_or_default();
    let attributes = &ctx.snapshot.settings.genai.capture.header_attributes;
    ctx.refused = Some(Box::new((facts, Context::read(headers, attributes))));
}

/// The stack's verdict, unless the caller leaves while it has to be waited for.
async fn unless_gone<T>(session: &mut Session, verdict: impl Future<Output = T>) -> Result<T> {
    tokio::select! {
        biased;
        verdict = verdict => Ok(verdict),
        gone = session.as_downstream_mut().read_body_or_idle(true) => Err(match gone {
            Err(error) => error.into_down(),
            Ok(_) => Error::explain(ErrorType::ConnectionClosed, "the caller left").into_down(),
        }),
    }
}

/// From here on the request belongs to its plan.
fn accept(session: &mut Session, ctx: &mut Ctx, forward: Forward) {
    let watch = Arc::new(Watch::new(ctx.started.at));
    let installed = downstream::install(session, Arc::clone(&watch));
    let headers = &session.req_header().headers;
    ctx.cache = forward.cache.as_ref().map(|cached| cached.status);
    let routed = Routed::new(forward, headers, watch, installed);
    ctx.limit = routed.holds.status();
    ctx.routed = Some(Box::new(routed));
}

fn describe(session: &Session, ctx: &mut Ctx) {
    let request = session.req_header();
    ctx.http = HttpFacts {
        method: request.method.clone(),
        path: request.uri.path().to_owned(),
        version: request.version,
        client: session.client_addr().and_then(|address| address.as_inet().copied()),
        user_agent: text(&request.headers, &header::USER_AGENT),
    };
    let headers = &request.headers;
    // Of two parents neither can be believed; a state may come in several headers.
    let one_parent = headers.get_all(&TRACEPARENT).iter().count() == 1;
    let traceparent = one_parent.then(|| text(headers, &TRACEPARENT)).flatten();
    let states = headers.get_all(&TRACESTATE).iter().map(|state| state.to_str());
    let tracestate = states.collect::<Result<Vec<_>, _>>().ok().map(|states| states.join(","));
    ctx.join_trace(traceparent.as_deref(), tracestate.as_deref());
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}
