//! The response head on its way to the caller.

use http::response::Parts;
use http::{HeaderValue, Version, header};
use pingora::Result;
use pingora::proxy::Session;

use crate::proxy::ctx::Ctx;
use crate::proxy::{fields, quota, respond};

/// What an upstream says to its own client, which is us.
const NOT_FORWARDED: [&str; 7] = [
    "set-cookie",
    "alt-svc",
    "server-timing",
    "x-goog-api-key",
    "strict-transport-security",
    "nel",
    "x-gateway-variant",
];

/// What belongs to a body that the caller does not get.
const OF_THE_BODY: [&str; 7] = [
    "content-encoding",
    "content-md5",
    "content-digest",
    "repr-digest",
    "digest",
    "etag",
    "accept-ranges",
];

/// What of the request the target could not express.
const DROPPED_PARAMS: &str = "x-to11-dropped-params";

/// What of a head goes with its body wherever that is told again.
const KEPT: [&str; 3] = ["content-type", VARIANT, DROPPED_PARAMS];
/// Which arm of an experiment answered.
const VARIANT: &str = "x-gateway-variant";

pub(crate) fn run(session: &Session, head: &mut Parts, ctx: &mut Ctx) -> Result<()> {
    if head.status.is_informational() {
        return Ok(());
    }
    remove_not_forwarded(head, ctx.limit.is_some());
    remove_credentials(head, ctx);
    ctx.status = Some(head.status);
    respond::stamp(head, ctx)?;
    let Some(routed) = &ctx.routed else { return Ok(()) };
    let Some(current) = &routed.current else { return Ok(()) };
    if let Some(variant) = &current.attempt.variant {
        head.headers.insert(VARIANT, fields::value(&*variant.name)?);
    }
    if !current.dropped.is_empty() {
        head.headers.insert(DROPPED_PARAMS, fields::value(current.dropped.join(","))?);
    }
    if current.responding.as_ref().is_some_and(|r| r.pipeline.may_be_redacted()) {
        for name in OF_THE_BODY {
            head.headers.remove(name);
        }
    }
    if let Some(media_type) = current.responding.as_ref().and_then(|r| r.pipeline.media_type()) {
        head.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        for name in OF_THE_BODY {
            head.headers.remove(name);
        }
    }
    let changes_length = current
        .responding
        .as_ref()
        .is_some_and(|r| r.pipeline.may_change_length() || r.own.may_change_length());
    if changes_length && head.headers.remove(header::CONTENT_LENGTH).is_some() {
        // The length is no longer known; HTTP/2 frames carry their own.
        if session.req_header().version == Version::HTTP_11 {
            head.headers.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
    }
    keep(head, ctx);
    Ok(())
}

/// Keeps what goes with the body, where the answer may be told again.
fn keep(head: &Parts, ctx: &mut Ctx) {
    let admission = ctx.routed.as_mut().and_then(|routed| routed.admission.as_mut());
    let Some(admission) = admission else { return };
    let kept = head.headers.iter().filter(|(name, _)| KEPT.contains(&name.as_str()));
    admission.head(kept.map(|(name, value)| (name.clone(), value.clone())).collect());
}

/// Takes off what was said to us alone. What is ours to say, an upstream cannot: be it another
/// tollgate, or somebody who plays one. And what it says of our account is not what a caller may use
/// who is `limited`.
fn remove_not_forwarded(head: &mut Parts, limited: bool) {
    fields::remove(&mut head.headers, |name, _| {
        name.as_str().starts_with("x-to11-")
            || NOT_FORWARDED.contains(&name.as_str())
            || (limited && quota::is_field(name))
    });
}

/// An upstream that echoes our key must not hand it to the caller.
fn remove_credentials(head: &mut Parts, ctx: &Ctx) {
    let target = ctx.routed.as_ref().and_then(|r| r.current.as_ref()).map(|c| &c.attempt.target);
    let Some(secret) = target.and_then(|target| target.credential.managed()) else { return };
    let secret = secret.expose().as_bytes();
    let echoes = |value: &HeaderValue| memchr::memmem::find(value.as_bytes(), secret).is_some();
    fields::remove(&mut head.headers, |_, value| echoes(value));
}
