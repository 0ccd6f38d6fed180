//! An answer from the cache, told to the caller as the first one was: whole, or as a stream in
//! pieces, no faster than it is read, and given up when the caller leaves.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, StatusCode, Version, header};
use pingora::proxy::Session;
use pingora::{Error, ErrorType, Result};
use tokio::time::Instant;
use tollgate_filters::cache::{Pace, Status};
use tollgate_filters::request::Replay;
use tollgate_filters::response::{self, Body, Pipeline};
use tollgate_providers::Endpoint;
use tollgate_providers::media::MediaForm;

use crate::proxy::ctx::{Ctx, Replayed};
use crate::proxy::downstream::WRITE_STALL_MAX;
use crate::proxy::respond;
use crate::proxy::started::Started;
use crate::proxy::upstream_peer::pause;
use crate::proxy::upstream_response_filter::content_bytes_max;

/// The most that is written at a time.
const PIECE_BYTES_MAX: usize = 16 * 1024;

/// Tells the answer. What it says is read on the way out, as any answer is.
///
/// # Errors
/// Pingora's, when the caller is gone or does not read.
pub(crate) async fn run(session: &mut Session, ctx: &mut Ctx, replay: Replay) -> Result<()> {
    let started = Started::now();
    let pipeline = pipeline(ctx, &replay, started.at);
    ctx.cache = Some(Status::Hit);
    ctx.status = Some(StatusCode::OK);
    let answer = std::sync::Arc::clone(&replay.answer);
    let paced = answer.stream && replay.pace == Pace::Recorded;
    let mut head = respond::head(StatusCode::OK, 8 + answer.headers.len());
    for (name, value) in &answer.headers {
        head.headers.append(name.clone(), value.clone());
    }
    head.headers.insert(header::AGE, replay.age.as_secs().into());
    if !answer.stream {
        head.headers.insert(header::CONTENT_LENGTH, answer.body.len().into());
    } else if session.req_header().version == Version::HTTP_11 {
        head.headers.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    respond::stamp(&mut head, ctx)?;
    let replayed = Replayed { replay, started, pipeline, ended: false };
    let replayed = ctx.replayed.insert(Box::new(replayed));
    in_time(session.write_response_header(Box::new(head.into()), false)).await?;
    for (at_us, piece) in answer.pieces() {
        if paced {
            let due = started.at + Duration::from_micros(at_us.into());
            if due > Instant::now() {
                pause(session, due).await?;
            }
        }
        for part in parts(piece) {
            let _same = replayed.pipeline.on_chunk(part.clone(), Instant::now());
            in_time(session.write_response_body(Some(part), false)).await?;
        }
    }
    let _nothing = replayed.pipeline.on_end(Instant::now());
    in_time(session.write_response_body(None, true)).await?;
    replayed.ended = true;
    Ok(())
}

/// A piece in parts that are not too large to be written at once.
fn parts(mut piece: Bytes) -> impl Iterator<Item = Bytes> {
    std::iter::from_fn(move || {
        let part = piece.split_to(piece.len().min(PIECE_BYTES_MAX));
        (!part.is_empty()).then_some(part)
    })
}

/// Reads what is told again, in the dialect in which it was told before.
fn pipeline(ctx: &Ctx, replay: &Replay, started: Instant) -> Pipeline {
    let endpoint = ctx.endpoint.as_ref();
    let body = match endpoint.and_then(Endpoint::dialect) {
        Some(dialect) if replay.answer.stream => Body::Stream(dialect),
        Some(dialect) => Body::Whole(dialect),
        None => match endpoint {
            Some(endpoint) => Body::Media(endpoint.kind(), MediaForm::Json),
            None => Body::Opaque,
        },
    };
    let (plan, target) = (&replay.plan, &replay.answer.told.target);
    let capture = &ctx.snapshot.settings.genai.capture;
    let capture = capture.captures(plan.layer, plan.name.as_deref(), target);
    let settings = response::Settings {
        status: StatusCode::OK,
        swallow_usage: false,
        hold: false,
        content_bytes_max: if capture { content_bytes_max(body) } else { 0 },
        started,
        translation: None,
        secret: None,
        // It was looked through before it was admitted.
        guard: None,
        encoded: false,
    };
    Pipeline::new(body, settings)
}

/// Whoever writes fails for the caller's sake: it is gone, or does not read.
async fn in_time<T>(write: impl Future<Output = Result<T>>) -> Result<T> {
    match tokio::time::timeout(WRITE_STALL_MAX, write).await {
        Ok(result) => result.map_err(Error::into_down),
        Err(_) => {
            let error = Error::explain(ErrorType::WriteTimedout, "the caller does not read");
            Err(error.into_down())
        }
    }
}
