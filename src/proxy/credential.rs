//! The credential of an attempt: the target's own, or the caller's, in the place where the provider
//! looks for it. The only code that touches one.

use http::{HeaderMap, HeaderValue, header};
use pingora::Result;
use tollgate_filters::request::{holds_ours, param_is_ours};
use tollgate_providers::{AuthStyle, Provider};
use tollgate_routing::{Credential, Target};

use crate::proxy::fields::{self, value};

/// Headers that authenticate a caller somewhere; none of them goes to a managed target.
const CALLER_CREDENTIALS: [&str; 9] = [
    "authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "cookie",
    "proxy-authorization",
    "openai-organization",
    "openai-project",
    "x-goog-user-project",
];

/// Query parameters that authenticate a caller somewhere, in lower case.
const CALLER_PARAMS: [&str; 9] = [
    "key",
    "api_key",
    "api-key",
    "apikey",
    "x-api-key",
    "access_token",
    "auth_token",
    "token",
    "subscription-key",
];

/// What of the caller's query goes along: all of it where the caller's own key is used, else all but
/// keys. A name counts however it is percent-encoded.
pub(crate) fn query(query: &str, target: &Target) -> String {
    if matches!(target.credential, Credential::Caller) {
        // A key of ours never leaves, wherever it stands.
        let pairs = query.split('&').filter(|pair| !param_is_ours(&unescape(pair)));
        return pairs.collect::<Vec<_>>().join("&");
    }
    let is_key = |pair: &&str| {
        let name = unescape(pair.split('=').next().unwrap_or_default()).to_ascii_lowercase();
        let providers = matches!(&target.provider.auth, AuthStyle::QueryParam(param)
            if param.eq_ignore_ascii_case(&name));
        providers || CALLER_PARAMS.contains(&&*name)
    };
    query.split('&').filter(|pair| !is_key(pair)).collect::<Vec<_>>().join("&")
}

/// Authenticates the request. A caller's own key stays where the caller put it, unless the request
/// was `translated`: then the provider looks for it elsewhere.
///
/// # Errors
/// Pingora's, for a key that is no header value.
pub(crate) fn put(
    headers: &mut HeaderMap,
    query: &mut String,
    target: &Target,
    translated: bool,
) -> Result<()> {
    let provider = &target.provider;
    remove_own_keys(headers);
    match &target.credential {
        Credential::Caller if !translated => Ok(()),
        Credential::Caller => {
            let key = caller_key(headers);
            remove_all(headers);
            key.map_or(Ok(()), |key| authenticate(headers, query, provider, &key))
        }
        Credential::Managed(secret) => {
            remove_all(headers);
            authenticate(headers, query, provider, secret.expose())
        }
        Credential::None => {
            remove_all(headers);
            Ok(())
        }
    }
}

/// A key of ours never leaves. What stands beside it in another header is the provider's.
fn remove_own_keys(headers: &mut HeaderMap) {
    remove_credentials(headers, holds_ours);
}

fn remove_all(headers: &mut HeaderMap) {
    remove_credentials(headers, |_| true);
}

/// Removes each of [`CALLER_CREDENTIALS`] of which a value is `wanted`.
fn remove_credentials(headers: &mut HeaderMap, wanted: impl Fn(&HeaderValue) -> bool) {
    fields::remove(headers, |name, value| {
        CALLER_CREDENTIALS.contains(&name.as_str()) && wanted(value)
    });
}

/// The key that the caller's SDK sent, wherever its dialect has it.
fn caller_key(headers: &HeaderMap) -> Option<String> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    let bearer = || {
        let (scheme, key) = text(header::AUTHORIZATION.as_str())?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
    };
    let key = ["x-api-key", "api-key", "x-goog-api-key"].into_iter().find_map(text).or_else(bearer);
    key.map(str::to_owned)
}

fn authenticate(
    headers: &mut HeaderMap,
    query: &mut String,
    provider: &Provider,
    secret: &str,
) -> Result<()> {
    match &provider.auth {
        AuthStyle::Bearer => {
            headers.insert(header::AUTHORIZATION, value(format!("Bearer {secret}"))?);
        }
        AuthStyle::ApiKeyHeader(name) => {
            headers.insert(name.clone(), value(secret)?);
        }
        AuthStyle::QueryParam(name) => {
            if !query.is_empty() {
                query.push('&');
            }
            query.push_str(name);
            query.push('=');
            query.extend(secret.bytes().map(escape));
        }
        AuthStyle::None => {}
    }
    Ok(())
}

/// The text of a percent-encoded name; what is no encoding stays as it is.
fn unescape(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, later)) = rest.split_first() {
        let code = later.get(..2).filter(|_| *first == b'%');
        let byte = code
            .and_then(|code| std::str::from_utf8(code).ok())
            .and_then(|code| u8::from_str_radix(code, 16).ok());
        rest = if byte.is_some() { later.get(2..).unwrap_or_default() } else { later };
        out.push(byte.unwrap_or(*first));
    }
    String::from_utf8_lossy(&out).into_owned()
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
