//! Traces as JSON.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use tollgate_store::{Pairs, SpanRow, StoreError, TraceFilter};

use crate::waterfall::{names, notes};
use crate::{ConsoleState, layout};

/// The filters of the list, as in the address.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Filters {
    limit: Option<usize>,
    before_ns: Option<i64>,
    since_ns: Option<i64>,
    model: Option<String>,
    provider: Option<String>,
    status: Option<String>,
    session: Option<String>,
    user: Option<String>,
    #[serde(default)]
    errors_only: bool,
}

pub(crate) async fn list(
    State(state): State<ConsoleState>,
    filters: Result<Query<Filters>, QueryRejection>,
) -> Response {
    let Some(store) = state.store else { return no_store() };
    let filters = match filters {
        Ok(Query(filters)) => filters,
        Err(rejection) => {
            let body = json!({ "error": rejection.body_text() });
            return (StatusCode::BAD_REQUEST, Json(body)).into_response();
        }
    };
    let defaults = TraceFilter::default();
    let filter = TraceFilter {
        limit: filters.limit.unwrap_or(defaults.limit),
        before_ns: filters.before_ns,
        since_ns: filters.since_ns,
        model: filters.model,
        provider: filters.provider,
        status: filters.status,
        session: filters.session,
        user: filters.user,
        errors_only: filters.errors_only,
    };
    match store.recent(&filter).await {
        Ok(traces) => Json(json!({ "traces": traces })).into_response(),
        Err(error) => failure(&error),
    }
}

pub(crate) async fn one(State(state): State<ConsoleState>, Path(id): Path<String>) -> Response {
    let Some(store) = state.store else { return no_store() };
    match store.trace(&id).await {
        Ok(spans) if spans.is_empty() => {
            (StatusCode::NOT_FOUND, Json(json!({ "error": "there is no such trace" })))
                .into_response()
        }
        Ok(spans) => Json(trace_json(&spans)).into_response(),
        Err(error) => failure(&error),
    }
}

fn trace_json(spans: &[SpanRow]) -> Value {
    let names = names(spans);
    let rows: Vec<_> = layout(spans)
        .into_iter()
        .map(|bar| {
            let span = bar.span;
            json!({
                "span_id": span.span_id,
                "parent_span_id": span.parent_span_id,
                "name": span.name,
                "depth": bar.depth,
                "offset_ns": bar.offset_ns,
                "duration_ns": span.duration_ns,
                "first_content_ns": bar.first_content_ns,
                "notes": notes(span, &names),
                "status": span.status.as_str(),
                "status_message": span.status_message,
                "attributes": pairs(&span.attributes),
                "events": span.events.iter().map(|event| json!({
                    "name": event.name,
                    "at_ns": event.timestamp_ns,
                    "attributes": pairs(&event.attributes),
                })).collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({ "trace_id": spans.first().map(|span| span.trace_id.as_str()), "spans": rows })
}

/// An array, so that hostile names (`__proto__`) stay plain text.
fn pairs(attributes: &Pairs) -> Vec<[&str; 2]> {
    attributes.iter().map(|(name, value)| [name.as_ref(), value.as_str()]).collect()
}

fn no_store() -> Response {
    let body = json!({ "error": "no span store is configured (store: { kind: none })" });
    (StatusCode::NOT_FOUND, Json(body)).into_response()
}

fn failure(error: &StoreError) -> Response {
    let status = match error {
        StoreError::BadTraceId { .. } | StoreError::AmbiguousTraceId { .. } => {
            StatusCode::BAD_REQUEST
        }
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, Json(json!({ "error": error.to_string() }))).into_response()
}
