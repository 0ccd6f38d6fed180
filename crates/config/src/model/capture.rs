//! `genai_telemetry.redact`, `genai_telemetry.header_attributes`.

use crate::fields::{Entry, Fields, Located};

/// What is kept of calls, and in which shape.
#[derive(Debug, Default)]
pub(crate) struct CaptureEntry {
    pub(crate) redact: Option<Located<Vec<Located<String>>>>,
    /// From header to attribute.
    pub(crate) header_attributes: Vec<Entry<Located<String>>>,
}

pub(super) fn capture(fields: &mut Fields<'_, '_>) -> CaptureEntry {
    CaptureEntry {
        redact: fields.texts("redact"),
        header_attributes: fields.named_texts("header_attributes"),
    }
}

/// `capture_content` of a target, route or function.
pub(super) fn switch(fields: &mut Fields<'_, '_>) -> Option<bool> {
    fields.flag("capture_content").map(|flag| flag.value)
}
