//! One attempt over HTTP/1.1, from the connection to the answer's end, in one loop.
//!
//! Pingora runs an attempt as two halves with a channel between them, so that each event of a stream
//! passes the request's task twice and wakes it by itself in between. Where streams are slow, that is
//! most of what an event costs beside the kernel's share; a small request pays for it, too. Here one
//! future waits for the upstream, the caller and the deadlines, and does what there is to do at once.
//! The hooks are the same ones, called in the same order.

mod body;
mod head;
mod request;
mod turn;
mod upstream;
mod wait;

use pingora::Result;
use pingora::connectors::TransportConnector;
use pingora::proxy::Session;
use pingora::upstreams::peer::{HttpPeer, Peer};

use self::upstream::Upstream;
use crate::proxy::ctx::Ctx;
use crate::proxy::{Gateway, connected_to_upstream, error_while_proxy, fail_to_connect};

/// Connections to upstreams that are not in Pingora's own pool.
pub(crate) type Upstreams = TransportConnector;

/// Makes the attempt that `peer` is for.
///
/// # Errors
/// Why there is no answer, or no more of it, as `error_while_proxy` and `fail_to_connect` put it:
/// `retry` says whether another attempt follows.
pub(crate) async fn attempt(
    gateway: &Gateway,
    session: &mut Session,
    ctx: &mut Ctx,
    peer: &HttpPeer,
) -> Result<()> {
    let (stream, reused) = match gateway.upstreams.get_stream(peer).await {
        Ok(connected) => connected,
        Err(mut error) => {
            error.as_up();
            return Err(fail_to_connect::run(ctx, error).into_up());
        }
    };
    connected_to_upstream::run(reused, peer, ctx);
    match exchange(session, Upstream::new(stream), ctx, peer).await {
        Ok(upstream) => {
            if let Some(stream) = upstream.into_reusable() {
                gateway.upstreams.release_stream(stream, peer.reuse_hash(), peer.idle_timeout());
            }
            Ok(())
        }
        Err(error) => Err(error_while_proxy::run(session, error, ctx, reused)),
    }
}

/// Where it fails, the connection is closed: whatever is still to come of the answer, nobody wants it.
async fn exchange(
    session: &mut Session,
    mut upstream: Upstream,
    ctx: &mut Ctx,
    peer: &HttpPeer,
) -> Result<Upstream> {
    let write_max = peer.options.write_timeout;
    let head = request::send(session, &mut upstream, ctx, write_max).await?;
    if head::pass(session, &mut upstream, ctx, head).await? {
        return Ok(upstream);
    }
    let (upstream, passed) = body::pass(session, upstream, ctx).await;
    passed.map(|()| upstream)
}
