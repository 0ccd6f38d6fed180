//! An error answer: read whole, classified, and changed where it must be.

use bytes::Bytes;
use http::StatusCode;
use tollgate_providers::error_body::{redact_5xx, translate};
use tollgate_providers::{Dialect, ErrorClass, UpstreamError};

use super::pipeline::Translation;

/// The longest error body that is read; of a longer one only the status counts.
const ERROR_BYTES_MAX: usize = 64 * 1024;

/// One error answer.
#[derive(Debug)]
pub(super) struct ErrorAnswer {
    status: StatusCode,
    upstream: Dialect,
    /// The caller's dialect where it is another, and the request's id.
    translated: Option<(Dialect, String)>,
    body: Vec<u8>,
    class: Option<ErrorClass>,
}

impl ErrorAnswer {
    pub(super) fn new(
        status: StatusCode,
        upstream: Dialect,
        translation: Option<&Translation>,
    ) -> Self {
        let translated = translation.map(|to| (to.caller, to.reply.request_id.clone()));
        Self { status, upstream, translated, body: Vec::new(), class: None }
    }

    /// What it is called, once it was read.
    pub(super) const fn class(&self) -> Option<ErrorClass> {
        self.class
    }

    pub(super) const fn is_translated(&self) -> bool {
        self.translated.is_some()
    }

    pub(super) fn may_change_length(&self) -> bool {
        self.is_translated() || self.status.is_server_error()
    }

    pub(super) fn on_chunk(&mut self, chunk: Bytes) -> Bytes {
        let room = ERROR_BYTES_MAX.saturating_sub(self.body.len());
        let fits = chunk.len() <= room;
        if self.may_change_length() {
            // Not sent on as it is; what is over the limit is not needed.
            self.body.extend_from_slice(chunk.get(..chunk.len().min(room)).unwrap_or_default());
            return Bytes::new();
        }
        if fits && self.class.is_none() {
            self.body.extend_from_slice(&chunk);
            return Bytes::new();
        }
        let status = self.status;
        self.class.get_or_insert_with(|| ErrorClass::of_status(status));
        let mut out = std::mem::take(&mut self.body);
        if out.is_empty() {
            return chunk;
        }
        out.extend_from_slice(&chunk);
        out.into()
    }

    pub(super) fn on_end(&mut self) -> Bytes {
        let body = std::mem::take(&mut self.body);
        let error = UpstreamError::read(self.status, None, &body);
        self.class.get_or_insert(error.class);
        if let Some((caller, request_id)) = &self.translated {
            return translate(self.upstream, *caller, &error, &body, request_id).into();
        }
        match redact_5xx(self.upstream, self.status, &body) {
            Some(redacted) => redacted.into(),
            None => body.into(),
        }
    }
}
