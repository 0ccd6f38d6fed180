//! The upstream's response head: accept it, or leave it for another attempt.

use std::time::SystemTime;

use http::response::Parts;
use http::{HeaderMap, StatusCode, header};
use pingora::{Error, ErrorType, Result};
use tokio::time::Instant;
use tollgate_filters::guard::Direction;
use tollgate_filters::request::{Facts, RequestId};
use tollgate_filters::response::{AnswerHead, BODY_BYTES_MAX, Body, Pipeline, Translation};
use tollgate_providers::media::MediaForm;
use tollgate_providers::translate::Reply;
use tollgate_providers::{Dialect, Endpoint, EndpointKind, ErrorClass};
use tollgate_routing::{Failure, FailureKind, parse_limit_reset, parse_retry_after};

use crate::proxy::ctx::{AttemptError, Ctx, Current, Responding, Routed};
use crate::proxy::started::Started;

/// Text kept of one stream for its span (`MAX_ACCUMULATED_CONTENT_BYTES`).
const CONTENT_BYTES_MAX: usize = 64 * 1024;

/// How AWS names an error whose body only describes it.
const ERROR_TYPE: &str = "x-amzn-errortype";

pub(crate) fn run(head: &Parts, ctx: &mut Ctx) -> Result<()> {
    let Ctx { routed: Some(routed), endpoint, started, snapshot, id, shared, .. } = ctx else {
        return Ok(());
    };
    if head.status.is_informational() {
        return Ok(());
    }
    let status = head.status;
    let failed = status.is_client_error() || status.is_server_error();
    if failed {
        refused(head, routed)?;
    }
    let may_hold = routed.attempts_left() && !failed;
    let now = Instant::now();
    let Some(current) = &mut routed.current else { return Ok(()) };
    let translation = translation(endpoint.as_ref(), current, &routed.facts, id, *started);
    let stream = routed.facts.stream;
    let kind = body_kind(&head.headers, status, endpoint.as_ref(), current.translated, stream);
    // Of a plain answer nothing leaves before all of it is there, as far as the window reaches: what
    // breaks off is answered with an error, if not by another target.
    let hold = if kind.is_stream() { may_hold } else { !failed && kind.can_be_held() };
    let (plan, target) = (&routed.plan, &current.attempt.target);
    let capture = &snapshot.settings.genai.capture;
    let capture = capture.captures(plan.layer, plan.name.as_deref(), &target.name);
    let mut pipeline = Pipeline::new(
        kind,
        tollgate_filters::response::Settings {
            status,
            swallow_usage: current.swallow_usage,
            hold,
            content_bytes_max: if capture { content_bytes_max(kind) } else { 0 },
            started: current.started.at,
            translation,
            secret: current.attempt.target.credential.managed().cloned(),
            encoded: is_encoded(&head.headers),
            guard: snapshot.guard.as_ref().and_then(|it| it.rules(Direction::Output)).cloned(),
        },
    );
    if let Some(name) = head.headers.get(ERROR_TYPE).and_then(|name| name.to_str().ok()) {
        pipeline.name_error(name);
    }
    if !failed && !kind.is_stream() {
        current.first_content(now);
    }
    let own = &shared.lasting.own.filters;
    let stream = pipeline.streams();
    let head = AnswerHead { endpoint: endpoint.as_ref(), facts: &routed.facts, status, stream };
    let waits = hold || failed || pipeline.waits_for_end();
    current.responding = Some(Responding {
        status,
        own: own.chain(&head),
        pipeline,
        progress_at: now,
        ended: false,
        has_left: false,
        class: failed.then(|| ErrorClass::of_status(status)),
    });
    // An error's head waits for its body, which says what kind of error it is.
    routed.watch.hold(waits);
    routed.arm(*started);
    Ok(())
}

/// How much text of a body is kept: all that is read of a plain one.
pub(crate) const fn content_bytes_max(body: Body) -> usize {
    if body.is_stream() { CONTENT_BYTES_MAX } else { BODY_BYTES_MAX }
}

/// Leaves a target that answers with an error for another attempt, where one may follow.
fn refused(head: &Parts, routed: &mut Routed) -> Result<()> {
    let status = head.status;
    let failure = Failure {
        kind: FailureKind::Status(status.as_u16()),
        retry_after: parse_retry_after(&head.headers, SystemTime::now()).or_else(|| {
            let limited = status == StatusCode::TOO_MANY_REQUESTS;
            limited.then(|| parse_limit_reset(&head.headers)).flatten()
        }),
    };
    let error = AttemptError {
        kind: "request_error",
        message: format!("upstream answered {}", status.as_u16()),
        status: Some(status),
    };
    if routed.attempts.is_retryable(&failure)
        && routed.attempts_left()
        && routed.fail(failure, error.clone())
    {
        return Err(retry(status));
    }
    if let Some(current) = &mut routed.current {
        current.book(&failure);
        current.error = Some(error);
    }
    Ok(())
}

/// What is needed to answer in the caller's dialect, where that is not the upstream's.
fn translation(
    endpoint: Option<&Endpoint>,
    current: &Current,
    facts: &Facts,
    id: &RequestId,
    started: Started,
) -> Option<Translation> {
    current.translated?;
    Some(Translation {
        caller: endpoint?.dialect()?,
        stream: facts.stream,
        reply: Reply {
            request_id: id.as_str().to_owned(),
            model: current.attempt.target.model.to_string(),
            created: started.unix_ns / 1_000_000_000,
            include_usage: facts.include_usage,
        },
    })
}

/// Whether the body is compressed; nothing here inflates it.
fn is_encoded(headers: &HeaderMap) -> bool {
    let encoding = headers.get(header::CONTENT_ENCODING);
    encoding.is_some_and(|it| !it.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// How the body is to be read.
fn body_kind(
    headers: &HeaderMap,
    status: StatusCode,
    endpoint: Option<&Endpoint>,
    translated: Option<Dialect>,
    stream: bool,
) -> Body {
    let Some(endpoint) = endpoint else { return Body::Opaque };
    let spoken = translated.or_else(|| endpoint.dialect());
    if status.is_client_error() || status.is_server_error() {
        return Body::Error(spoken.unwrap_or_else(|| endpoint.family()));
    }
    let media = headers.get(header::CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
    let is = |name: &[u8]| media.get(..name.len()).is_some_and(|m| m.eq_ignore_ascii_case(name));
    let Some(dialect) = spoken else { return media_kind(is, endpoint) };
    if is(b"text/event-stream") {
        Body::Stream(dialect)
    } else if is(b"application/json") || !stream {
        Body::Whole(dialect)
    } else {
        Body::Stream(dialect)
    }
}

/// What a span tells of is read; the rest passes.
fn media_kind(is: impl Fn(&[u8]) -> bool, endpoint: &Endpoint) -> Body {
    let kind = endpoint.kind();
    if endpoint.operation().is_none() {
        Body::Opaque
    } else if is(b"text/event-stream") {
        Body::Media(kind, MediaForm::Events)
    } else if is(b"application/json") {
        Body::Media(kind, MediaForm::Json)
    } else if is(b"text/") && kind == EndpointKind::AudioTranscription {
        Body::Media(kind, MediaForm::Text)
    } else {
        Body::Opaque
    }
}

fn retry(status: StatusCode) -> Box<Error> {
    let mut error =
        Error::explain(ErrorType::HTTPStatus(status.as_u16()), "retryable upstream status");
    error.as_up();
    error.set_retry(true);
    error
}
