//! A body filter: every stream ends with a comment that says how long it was. SDKs pass comments
//! over, people who look at the wire see them.

use bytes::Bytes;
use tollgate::filters::response::{AnswerHead, BodyFilter};

/// Counts what passes.
#[derive(Default)]
pub(crate) struct Notice {
    bytes: usize,
}

/// A [`Notice`] for good streams, nothing for anything else.
pub(crate) fn notice(head: &AnswerHead<'_>) -> Option<Box<dyn BodyFilter>> {
    (head.stream && head.status.is_success()).then(|| Box::new(Notice::default()) as _)
}

// === impl Notice ===

impl BodyFilter for Notice {
    fn on_chunk(&mut self, chunk: Bytes) -> Bytes {
        self.bytes += chunk.len();
        chunk
    }

    fn on_end(&mut self) -> Bytes {
        format!(": {} bytes\n\n", self.bytes).into()
    }
}
