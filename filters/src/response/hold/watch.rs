//! Output guardrails that only flag: nothing is held, and the bytes are nobody's business here.

use std::sync::Arc;

use tollgate_providers::StreamEvent;

use super::{Bounds, Guarded, TEXTS_MAX};
use crate::guard::reading::{Channel, Key};
use crate::guard::{Findings, Rules};

/// Tells what it finds.
#[derive(Debug)]
pub(in crate::response) struct Watch {
    rules: Arc<Rules>,
    channels: Vec<Channel>,
    findings: Findings,
    bounds: Bounds,
}

// === impl Watch ===

impl Watch {
    pub(in crate::response) fn new(rules: Arc<Rules>) -> Self {
        Self {
            rules,
            channels: Vec::new(),
            findings: Findings::default(),
            bounds: Bounds::default(),
        }
    }

    /// Takes what the response says next.
    pub(in crate::response) fn on_event(&mut self, event: &StreamEvent<'_>) {
        let Self { rules, findings, .. } = self;
        let rules = Arc::clone(rules);
        let (key, text) = match *event {
            StreamEvent::Text { choice, text } => (Key::Text(choice), text.decode()),
            StreamEvent::Reasoning { choice, text } => (Key::Reasoning(choice), text.decode()),
            StreamEvent::Refusal { choice, text } => (Key::Refusal(choice), text.decode()),
            StreamEvent::ToolCallArguments { call, fragment } => {
                (Key::Arguments(call), fragment.decode())
            }
            StreamEvent::ToolCallInput { call, json } => {
                (Key::Arguments(call), String::from_utf8_lossy(json))
            }
            _ => return,
        };
        let mut found = std::mem::take(findings);
        if let Some(channel) = self.channel(key) {
            channel.watch(&text, &rules, &mut found);
        }
        self.findings = found;
    }

    /// The response is over.
    pub(in crate::response) fn into_guarded(mut self) -> Guarded {
        for channel in &mut self.channels {
            channel.end_watch(&self.rules, &mut self.findings);
        }
        Guarded { findings: self.findings, bounds: self.bounds, ..Guarded::default() }
    }

    /// Texts beyond the most that are told apart are not looked at.
    fn channel(&mut self, key: Key) -> Option<&mut Channel> {
        let at = self.channels.iter().rposition(|channel| channel.key == key);
        let at = match at {
            Some(at) => at,
            None if self.channels.len() < TEXTS_MAX => {
                self.channels.push(Channel::new(key, &self.rules));
                self.channels.len() - 1
            }
            None => {
                self.bounds.texts += 1;
                return None;
            }
        };
        self.channels.get_mut(at)
    }
}
