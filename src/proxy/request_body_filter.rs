//! Once per attempt: the whole body, in the place of the token that made Pingora ask for it.

use std::sync::Arc;

use bytes::Bytes;

use crate::proxy::ctx::Ctx;
use crate::proxy::watch::Watch;

/// A body on its way up. It is let go of when its last byte has been written, and that is told.
struct Upload {
    body: Bytes,
    watch: Arc<Watch>,
}

pub(crate) fn run(body: &mut Option<Bytes>, end_of_stream: bool, ctx: &Ctx) {
    let Some(routed) = &ctx.routed else { return };
    if let Some(current) = &routed.current {
        // `None` would end the body here; an empty piece only withholds.
        *body = Some(if end_of_stream {
            let (body, watch) = (current.body.clone(), Arc::clone(&routed.watch));
            Bytes::from_owner(Upload { body, watch })
        } else {
            Bytes::new()
        });
    }
}

// === impl Upload ===

impl AsRef<[u8]> for Upload {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.watch.uploaded();
    }
}
