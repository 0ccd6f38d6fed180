//! The request on its way up, until the upstream begins to answer.

use std::time::Duration;

use http::{HeaderName, Version, header};
use pingora::http::RequestHeader;
use pingora::protocols::http::HttpTask;
use pingora::proxy::Session;
use pingora::{Error, ErrorType, Result};

use super::upstream::Upstream;
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
) -> Result<HttpTask> {
    let mut head = head(session.req_header());
    upstream_request_filter::run(&mut head, ctx)?;
    let Some((body, watch)) = ctx.routed.as_ref().and_then(|routed| {
        let current = routed.current.as_ref()?;
        Some((current.body.clone(), routed.watch.clone()))
    }) else {
        return Error::e_explain(ErrorType::InternalError, "no attempt");
    };
    unless_over(session, upstream.ask(&head, body, write_max, &watch)).await
}

fn head(request: &RequestHeader) -> RequestHeader {
    let mut head = request.clone();
    head.set_version(Version::HTTP_11);
    for name in &HOP_BY_HOP {
        head.remove_header(name);
    }
    for name in HOP_BY_HOP_UNNAMED {
        head.remove_header(name);
    }
    head
}
