//! Whether each call's arguments are an object, judged while they go by: nothing of them is kept.

use super::CALLS_MAX;
use crate::calls;
use crate::event::StreamEvent;
use crate::json::{Judgement, ObjectCheck};

/// The arguments of all calls of one response.
#[derive(Clone, Debug, Default)]
pub(super) struct ArgumentChecks {
    calls: Vec<Arguments>,
    /// The event at hand may be cut.
    condensed: bool,
}

/// What is known of a call's arguments.
#[derive(Clone, Debug, Default)]
struct Arguments {
    check: ObjectCheck,
    /// How many events there were when the call was said to be complete.
    ended: Option<u64>,
    /// They were not seen whole, or are no JSON by design.
    unjudged: bool,
}

// === impl ArgumentChecks ===

impl ArgumentChecks {
    /// Takes the next event, of which there were `events` before.
    pub(super) fn on_event(&mut self, event: &StreamEvent<'_>, events: u64) {
        match event {
            StreamEvent::ToolCallStart { call, .. } => {
                let calls = (*call as usize).saturating_add(1).min(CALLS_MAX);
                if self.calls.len() < calls {
                    self.calls.resize_with(calls, Arguments::default);
                }
            }
            StreamEvent::ToolCallFreeform { call } => {
                if let Some(arguments) = self.calls.get_mut(*call as usize) {
                    arguments.unjudged = true;
                }
            }
            StreamEvent::ToolCallArguments { call, fragment } => {
                self.on_piece(*call, |check| check.push_escaped(fragment.raw()));
            }
            StreamEvent::ToolCallInput { call, json } => {
                self.on_piece(*call, |check| check.push(json));
            }
            StreamEvent::ToolCallEnd { call } => {
                if let Some(arguments) = self.calls.get_mut(*call as usize) {
                    arguments.ended = Some(events);
                }
            }
            StreamEvent::Condensed => self.condensed = true,
            StreamEvent::Boundary { .. } => self.condensed = false,
            _ => {}
        }
    }

    /// See [`super::Transcript::arguments_valid`]; `over` if the response came to its end, `events`
    /// of which it has had.
    pub(super) fn valid(&self, call: usize, over: bool, events: u64) -> Option<bool> {
        let arguments = self.calls.get(call)?;
        // What is closed because nothing more comes may have been cut. A plain body comes at once.
        let ended = arguments.ended.is_some_and(|at| over || events == 0 || at < events);
        // The last that is told apart may be several.
        if !ended || arguments.unjudged || call + 1 >= calls::CALLS_MAX {
            return None;
        }
        match arguments.check.judge() {
            Judgement::Object => Some(true),
            Judgement::NoObject => Some(false),
            Judgement::TooDeep => None,
        }
    }

    fn on_piece(&mut self, call: u32, push: impl FnOnce(&mut ObjectCheck)) {
        let Some(arguments) = self.calls.get_mut(call as usize) else { return };
        arguments.unjudged |= self.condensed;
        // It goes on after what looked like its end.
        arguments.ended = None;
        push(&mut arguments.check);
    }
}
