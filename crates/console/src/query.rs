//! `POST /v1/query`: a question in SQL, answered as JSON.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{ConnectInfo, Extension, State};
use axum::http::StatusCode;
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
    question: Result<Json<Question>, JsonRejection>,
) -> Response {
    // Everybody's rows are for who is on this machine. The peer's address tells, not a header.
    if !peer.is_some_and(|Extension(ConnectInfo(peer))| peer.ip().to_canonical().is_loopback()) {
        return refused(StatusCode::FORBIDDEN, "queries are answered to this machine only");
    }
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
        scope: Scope::All,
        rows_max: question.rows_max.unwrap_or(ROWS_MAX).min(ROWS_MAX),
        time_max: TIME_MAX,
    };
    match store.query(&query).await {
        Ok(table) => Json(answer_json(&table)).into_response(),
        Err(error) => failure(&error),
    }
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
