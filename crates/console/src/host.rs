//! Refuses requests that came by a foreign name: DNS rebinding would let any web page read traces.

use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Lets a request through if its `Host` is an address, `localhost`, or a name without dots.
pub(crate) async fn check(request: Request, next: Next) -> Response {
    let host = request
        .headers()
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .or_else(|| request.uri().authority().map(|authority| authority.as_str()));
    if host.is_some_and(is_local_name) {
        return next.run(request).await;
    }
    (StatusCode::MISDIRECTED_REQUEST, "use the address or localhost to open this page\n")
        .into_response()
}

/// The same, but whoever shows a key may come by any name: a page that rebinds its own has none.
pub(crate) async fn check_without_key(request: Request, next: Next) -> Response {
    if request.headers().contains_key(header::AUTHORIZATION) {
        return next.run(request).await;
    }
    check(request, next).await
}

/// A public name always has a dot; an address cannot be rebound.
pub(crate) fn is_local_name(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => {
            return rest
                .split(']')
                .next()
                .is_some_and(|ip| ip.parse::<std::net::Ipv6Addr>().is_ok());
        }
        None => host.split(':').next().unwrap_or_default(),
    };
    name.parse::<std::net::Ipv4Addr>().is_ok()
        || (!name.is_empty() && !name.contains('.'))
        || name.ends_with(".localhost")
        || name.ends_with(".internal")
}
