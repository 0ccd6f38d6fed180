//! A request that was looked for in vain, until its own answer is admitted or not.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use tokio::time::Instant;

use super::{Answer, Key, Landing, Recording, ResponseCache, Ticket, Told, now_ns};

/// The place that an answer may take. Dropped, it is refused, and whoever waits goes on alone.
#[derive(Debug)]
pub struct Admission {
    cache: Arc<ResponseCache>,
    key: Key,
    ticket: Option<Ticket>,
    /// `None` once it was given up.
    recording: Option<Recording>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

// === impl Admission ===

impl Admission {
    pub(super) fn new(cache: Arc<ResponseCache>, key: Key, ticket: Option<Ticket>) -> Self {
        let allowance = cache.recording.clone();
        let recording = Recording::new(allowance, cache.settings.entry_bytes_max);
        Self { cache, key, ticket, recording: Some(recording), headers: Vec::new() }
    }

    /// The headers that go with the body.
    pub fn head(&mut self, headers: Vec<(HeaderName, HeaderValue)>) {
        self.headers = headers;
    }

    /// A piece of the body that leaves for the caller at `at`.
    pub fn record(&mut self, piece: &Bytes, at: Instant) {
        let Some(recording) = &mut self.recording else { return };
        if !recording.push(piece, at) {
            self.cache.counts.too_large.add();
            self.recording = None;
            // Nobody needs to wait for it any longer.
            self.ticket = None;
        }
    }

    /// The answer is whole and good: whoever asks the same gets it from now on.
    pub fn admit(mut self, stream: bool, told: Told) {
        let Some(recording) = self.recording.take() else { return };
        let Some((body, pieces)) = recording.finish() else { return };
        let headers = std::mem::take(&mut self.headers);
        let answer = Answer { stream, headers, body, pieces, told, stored_ns: now_ns() };
        let answer = Arc::new(answer);
        self.cache.entries.put(self.key, Arc::clone(&answer));
        self.cache.counts.admitted.add();
        if let Some(ticket) = self.ticket.take() {
            ticket.land(Landing::Landed(answer));
        }
    }

    /// The answer is not for others.
    pub fn refuse(self) {
        if self.recording.is_some() {
            self.cache.counts.refused.add();
        }
    }

    /// The caller left before it was known what the answer is.
    pub fn abandon(mut self) {
        if let Some(ticket) = self.ticket.take() {
            ticket.land(Landing::Abandoned);
        }
        self.refuse();
    }
}
