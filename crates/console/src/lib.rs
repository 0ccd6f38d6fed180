//! The control plane's pages: health, metrics, traces as JSON and as a waterfall, on the web page
//! and in the terminal.

mod answer;
mod api;
mod host;
mod page;
mod query;
mod waterfall;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::json;
use tollgate_store::SpanStore;

pub use answer::{answer_json, render_csv, render_json, render_table};
pub use query::{NotOpened, Opens, QueryKeys};
pub use waterfall::{Bar, TextOptions, layout, render_list, render_rows, render_text};

/// What the pages show.
#[derive(Clone)]
pub struct ConsoleState {
    /// Where spans are read; without one there are no traces.
    pub store: Option<Arc<dyn SpanStore>>,
    /// The text of `/metrics`.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// Whether requests are taken, or why not, in a word.
    pub ready: Arc<dyn Fn() -> Result<(), &'static str> + Send + Sync>,
    /// The live state of every target, as a list of objects.
    pub targets: Arc<dyn Fn() -> serde_json::Value + Send + Sync>,
    /// Who may ask in SQL.
    pub query_keys: QueryKeys,
}

/// The control plane's routes. Nothing here changes anything. Served with the peer's address, so that
/// queries without a key are answered to this machine alone.
pub fn router(state: ConsoleState) -> Router {
    let pages = Router::new()
        .route("/", get(page::index))
        .route("/app.js", get(page::script))
        .route("/style.css", get(page::style))
        .route("/metrics", get(metrics))
        .route("/api/targets", get(targets))
        .route("/api/traces", get(api::list))
        .route("/api/traces/{id}", get(api::one))
        .layer(middleware::map_response(private))
        // Outermost: a foreign name in `Host` is a page that rebinds its own name to us.
        .layer(middleware::from_fn(host::check));
    let query = post(query::query).layer(DefaultBodyLimit::max(query::BODY_BYTES_MAX));
    let questions = Router::new()
        .route("/v1/query", query)
        .layer(middleware::map_response(private))
        .layer(middleware::from_fn(host::check_without_key));
    // Probes come by whatever name a cluster gives, and learn nothing worth hiding.
    let probes = Router::new().route("/health", get(health)).route("/ready", get(ready));
    pages.merge(questions).merge(probes).with_state(state)
}

/// What calls said is for the reader of this page: for no cache, no other site, no guessed type.
async fn private(mut response: Response) -> Response {
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn health() -> Json<serde_json::Value> {
    Json(json!({ "status": "ok" }))
}

async fn ready(State(state): State<ConsoleState>) -> Response {
    let (status, word) = match (state.ready)() {
        Ok(()) => (StatusCode::OK, "ready"),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, why),
    };
    (status, Json(json!({ "status": word }))).into_response()
}

async fn targets(State(state): State<ConsoleState>) -> Json<serde_json::Value> {
    Json((state.targets)())
}

async fn metrics(State(state): State<ConsoleState>) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (kind, (state.metrics)()).into_response()
}

#[cfg(test)]
mod tests;
