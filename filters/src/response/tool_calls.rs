//! When each tool call of a stream opened and closed.

use tokio::time::Instant;
use tollgate_providers::StreamEvent;

/// The calls at most remembered; a response with more keeps the times of the first ones.
const CALLS_MAX: usize = 512;

/// One call's times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToolCallTimes {
    /// When its first piece arrived.
    pub opened: Instant,
    /// When it was known to be complete; its last piece until then.
    pub closed: Instant,
}

/// Times of all calls, by their number in the response.
#[derive(Debug, Default)]
pub struct ToolCalls {
    times: Vec<ToolCallTimes>,
}

// === impl ToolCalls ===

impl ToolCalls {
    /// An event that arrived at `at`.
    pub fn on_event(&mut self, event: &StreamEvent<'_>, at: Instant) {
        match event {
            // A call that is named late opens once.
            StreamEvent::ToolCallStart { call, .. }
                if *call as usize == self.times.len() && self.times.len() < CALLS_MAX =>
            {
                self.times.push(ToolCallTimes { opened: at, closed: at });
            }
            StreamEvent::ToolCallArguments { call, .. }
            | StreamEvent::ToolCallInput { call, .. }
            | StreamEvent::ToolCallEnd { call } => {
                if let Some(times) = self.times.get_mut(*call as usize) {
                    times.closed = at;
                }
            }
            _ => {}
        }
    }

    /// What was measured, by call number.
    pub fn into_times(self) -> Vec<ToolCallTimes> {
        self.times
    }
}
