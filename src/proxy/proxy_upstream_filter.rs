//! The last hook before Pingora's own loop of attempts: a call that can do without that loop has
//! its attempts here, see `relay/`.

use http::{HeaderMap, Method, Version, header};
use pingora::Result;
use pingora::proxy::Session;

use crate::proxy::ctx::Ctx;
use crate::proxy::{Gateway, relay, upstream_peer};

/// `true`: Pingora makes the attempts, or those that are left. `false`: answered here.
pub(crate) async fn run(gateway: &Gateway, session: &mut Session, ctx: &mut Ctx) -> Result<bool> {
    if !is_eligible(session, ctx) {
        return Ok(true);
    }
    loop {
        let peer = upstream_peer::run(gateway, session, ctx).await?;
        if peer.is_tls() {
            // Which HTTP it speaks is known only when it is connected.
            if let Some(routed) = &mut ctx.routed {
                routed.peer = Some(peer);
            }
            return Ok(true);
        }
        match relay::attempt(gateway, session, ctx, &peer).await {
            Ok(()) => return Ok(false),
            Err(error) if error.retry() => {}
            Err(error) => return Err(error),
        }
    }
}

/// A call over HTTP/1.1 on the caller's side, and nothing said of the connection but whether it stays
/// open.
fn is_eligible(session: &Session, ctx: &Ctx) -> bool {
    let request = session.req_header();
    ctx.routed.is_some()
        && request.method == Method::POST
        && request.version == Version::HTTP_11
        && !request.headers.contains_key(header::UPGRADE)
        && is_plain(&request.headers)
}

fn is_plain(headers: &HeaderMap) -> bool {
    headers.get_all(header::CONNECTION).iter().all(|value| {
        let value = value.as_bytes();
        value.eq_ignore_ascii_case(b"keep-alive") || value.eq_ignore_ascii_case(b"close")
    })
}
