//! The request on its way up, until the upstream begins to answer.

use std::time::Duration;

use http::request::Parts;
use http::{HeaderName, Version, header};
use pingora::http::RequestHeader;
use pingora::proxy::Session;
use pingora::{Error, ErrorType, Result};

use super::upstream::{Answer, Upstream};
use super::wait::unless_over;
use crate::proxy::ctx::Ctx;
use crate::proxy::upstream_request_filter;

/// What is between the caller and us (RFC 9110, section 7.6.1). `Connection` names no others, or the
/// request would not be here.
const HOP_BY_HOP: [HeaderName; 6] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
];
const HOP_BY_HOP_UNNAMED: [&str; 3] = ["keep-alive", "proxy-connection", "http2-settings"];

/// Sends the request; the first head of the answer.
///
/// # Errors
/// Of the caller's, who left; of the upstream's; a deadline that passed.
pub(super) async fn send(
    session: &mut Session,
    upstream: &mut Upstream,
    ctx: &mut Ctx,
    write_max: Option<Duration>,
) -> Result<Answer> {
    let mut head = head(session.req_header());
    upstream_request_filter::run(&mut head, ctx)?;
    let Some((body, watch)) = ctx.routed.as_ref().and_then(|routed| {
        let current = routed.current.as_ref()?;
        Some((current.body.clone(), routed.watch.clone()))
    }) else {
        return Error::e_explain(ErrorType::InternalError, "no attempt");
    };
    unless_over(session, upstream.ask(&head.into(), body, write_max, &watch)).await
}

/// Without the caller's spelling of names, which nothing depends on (RFC 9110, section 5.1): Pingora
/// keeps it in a map of its own, which costs more than all that is done to the fields.
fn head(request: &RequestHeader) -> Parts {
    let mut head = request.as_owned_parts();
    head.version = Version::HTTP_11;
    for name in &HOP_BY_HOP {
        head.headers.remove(name);
    }
    for name in HOP_BY_HOP_UNNAMED {
        head.headers.remove(name);
    }
    head
}
