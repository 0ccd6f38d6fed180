//! Filters that only look, and which of them sees an event when a guard stands before them.

use tokio::time::Instant;
use tollgate_providers::{StreamEvent, Transcript};

use super::hold::Guard;
use super::{Meter, ToolCalls};

/// Filters that only look.
pub(super) struct Observers {
    pub(super) meter: Meter,
    pub(super) transcript: Transcript,
    pub(super) tool_calls: ToolCalls,
}

// === impl Observers ===

impl Observers {
    pub(super) fn new(started: Instant, content_bytes_max: usize) -> Self {
        Self {
            meter: Meter::new(started),
            transcript: Transcript::new(content_bytes_max),
            tool_calls: ToolCalls::default(),
        }
    }

    /// An event of the chunk at hand.
    pub(super) fn on_event(
        &mut self,
        event: &StreamEvent<'_>,
        at: Instant,
        guard: Option<&mut Guard>,
    ) {
        match guard {
            // When it arrived was seen then.
            Some(Guard::Hold(_)) => return self.transcript.on_event(event),
            Some(Guard::Watch(watch)) => watch.on_event(event),
            None => {}
        }
        // When things arrive.
        self.meter.on_event(event, at);
        // What they say: id, model, usage, reasons, calls, text.
        self.transcript.on_event(event);
        // When tool calls open and close.
        self.tool_calls.on_event(event, at);
    }

    /// An event that the guard sees first.
    pub(super) fn on_arrival(&mut self, event: &StreamEvent<'_>, at: Instant) {
        self.meter.on_event(event, at);
        self.tool_calls.on_event(event, at);
    }

    /// An event of a response that has ended. A call that is closed only because nothing more comes
    /// was over with its last piece, as far as anybody knows.
    pub(super) fn on_last_event(
        &mut self,
        event: &StreamEvent<'_>,
        at: Instant,
        guard: Option<&mut Guard>,
    ) {
        self.transcript.on_event(event);
        match guard {
            Some(Guard::Hold(_)) => return,
            Some(Guard::Watch(watch)) => watch.on_event(event),
            None => {}
        }
        self.on_last_arrival(event, at);
    }

    pub(super) fn on_last_arrival(&mut self, event: &StreamEvent<'_>, at: Instant) {
        self.meter.on_event(event, at);
        let over = self.transcript.is_done() || self.transcript.finish_reasons().next().is_some();
        if over || !matches!(event, StreamEvent::ToolCallEnd { .. }) {
            self.tool_calls.on_event(event, at);
        }
    }
}
