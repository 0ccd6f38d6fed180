//! A streamed answer.

use crate::provider::Dialect;
use crate::translate::blocks::Step;
use crate::translate::writer::{Reply, put_error};

/// Writes the events of one answer.
#[derive(Debug)]
pub(in crate::translate) struct EventWriter {
    reply: Reply,
}

impl EventWriter {
    pub(in crate::translate) const fn new(reply: Reply) -> Self {
        Self { reply }
    }

    pub(in crate::translate) fn write(&mut self, step: &Step<'_>, out: &mut Vec<u8>) {
        if let Step::Fail { kind, message } = step {
            put_error(out, Dialect::Messages, &self.reply.request_id, *kind, message);
        }
    }
}
