//! The answer's head on its way down.

use http::response::Parts;
use http::{HeaderValue, StatusCode, Version, header};
use pingora::protocols::http::HttpTask;
use pingora::proxy::Session;
use pingora::{Error, ErrorType, Result};

use super::upstream::{Answer, Upstream};
use super::wait::unless_over;
use crate::proxy::ctx::Ctx;
use crate::proxy::{response_filter, upstream_response_filter};

/// Passes heads on until one is final. `true`: no body follows.
///
/// # Errors
/// Of the hooks, which may want another attempt; of either side.
pub(super) async fn pass(
    session: &mut Session,
    upstream: &mut Upstream,
    ctx: &mut Ctx,
    mut answer: Answer,
) -> Result<bool> {
    loop {
        let (head, ends) = (&mut answer.head, answer.ends);
        let status = head.status;
        if status == StatusCode::SWITCHING_PROTOCOLS {
            let what = "the upstream changes a protocol that nobody asked it to change";
            return Err(Error::explain(ErrorType::InvalidHTTPHeader, what).into_up());
        }
        upstream_response_filter::run(head, ctx)?;
        if !ends && !status.is_informational() {
            frame(head);
        }
        response_filter::run(session, head, ctx)?;
        let head = answer.into_header().map_err(Error::into_up)?;
        let downstream = session.as_downstream_mut();
        downstream.response_duplex_vec(vec![HttpTask::Header(head, ends)]).await?;
        if !status.is_informational() {
            return Ok(ends);
        }
        answer = unless_over(session, upstream.next_head()).await?;
    }
}

/// A body that ends with its connection goes on in chunks, so that the caller's connection stays.
fn frame(head: &mut Parts) {
    let framed = |name| head.headers.contains_key(name);
    let bodiless = matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if !bodiless && !framed(header::TRANSFER_ENCODING) && !framed(header::CONTENT_LENGTH) {
        head.version = Version::HTTP_11;
        head.headers.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
}
