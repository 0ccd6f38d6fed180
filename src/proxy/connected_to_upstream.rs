//! A connection is there, fresh or from the pool.

use pingora::upstreams::peer::HttpPeer;
use tracing::trace;

use crate::proxy::ctx::Ctx;

pub(crate) fn run(reused: bool, peer: &HttpPeer, ctx: &Ctx) {
    trace!(request = ctx.id.as_str(), reused, address = %peer._address, "connected to upstream");
}
