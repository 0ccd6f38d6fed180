//! The cache as its layer uses it, without a server.

mod layer;
mod limits;
mod tenants;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use tokio::time::Instant;
use tollgate_providers::Endpoint;
use tower::ServiceExt;

use super::{Admission, Counts, Mode, Pace, ResponseCache, Settings, Told};
use crate::request::tests::gates::{open, unlimited};
use crate::request::tests::stack::table;
use crate::request::{self, CallerKeys, InFlight, OwnLayers, Rejection, Request, Stack, Verdict};

const BODY: &str =
    r#"{"model":"gpt-4o","temperature":0,"messages":[{"role":"user","content":"hi"}]}"#;

fn settings() -> Settings {
    Settings {
        ttl: Duration::from_secs(60),
        bytes_max: 1 << 20,
        entry_bytes_max: 1 << 16,
        streams: true,
        pace: Pace::AtOnce,
        mode: Mode::Eligible,
        modes: Default::default(),
        wait: Duration::from_secs(5),
        version: [7; 32],
    }
}

fn cache(settings: Settings) -> Arc<ResponseCache> {
    Arc::new(ResponseCache::new(settings, Arc::new(Counts::default()), None))
}

fn stack(cache: &Arc<ResponseCache>) -> Stack {
    stack_for(cache, open())
}

fn stack_for(cache: &Arc<ResponseCache>, keys: CallerKeys) -> Stack {
    request::stack(&request::Settings {
        body_bytes_max: 1 << 20,
        in_flight_max: 1_000,
        in_flight: InFlight::default(),
        keys,
        quotas: Arc::new(unlimited(table())),
        guard: None,
        table: table(),
        header_attributes: Default::default(),
        cache: Some(Arc::clone(cache)),
        own: OwnLayers::default(),
    })
}

fn request(body: &str, headers: &[(&'static str, &str)]) -> Request {
    let mut request = Request::new(Bytes::copy_from_slice(body.as_bytes()));
    for (name, value) in headers {
        request.headers_mut().append(*name, value.parse().unwrap());
    }
    let endpoint = Endpoint::resolve(&Method::POST, "/v1/chat/completions").unwrap();
    request.extensions_mut().insert(endpoint);
    request
}

async fn send(stack: &Stack, request: Request) -> Result<Verdict, Rejection> {
    stack.clone().oneshot(request).await
}

/// The place of a request that was looked for in vain.
fn admission(verdict: Verdict) -> Admission {
    let Verdict::Forward(mut forward) = verdict else { panic!("{verdict:?}") };
    forward.cache.take().unwrap().admission.expect("a place")
}

/// What a request is told from the cache.
fn told(verdict: &Verdict) -> Option<&[u8]> {
    match verdict {
        Verdict::Replay(replay) => Some(&replay.answer.body),
        _ => None,
    }
}

/// Admits this text.
fn admit(mut admission: Admission, text: &str) {
    admission.record(&Bytes::copy_from_slice(text.as_bytes()), Instant::now());
    admission.admit(false, Told::default());
}
