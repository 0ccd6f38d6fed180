//! The credential of an attempt: the target's own, or the caller's, in the place where the provider
//! looks for it. The only code that touches one.

use http::{HeaderName, header};
use once_cell::sync::Lazy;
use pingora::Result;
use pingora::http::RequestHeader;
use tollgate_providers::{AuthStyle, Provider};
use tollgate_routing::{Credential, Target};

/// Headers that authenticate a caller somewhere; none of them goes to a managed target.
static CALLER_CREDENTIALS: Lazy<[HeaderName; 9]> = Lazy::new(|| {
    [
        "authorization",
        "x-api-key",
        "api-key",
        "x-goog-api-key",
        "cookie",
        "proxy-authorization",
        "openai-organization",
        "openai-project",
        "x-goog-user-project",
    ]
    .map(HeaderName::from_static)
});

/// Authenticates the request. A caller's own key stays where the caller put it, unless the request
/// was `translated`: then the provider looks for it elsewhere.
///
/// # Errors
/// Pingora's, for a key that is no header value.
pub(crate) fn put(
    upstream: &mut RequestHeader,
    query: &mut String,
    target: &Target,
    translated: bool,
) -> Result<()> {
    let provider = &target.provider;
    match &target.credential {
        Credential::Caller if !translated => Ok(()),
        Credential::Caller => {
            let key = caller_key(upstream);
            remove_all(upstream);
            key.map_or(Ok(()), |key| authenticate(upstream, query, provider, &key))
        }
        Credential::Managed(secret) => {
            remove_all(upstream);
            authenticate(upstream, query, provider, secret.expose())
        }
        Credential::None => {
            remove_all(upstream);
            Ok(())
        }
    }
}

fn remove_all(upstream: &mut RequestHeader) {
    for name in &*CALLER_CREDENTIALS {
        upstream.remove_header(name);
    }
}

/// The key that the caller's SDK sent, wherever its dialect has it.
fn caller_key(upstream: &RequestHeader) -> Option<String> {
    let text = |name: &str| upstream.headers.get(name)?.to_str().ok();
    let bearer = || {
        let (scheme, key) = text(header::AUTHORIZATION.as_str())?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
    };
    let key = ["x-api-key", "api-key", "x-goog-api-key"].into_iter().find_map(text).or_else(bearer);
    key.map(str::to_owned)
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
