//! Fields of heads: those that go both ways, what they may say, and taking them off.

use http::{HeaderMap, HeaderName, HeaderValue};
use pingora::{ErrorType, OrErr, Result};

/// Names that need not be parsed for each request.
pub(crate) static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
pub(crate) static TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// What a field says.
///
/// # Errors
/// Pingora's, for what no field can say.
pub(crate) fn value(
    text: impl TryInto<HeaderValue, Error: Into<http::Error>>,
) -> Result<HeaderValue> {
    let value = text.try_into().map_err(Into::<http::Error>::into);
    value.or_err(ErrorType::InvalidHTTPHeader, "a field's value")
}

/// Takes off every field of which one value is `unwanted`. One look at each: a head has fewer fields
/// than there are names that may be unwanted.
pub(crate) fn remove(
    headers: &mut HeaderMap,
    unwanted: impl Fn(&HeaderName, &HeaderValue) -> bool,
) {
    let named: Vec<_> = headers
        .iter()
        .filter(|(name, value)| unwanted(name, value))
        .map(|(name, _)| name.clone())
        .collect();
    for name in named {
        headers.remove(name);
    }
}
