//! An error answer: read whole, classified, and changed where it must be.

use bytes::Bytes;
use http::StatusCode;
use tollgate_providers::error_body::{redact_5xx, translate};
use tollgate_providers::{Dialect, ErrorClass, Secret, UpstreamError};

use super::mask::Mask;
use super::settings::Translation;

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
    /// The error's name, where a header has it.
    header: Option<String>,
    class: Option<ErrorClass>,
    /// Takes our own key out, where the target has one.
    mask: Option<Mask>,
}

impl ErrorAnswer {
    pub(super) fn new(
        status: StatusCode,
        upstream: Dialect,
        translation: Option<&Translation>,
        secret: Option<Secret>,
    ) -> Self {
        let translated = translation.map(|to| (to.caller, to.reply.request_id.clone()));
        let mask = secret.map(Mask::new);
        Self { status, upstream, translated, body: Vec::new(), header: None, class: None, mask }
    }

    /// What it is called, once it was read.
    pub(super) const fn class(&self) -> Option<ErrorClass> {
        self.class
    }

    /// The header that names the error.
    pub(super) fn name(&mut self, name: &str) {
        self.header = Some(name.to_owned());
    }

    /// Whether the body that leaves is one of ours, in JSON.
    pub(super) fn is_rewritten(&self) -> bool {
        self.translated.is_some() || self.status.is_server_error()
    }

    pub(super) fn on_chunk(&mut self, chunk: Bytes) -> Bytes {
        let room = ERROR_BYTES_MAX.saturating_sub(self.body.len());
        let fits = chunk.len() <= room;
        if self.is_rewritten() {
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
        let long = if out.is_empty() {
            chunk
        } else {
            out.extend_from_slice(&chunk);
            out.into()
        };
        match &mut self.mask {
            Some(mask) => mask.on_chunk(&long),
            None => long,
        }
    }

    pub(super) fn on_end(&mut self) -> Bytes {
        let mut body = std::mem::take(&mut self.body);
        if let Some(mask) = &mut self.mask {
            if body.is_empty() {
                // The end of a long body; the rest of it has left.
                body.extend_from_slice(&mask.on_end());
            }
            mask.whole(&mut body);
        }
        let error = UpstreamError::read(self.status, self.header.as_deref(), &body);
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
