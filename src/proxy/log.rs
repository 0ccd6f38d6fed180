//! Log lines of a request: each says which trace and which request it belongs to. A request's hooks are
//! no one future that a `tracing` span could be entered for, and Pingora runs others between them.

/// `tell!(debug, ctx, cause = "...", "what happened")`. What a caller or an upstream wrote has no place
/// in a line.
macro_rules! tell {
    ($level:ident, $ctx:expr, $($rest:tt)+) => {
        tracing::$level!(
            trace_id = %$ctx.trace.trace_id,
            request_id = $ctx.id.as_str(),
            $($rest)+
        )
    };
}
