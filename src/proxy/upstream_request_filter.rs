//! Once per attempt: this target's URL, host, credential and headers.

use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use pingora::{Error, ErrorType, OrErr, Result};
use tollgate_providers::endpoint::PROVIDER_HEADER;
use tollgate_providers::provider::chat_path;
use tollgate_providers::{Dialect, Provider};

use crate::proxy::credential;
use crate::proxy::ctx::Ctx;
use crate::proxy::fields::{self, TRACEPARENT, TRACESTATE, value};

/// Headers of the caller's that no upstream gets, whoever holds the key.
const OWN_HEADERS: [&str; 4] =
    [PROVIDER_HEADER, "x-conversation-id", "cookie", "proxy-authorization"];
/// Headers that mean something to one vendor's API.
const FOREIGN_PREFIXES: [&str; 3] = ["anthropic-", "openai-", "x-stainless-"];
/// A name that need not be parsed for each look.
static VERSION: HeaderName = HeaderName::from_static("anthropic-version");
/// What the Messages API wants to know, where the caller did not say.
const ANTHROPIC_VERSION: &str = "2023-06-01";

pub(crate) fn run(upstream: &mut Parts, ctx: &Ctx) -> Result<()> {
    let Ctx { routed: Some(routed), endpoint: Some(endpoint), .. } = ctx else {
        return Error::e_explain(ErrorType::InternalError, "no plan");
    };
    let Some(current) = &routed.current else {
        return Error::e_explain(ErrorType::InternalError, "no attempt");
    };
    let target = &current.attempt.target;
    let provider = &target.provider;
    remove_own_headers(&mut upstream.headers);
    let (path, mut query) = match current.translated {
        Some(dialect) => {
            remove_dialect_headers(&mut upstream.headers);
            let path = chat_path(dialect, &target.model, routed.facts.stream);
            let (path, query) = path.split_once('?').unwrap_or((&path, ""));
            (format!("{}{path}", provider.base_url.path), query.to_owned())
        }
        None => {
            let query = credential::query(upstream.uri.query().unwrap_or_default(), target);
            (endpoint.path_at(provider), query)
        }
    };
    credential::put(&mut upstream.headers, &mut query, target, current.translated.is_some())?;
    let path_and_query = if query.is_empty() { path } else { format!("{path}?{query}") };
    let uri: Uri = path_and_query.parse().or_err(ErrorType::InternalError, "upstream path")?;
    upstream.uri = uri;
    let Parts { method, headers, .. } = upstream;
    headers.insert(header::HOST, value(host(provider))?);
    headers.remove(header::TRANSFER_ENCODING);
    headers.remove(header::EXPECT);
    // Nothing is announced where there never is a body.
    if current.body.is_empty() && matches!(*method, Method::GET | Method::DELETE) {
        headers.remove(header::CONTENT_LENGTH);
    } else {
        headers.insert(header::CONTENT_LENGTH, current.body.len().into());
    }
    // A compressed answer could not be read in passing.
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let speaks_messages =
        current.translated.unwrap_or_else(|| endpoint.family()) == Dialect::Messages;
    if speaks_messages && !headers.contains_key(&VERSION) {
        headers.insert(VERSION.clone(), HeaderValue::from_static(ANTHROPIC_VERSION));
    }
    headers.insert(TRACEPARENT.clone(), value(ctx.trace.traceparent(ctx.spans.genai))?);
    // Another trace's state, or one that could not be read, is not for this one.
    match &ctx.trace.state {
        Some(state) => drop(headers.insert(TRACESTATE.clone(), value(&**state)?)),
        None => drop(headers.remove(&TRACESTATE)),
    }
    Ok(())
}

/// `x-to11-*` and their like are between the caller and us, and so is what the caller's client sends to
/// whoever it is connected to.
fn remove_own_headers(headers: &mut HeaderMap) {
    fields::remove(headers, |name, _| {
        name.as_str().starts_with("x-to11-") || OWN_HEADERS.contains(&name.as_str())
    });
}

/// What only the API of the caller's dialect understands: versions, betas, an SDK's own telemetry.
fn remove_dialect_headers(headers: &mut HeaderMap) {
    fields::remove(headers, |name, _| {
        FOREIGN_PREFIXES.iter().any(|prefix| name.as_str().starts_with(prefix))
    });
}

fn host(provider: &Provider) -> String {
    let url = &provider.base_url;
    let (open, close) = if url.host.contains(':') { ("[", "]") } else { ("", "") };
    let usual = if url.tls { 443 } else { 80 };
    if url.port == usual {
        return [open, &url.host, close].concat();
    }
    [open, &url.host, close, ":", &url.port.to_string()].concat()
}
