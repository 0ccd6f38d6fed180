//! `POST /v1/query`: a question in SQL, answered as JSON.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{ConnectInfo, Extension, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use tollgate_store::StoreError;
use tollgate_store::sql::{SQL_BYTES_MAX, Scope, SqlQuery};

use crate::ConsoleState;
use crate::answer::answer_json;

/// The most rows of an answer, and how many there are unless told otherwise.
pub(crate) const ROWS_MAX: usize = 10_000;
/// How long a question may take: the readers are few, and others wait.
const TIME_MAX: Duration = Duration::from_secs(10);
/// The largest body: the longest query with every byte escaped, and what is around it.
pub(crate) const BODY_BYTES_MAX: usize = 6 * SQL_BYTES_MAX + 1024;

/// Whose rows an `Authorization`, sent from an address, opens. May block.
pub type Opens = dyn Fn(IpAddr, &[u8]) -> Result<Scope, NotOpened> + Send + Sync;

/// Who may ask in SQL.
#[derive(Clone)]
pub struct QueryKeys {
    /// Whether this machine, too, needs a key.
    pub required: Arc<dyn Fn() -> bool + Send + Sync>,
    /// Tells what a key is good for.
    pub opens: Arc<Opens>,
}

/// Why a key opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotOpened {
    /// It is none of ours, or no longer good.
    Unknown,
    /// It is good for something else.
    WrongScope,
    /// There were too many bad ones from this address.
    TooMany,
    /// Nobody can tell.
    Unavailable,
}

/// A question as it is sent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Question {
    query: String,
    rows_max: Option<usize>,
}

pub(crate) async fn query(
    State(state): State<ConsoleState>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
    question: Result<Json<Question>, JsonRejection>,
) -> Response {
    let peer = peer.map(|Extension(ConnectInfo(peer))| peer.ip().to_canonical());
    let scope = match scope(state.query_keys, peer, &headers).await {
        Ok(scope) => scope,
        Err(response) => return *response,
    };
    let Some(store) = state.store else {
        let message = "no span store is configured (store: { kind: none })";
        return refused(StatusCode::NOT_FOUND, message);
    };
    let question = match question {
        Ok(Json(question)) => question,
        Err(rejection) => return refused(rejection.status(), &rejection.body_text()),
    };
    let query = SqlQuery {
        text: question.query,
        scope,
        rows_max: question.rows_max.unwrap_or(ROWS_MAX).min(ROWS_MAX),
        time_max: TIME_MAX,
    };
    match store.query(&query).await {
        Ok(table) => Json(answer_json(&table)).into_response(),
        Err(error) => failure(&error),
    }
}

/// Whose rows may be read. The peer's address tells who is on this machine, not a header.
async fn scope(
    keys: QueryKeys,
    peer: Option<IpAddr>,
    headers: &HeaderMap,
) -> Result<Scope, Box<Response>> {
    let mut shown = headers.get_all(header::AUTHORIZATION).iter();
    let opened = match (shown.next(), shown.next(), peer) {
        (None, _, Some(peer)) if peer.is_loopback() && !(keys.required)() => return Ok(Scope::All),
        (Some(key), None, Some(peer)) => {
            let key = key.clone();
            let opened = tokio::task::spawn_blocking(move || (keys.opens)(peer, key.as_bytes()));
            opened.await.unwrap_or(Err(NotOpened::Unavailable))
        }
        // Without a key, or with two of which another might read the other one.
        _ => Err(NotOpened::Unknown),
    };
    opened.map_err(|why| Box::new(why.answer()))
}

fn failure(error: &StoreError) -> Response {
    let (status, body) = match error {
        StoreError::Sql { message, place } => {
            let (line, column) = place.unzip();
            let body = json!({ "error": message, "line": line, "column": column });
            (StatusCode::BAD_REQUEST, body)
        }
        StoreError::TimedOut { .. } => (StatusCode::REQUEST_TIMEOUT, told(&error.to_string())),
        _ => (StatusCode::SERVICE_UNAVAILABLE, told(&error.to_string())),
    };
    (status, Json(body)).into_response()
}

fn refused(status: StatusCode, message: &str) -> Response {
    (status, Json(told(message))).into_response()
}

fn told(message: &str) -> Value {
    json!({ "error": message })
}

// === impl NotOpened ===

impl NotOpened {
    fn answer(self) -> Response {
        let (status, message, extra) = match self {
            Self::Unknown => (
                StatusCode::UNAUTHORIZED,
                "send a key with the scope query:read as `Authorization: Bearer KEY`",
                Some((header::WWW_AUTHENTICATE, "Bearer")),
            ),
            Self::WrongScope => {
                (StatusCode::FORBIDDEN, "the key does not have the scope query:read", None)
            }
            Self::TooMany => (
                StatusCode::TOO_MANY_REQUESTS,
                "too many keys that open nothing: wait a second",
                Some((header::RETRY_AFTER, "1")),
            ),
            Self::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "keys cannot be judged now: try again later",
                Some((header::RETRY_AFTER, "1")),
            ),
        };
        let mut response = refused(status, message);
        if let Some((name, value)) = extra {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }
}
