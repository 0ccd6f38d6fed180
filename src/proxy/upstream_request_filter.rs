//! Once per attempt: this target's URL, host, credential and headers.

use http::{HeaderName, Method, Uri, header};
use once_cell::sync::Lazy;
use pingora::http::RequestHeader;
use pingora::{Error, ErrorType, OrErr, Result};
use tollgate_providers::endpoint::PROVIDER_HEADER;
use tollgate_providers::{AuthStyle, Dialect, Provider};
use tollgate_routing::Credential;

use crate::proxy::ctx::Ctx;

/// Headers that authenticate a caller somewhere; none of them goes to a managed target.
static CALLER_CREDENTIALS: Lazy<[HeaderName; 7]> = Lazy::new(|| {
    [
        "authorization",
        "x-api-key",
        "api-key",
        "x-goog-api-key",
        "cookie",
        "proxy-authorization",
        "openai-organization",
    ]
    .map(HeaderName::from_static)
});
/// What the Messages API wants to know, where the caller did not say.
const ANTHROPIC_VERSION: &str = "2023-06-01";

pub(crate) fn run(upstream: &mut RequestHeader, ctx: &Ctx) -> Result<()> {
    let Ctx { routed: Some(routed), endpoint: Some(endpoint), .. } = ctx else {
        return Error::e_explain(ErrorType::InternalError, "no plan");
    };
    let Some(current) = &routed.current else {
        return Error::e_explain(ErrorType::InternalError, "no attempt");
    };
    let target = &current.attempt.target;
    let provider = &target.provider;
    remove_own_headers(upstream);
    if !matches!(target.credential, Credential::Caller) {
        for name in &*CALLER_CREDENTIALS {
            upstream.remove_header(name);
        }
    }
    let mut query = caller_query(upstream, &target.credential, provider);
    if let Credential::Managed(secret) = &target.credential {
        authenticate(upstream, &mut query, provider, secret.expose())?;
    }
    let path = endpoint.path_at(provider);
    let path_and_query = if query.is_empty() { path } else { format!("{path}?{query}") };
    let uri: Uri = path_and_query.parse().or_err(ErrorType::InternalError, "upstream path")?;
    upstream.set_uri(uri);
    upstream.insert_header(header::HOST, host(provider))?;
    upstream.remove_header(&header::TRANSFER_ENCODING);
    upstream.remove_header(&header::EXPECT);
    // Nothing is announced where there never is a body.
    if current.body.is_empty() && matches!(upstream.method, Method::GET | Method::DELETE) {
        upstream.remove_header(&header::CONTENT_LENGTH);
    } else {
        upstream.insert_header(header::CONTENT_LENGTH, current.body.len())?;
    }
    // A compressed answer could not be read in passing.
    upstream.insert_header(header::ACCEPT_ENCODING, "identity")?;
    let speaks_messages = endpoint.family() == Dialect::Messages;
    if speaks_messages && upstream.headers.get("anthropic-version").is_none() {
        upstream.insert_header("anthropic-version", ANTHROPIC_VERSION)?;
    }
    upstream.insert_header("traceparent", ctx.trace.traceparent(ctx.spans.genai))?;
    Ok(())
}

/// `x-to11-*` and their like are between the caller and us.
fn remove_own_headers(upstream: &mut RequestHeader) {
    let own: Vec<HeaderName> = upstream
        .headers
        .keys()
        .filter(|name| {
            let name = name.as_str();
            name.starts_with("x-to11-") || [PROVIDER_HEADER, "x-conversation-id"].contains(&name)
        })
        .cloned()
        .collect();
    for name in own {
        upstream.remove_header(&name);
    }
}

/// The caller's query goes along, but for a key in it that is not this provider's business.
fn caller_query(upstream: &RequestHeader, credential: &Credential, provider: &Provider) -> String {
    let query = upstream.uri.query().unwrap_or_default();
    let AuthStyle::QueryParam(name) = &provider.auth else { return query.to_owned() };
    if matches!(credential, Credential::Caller) {
        return query.to_owned();
    }
    let kept = query.split('&').filter(|pair| pair.split('=').next() != Some(name));
    kept.collect::<Vec<_>>().join("&")
}

fn authenticate(
    upstream: &mut RequestHeader,
    query: &mut String,
    provider: &Provider,
    secret: &str,
) -> Result<()> {
    match &provider.auth {
        AuthStyle::Bearer => {
            upstream.insert_header(header::AUTHORIZATION, format!("Bearer {secret}"))
        }
        AuthStyle::ApiKeyHeader(name) => upstream.insert_header(name.clone(), secret),
        AuthStyle::QueryParam(name) => {
            if !query.is_empty() {
                query.push('&');
            }
            query.push_str(name);
            query.push('=');
            query.extend(secret.bytes().map(escape));
            Ok(())
        }
        AuthStyle::None => Ok(()),
    }
}

/// Percent-encodes all but the unreserved characters (RFC 3986, 2.3).
fn escape(byte: u8) -> String {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    }
}

fn host(provider: &Provider) -> String {
    let url = &provider.base_url;
    let name =
        if url.host.contains(':') { format!("[{}]", url.host) } else { url.host.to_string() };
    let usual = if url.tls { 443 } else { 80 };
    if url.port == usual { name } else { format!("{name}:{}", url.port) }
}
