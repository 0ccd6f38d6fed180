//! What the control plane serves of keys: the exchange, and what verifies the tokens.
//!
//! Whoever brings a key that opens nothing gets one answer, whatever the reason.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::header::{CACHE_CONTROL, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};
use tollgate_keys::{Exchange, Issued, Refused, Scope, iso_8601, now_s};

use super::rate_limit::RateLimit;

/// The largest request, in bytes.
const BODY_BYTES_MAX: usize = 1_024;
/// How long a request's body may take.
const BODY_MAX: Duration = Duration::from_secs(5);
/// How long verifiers may keep the key set, in seconds: less than a key is published before its use.
const KEY_SET_AGE: &str = "public, max-age=300";

/// Where keys are exchanged for tokens.
pub(crate) struct Desk {
    exchange: Exchange,
    rate_limit: RateLimit,
    results: [AtomicU64; Outcome::ALL.len()],
}

/// What comes of bringing a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Issued,
    RateLimited,
    TooLarge,
    Malformed,
    Unauthorized,
    Forbidden,
    Unavailable,
}

/// What is sent: `{credential, requestedProjectId?}`.
struct Asked {
    credential: String,
    project: Option<String>,
}

/// The routes of the exchange.
pub(crate) fn router(desk: Arc<Desk>) -> Router {
    Router::new()
        .route("/v1/ingest-token/exchange", post(exchange))
        .route("/.well-known/jwks.json", get(key_set))
        .route("/.well-known/openid-configuration", get(discovery))
        .with_state(desk)
}

async fn exchange(
    State(desk): State<Arc<Desk>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    body: Body,
) -> Response {
    let (outcome, said) = match issue(&desk, from, body).await {
        Ok(issued) => {
            let Issued { key_id, project_id, .. } = &issued;
            tracing::info!(key = key_id, project = project_id, "token issued");
            (Outcome::Issued, told(&issued))
        }
        Err((outcome, said)) => (outcome, json!({ "error": said })),
    };
    desk.count(outcome);
    let mut response = (outcome.status(), Json(said)).into_response();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if matches!(outcome, Outcome::RateLimited | Outcome::Unavailable) {
        headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

#[allow(clippy::disallowed_methods, reason = "the limit is given and named")]
async fn issue(
    desk: &Arc<Desk>,
    from: SocketAddr,
    body: Body,
) -> Result<Issued, (Outcome, String)> {
    if !desk.rate_limit.admits(from.ip(), Instant::now()) {
        return Err((Outcome::RateLimited, "too many tries: wait a second".to_owned()));
    }
    let too_large = || (Outcome::TooLarge, format!("more than {BODY_BYTES_MAX} bytes"));
    let read = tokio::time::timeout(BODY_MAX, axum::body::to_bytes(body, BODY_BYTES_MAX));
    let body = read.await.map_err(|_| malformed())?.map_err(|_| too_large())?;
    let Asked { credential, project } = Asked::parse(&body).ok_or_else(malformed)?;
    let desk = Arc::clone(desk);
    let exchanged = tokio::task::spawn_blocking(move || {
        desk.exchange.exchange(&credential, project.as_deref(), now_s())
    });
    let exchanged = exchanged.await.map_err(|_| unavailable())?;
    exchanged.map_err(|refused| match refused {
        Refused::Key(denied) => {
            tracing::warn!(ip = %from.ip(), reason = %denied, "a key was refused");
            (Outcome::Unauthorized, "the key is not valid".to_owned())
        }
        Refused::Scope(_) | Refused::Project => (Outcome::Forbidden, refused.to_string()),
        Refused::NoProject => (Outcome::Malformed, refused.to_string()),
        Refused::Unavailable(error) => {
            tracing::error!(%error, "keys cannot be exchanged");
            unavailable()
        }
    })
}

fn malformed() -> (Outcome, String) {
    let shape =
        r#"send {"credential": "KEY"}, with "requestedProjectId" for a key of all projects"#;
    (Outcome::Malformed, shape.to_owned())
}

/// How the disk is doing is the operator's business.
fn unavailable() -> (Outcome, String) {
    (Outcome::Unavailable, "keys cannot be exchanged now: try again later".to_owned())
}

fn told(issued: &Issued) -> Value {
    json!({
        "token": issued.token,
        "projectId": issued.project_id,
        "expiresAt": iso_8601(issued.expires_s),
        "scopes": issued.scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>(),
    })
}

async fn key_set(State(desk): State<Arc<Desk>>) -> Response {
    match desk.exchange.keys().public_keys_now() {
        Ok(keys) => ([(CACHE_CONTROL, KEY_SET_AGE)], Json(keys.to_json())).into_response(),
        Err(error) => {
            tracing::error!(%error, "the key set cannot be read");
            (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "error": unavailable().1 })))
                .into_response()
        }
    }
}

/// OpenID Connect Discovery 1.0, section 3, as far as verifiers of tokens read it.
async fn discovery(State(desk): State<Arc<Desk>>) -> Response {
    let issuer = desk.exchange.issuer();
    let document = json!({
        "issuer": issuer,
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        "token_endpoint": format!("{issuer}/v1/ingest-token/exchange"),
        "response_types_supported": ["token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["EdDSA"],
        "scopes_supported": Scope::ALL.map(Scope::name),
        "claims_supported": ["iss", "aud", "sub", "iat", "nbf", "exp", "jti", "scope", "key_id"],
    });
    ([(CACHE_CONTROL, KEY_SET_AGE)], Json(document)).into_response()
}

// === impl Desk ===

impl Desk {
    pub(crate) fn new(exchange: Exchange) -> Self {
        Self { exchange, rate_limit: RateLimit::default(), results: Default::default() }
    }

    /// What came of all keys that were brought, by name.
    pub(super) fn results(&self) -> Vec<(&'static str, u64)> {
        let count = |(outcome, count): (Outcome, &AtomicU64)| {
            (outcome.name(), count.load(Ordering::Relaxed))
        };
        Outcome::ALL.into_iter().zip(&self.results).map(count).collect()
    }

    fn count(&self, outcome: Outcome) {
        let found = Outcome::ALL.into_iter().zip(&self.results).find(|(it, _)| *it == outcome);
        if let Some((_, count)) = found {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

// === impl Outcome ===

impl Outcome {
    const ALL: [Self; 7] = [
        Self::Issued,
        Self::RateLimited,
        Self::TooLarge,
        Self::Malformed,
        Self::Unauthorized,
        Self::Forbidden,
        Self::Unavailable,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Issued => "issued",
            Self::RateLimited => "rate_limited",
            Self::TooLarge => "too_large",
            Self::Malformed => "malformed",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::Unavailable => "unavailable",
        }
    }

    const fn status(self) -> StatusCode {
        match self {
            Self::Issued => StatusCode::OK,
            Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

// === impl Asked ===

impl Asked {
    fn parse(body: &[u8]) -> Option<Self> {
        let body: Value = serde_json::from_slice(body).ok()?;
        let credential = body.get("credential")?.as_str()?.to_owned();
        let project = match body.get("requestedProjectId") {
            None | Some(Value::Null) => None,
            Some(project) => Some(project.as_str()?.to_owned()),
        };
        Some(Self { credential, project })
    }
}
