//! Body filters of the operator's own: the last to see what leaves for the caller.

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use tollgate_providers::Endpoint;

use crate::request::Facts;

/// Looks at the bytes of one answer, or changes them, on their way to the caller. Made for one answer
/// and dropped with it. It must not wait or block, and sees pieces cut anywhere.
pub trait BodyFilter: Send + Sync {
    /// A piece that is leaving; what is returned leaves in its place, the piece itself at no cost.
    fn on_chunk(&mut self, chunk: Bytes) -> Bytes;

    /// The answer's end: what is still to leave.
    fn on_end(&mut self) -> Bytes {
        Bytes::new()
    }

    /// Whether more or fewer bytes may leave than came; then the answer has no `content-length`.
    fn may_change_length(&self) -> bool {
        true
    }
}

/// What is known of an answer before its body comes.
#[derive(Clone, Copy, Debug)]
pub struct AnswerHead<'a> {
    /// Where the request came in.
    pub endpoint: Option<&'a Endpoint>,
    /// What the request said of itself.
    pub facts: &'a Facts,
    /// The status of the answer.
    pub status: StatusCode,
    /// Whether it leaves as a stream of events.
    pub stream: bool,
}

/// Makes a filter for an answer, or leaves that answer alone.
pub type OwnFilter = Arc<dyn Fn(&AnswerHead<'_>) -> Option<Box<dyn BodyFilter>> + Send + Sync>;

/// Filters of the operator's own; an answer passes them in this order.
#[derive(Clone, Default)]
pub struct OwnFilters(pub Vec<OwnFilter>);

/// The filters that one answer passes.
#[derive(Default)]
pub struct OwnChain(Vec<Box<dyn BodyFilter>>);

// === impl OwnFilters ===

impl OwnFilters {
    /// The filters for this answer.
    pub fn chain(&self, head: &AnswerHead<'_>) -> OwnChain {
        OwnChain(self.0.iter().filter_map(|make| make(head)).collect())
    }
}

impl std::fmt::Debug for OwnFilters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OwnFilters({})", self.0.len())
    }
}

// === impl OwnChain ===

impl OwnChain {
    /// Whether nothing is done to the answer.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A piece through all of them.
    pub fn on_chunk(&mut self, chunk: Bytes) -> Bytes {
        self.0.iter_mut().fold(
            chunk,
            |chunk, filter| {
                if chunk.is_empty() { chunk } else { filter.on_chunk(chunk) }
            },
        )
    }

    /// The answer's end through all of them: what one still lets out passes those behind it.
    pub fn on_end(&mut self) -> Bytes {
        self.0.iter_mut().fold(Bytes::new(), |before, filter| {
            let passed = if before.is_empty() { before } else { filter.on_chunk(before) };
            let rest = filter.on_end();
            match (passed.is_empty(), rest.is_empty()) {
                (true, _) => rest,
                (false, true) => passed,
                (false, false) => [passed, rest].concat().into(),
            }
        })
    }

    /// Whether more or fewer bytes may leave than came.
    pub fn may_change_length(&self) -> bool {
        self.0.iter().any(|filter| filter.may_change_length())
    }
}

impl std::fmt::Debug for OwnChain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OwnChain({})", self.0.len())
    }
}
