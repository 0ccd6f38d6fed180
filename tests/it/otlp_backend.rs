//! An OTLP backend over HTTP with JSON that can be slow or busy, and keeps what it takes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::harness::PATIENCE;

/// How it answers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mood {
    Taking,
    /// Takes what it gets, after this time.
    Slow(Duration),
    /// Answers 503 and takes nothing.
    Busy,
}

/// A span as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Arrived {
    pub(crate) span: Value,
    pub(crate) resource: BTreeMap<String, Value>,
    pub(crate) key: Option<String>,
}

#[derive(Clone)]
pub(crate) struct OtlpBackend {
    mood: Arc<Mutex<Mood>>,
    spans: Arc<Mutex<Vec<Arrived>>>,
    metrics: Arc<Mutex<BTreeSet<String>>>,
}

impl OtlpBackend {
    pub(crate) fn new(mood: Mood) -> Self {
        Self { mood: Arc::new(Mutex::new(mood)), spans: Arc::default(), metrics: Arc::default() }
    }

    /// Listens on `port` until the runtime ends.
    pub(crate) fn serve(&self, runtime: &Runtime, port: u16) {
        let router = axum::Router::new()
            .route("/v1/traces", post(traces))
            .route("/v1/metrics", post(metrics))
            .layer(axum::extract::DefaultBodyLimit::disable())
            .with_state(self.clone());
        let listener = runtime.block_on(tokio::net::TcpListener::bind(("127.0.0.1", port)));
        let listener = listener.unwrap();
        runtime.spawn(async move { axum::serve(listener, router).await.unwrap() });
    }

    pub(crate) fn turn(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    pub(crate) fn spans(&self) -> Vec<Arrived> {
        self.spans.lock().unwrap().clone()
    }

    /// All spans, once there are as many.
    pub(crate) fn wait_for_spans(&self, count: usize) -> Vec<Arrived> {
        let until = Instant::now() + PATIENCE;
        while self.spans.lock().unwrap().len() < count {
            assert!(Instant::now() < until, "{} of {count} spans", self.spans().len());
            std::thread::sleep(Duration::from_millis(10));
        }
        self.spans()
    }

    /// The names of all metrics, once `name` is among them.
    pub(crate) fn wait_for_metric(&self, name: &str) -> BTreeSet<String> {
        let until = Instant::now() + PATIENCE;
        loop {
            let names = self.metrics.lock().unwrap().clone();
            if names.contains(name) {
                return names;
            }
            assert!(Instant::now() < until, "no {name} in {names:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Arrived {
    pub(crate) fn name(&self) -> &str {
        self.span["name"].as_str().unwrap()
    }

    pub(crate) fn id(&self) -> &str {
        self.span["spanId"].as_str().unwrap()
    }

    pub(crate) fn has(&self, attribute: &str) -> bool {
        list(&self.span["attributes"]).iter().any(|it| it["key"] == attribute)
    }
}

async fn traces(
    State(backend): State<OtlpBackend>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, &'static str) {
    let mood = *backend.mood.lock().unwrap();
    match mood {
        Mood::Taking => {}
        Mood::Slow(late) => tokio::time::sleep(late).await,
        Mood::Busy => return (StatusCode::SERVICE_UNAVAILABLE, ""),
    }
    let request: Value = serde_json::from_slice(&body).unwrap();
    let key = headers.get("x-key").map(|value| value.to_str().unwrap().to_owned());
    for of_resource in list(&request["resourceSpans"]) {
        let attributes = list(&of_resource["resource"]["attributes"]);
        let resource: BTreeMap<String, Value> = attributes
            .iter()
            .map(|it| (it["key"].as_str().unwrap().to_owned(), it["value"]["stringValue"].clone()))
            .collect();
        let scopes = list(&of_resource["scopeSpans"]);
        let spans = scopes.iter().flat_map(|scope| list(&scope["spans"]));
        let (resource, key) = (&resource, &key);
        backend.spans.lock().unwrap().extend(spans.map(|span| Arrived {
            span: span.clone(),
            resource: resource.clone(),
            key: key.clone(),
        }));
    }
    (StatusCode::OK, "{}")
}

async fn metrics(State(backend): State<OtlpBackend>, body: Bytes) -> &'static str {
    let request: Value = serde_json::from_slice(&body).unwrap();
    let scopes = list(&request["resourceMetrics"]).iter().flat_map(|it| list(&it["scopeMetrics"]));
    let names = scopes.flat_map(|scope| list(&scope["metrics"]));
    let names = names.map(|metric| metric["name"].as_str().unwrap().to_owned());
    backend.metrics.lock().unwrap().extend(names);
    "{}"
}

/// A list's items; none of what is absent.
fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
