//! Once per attempt: the whole body, in the place of the token that made Pingora ask for it.

use bytes::Bytes;

use crate::proxy::ctx::Ctx;

pub(crate) fn run(body: &mut Option<Bytes>, end_of_stream: bool, ctx: &Ctx) {
    let current = ctx.routed.as_ref().and_then(|routed| routed.current.as_ref());
    if let Some(current) = current {
        // `None` would end the body here; an empty piece only withholds.
        *body = Some(if end_of_stream { current.body.clone() } else { Bytes::new() });
    }
}
