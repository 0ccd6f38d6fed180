//! A connection is there, fresh or from the pool.

use pingora::upstreams::peer::HttpPeer;

use crate::proxy::ctx::Ctx;

pub(crate) fn run(reused: bool, peer: &HttpPeer, ctx: &Ctx) {
    tell!(trace, ctx, reused, address = %peer._address, "connected to upstream");
}
