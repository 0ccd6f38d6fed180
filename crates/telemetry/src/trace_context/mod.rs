//! The caller's trace: `traceparent` and `tracestate` (W3C Trace Context, level 1).

use std::sync::Arc;

use crate::span::{SpanId, TraceId, push_hex};

/// Longest `tracestate` that is carried on, in bytes (W3C, 3.3.1.5).
const STATE_BYTES_MAX: usize = 512;
/// A `traceparent` of version 0.
const TRACEPARENT_BYTES: usize = 55;

/// What is not the time in the id of a trace that begins here.
const RANDOM_BITS: u32 = 80;
const NS_PER_MS: u64 = 1_000_000;

/// Where a request belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace.
    pub trace_id: TraceId,
    /// The caller's span; `None` if the trace begins here.
    pub parent: Option<SpanId>,
    /// Whether the caller records it.
    pub sampled: bool,
    /// The caller's `tracestate`, carried on as it came.
    pub state: Option<Arc<str>>,
}

// === impl TraceContext ===

impl TraceContext {
    /// A trace that begins here.
    pub const fn root(id: u128) -> Self {
        Self { trace_id: TraceId::new(id), parent: None, sampled: true, state: None }
    }

    /// The same with an id that begins with the time, in milliseconds since 1970, and goes on with 80
    /// of the random bits: so ids of one time stand together in a store's index, and the last seven
    /// bytes are random, as samplers expect (W3C Trace Context level 2, random-trace-id).
    pub const fn root_at(unix_ns: u64, random: u128) -> Self {
        let unix_ms = (unix_ns / NS_PER_MS) as u128;
        Self::root((unix_ms << RANDOM_BITS) | (random & ((1 << RANDOM_BITS) - 1)))
    }

    /// Reads the headers; `None` if `traceparent` is absent or invalid, and then `tracestate`
    /// means nothing either.
    pub fn parse(traceparent: Option<&str>, tracestate: Option<&str>) -> Option<Self> {
        let text = traceparent?.trim();
        let mut parts = text.split('-');
        let (version, trace, span, flags) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let version = hex(version, 2)?;
        // Later versions may say more behind the flags; version 0 may not, and ff is invalid.
        if version == 0xff || (version == 0 && parts.next().is_some()) {
            return None;
        }
        let (trace, span, flags) = (hex(trace, 32)?, hex(span, 16)?, hex(flags, 2)?);
        if trace == 0 || span == 0 {
            return None;
        }
        let state = tracestate.map(str::trim).filter(|state| {
            !state.is_empty()
                && state.len() <= STATE_BYTES_MAX
                && state.bytes().all(|b| (0x20..0x7f).contains(&b))
        });
        Some(Self {
            trace_id: TraceId::new(trace),
            parent: Some(SpanId::new(u64::try_from(span).ok()?)),
            sampled: flags & 1 == 1,
            state: state.map(Arc::from),
        })
    }

    /// The header that makes the receiver's spans children of `span`.
    pub fn traceparent(&self, span: SpanId) -> String {
        let mut text = String::with_capacity(TRACEPARENT_BYTES);
        text.push_str("00-");
        push_hex(&mut text, &self.trace_id.to_bytes());
        text.push('-');
        push_hex(&mut text, &span.to_bytes());
        text.push_str(if self.sampled { "-01" } else { "-00" });
        text
    }
}

/// Lower-case hexadecimal of an exact length, as the specification wants it.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let valid =
        text.len() == digits && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    valid.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

#[cfg(test)]
mod tests;
