//! What a request body says of itself, owned: it outlives the look at the body.

use std::sync::Arc;

use bytes::Bytes;
use tollgate_providers::peek::{Params, Peek, PeekError};

use super::Rejection;

/// The facts of one request body. Raw JSON values are slices of the body, not copies.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The model as the caller named it.
    pub model: Arc<str>,
    /// Whether the answer is to be streamed.
    pub stream: bool,
    /// Whether the caller asked for usage in the stream.
    pub include_usage: bool,
    /// The `user` of the body.
    pub user: Option<String>,
    /// Sampling parameters.
    pub params: Params,
    /// Whether an image is among the content.
    pub has_image: bool,
    /// `messages` or `input`, as written.
    pub messages: Option<Bytes>,
    /// `system` or `instructions`, as written.
    pub system: Option<Bytes>,
    /// `tools`, as written.
    pub tools: Option<Bytes>,
}

// === impl Facts ===

impl Facts {
    /// Reads a body.
    ///
    /// # Errors
    /// [`Rejection::InvalidJson`] or [`Rejection::InvalidField`].
    pub fn read(body: &Bytes) -> Result<Self, Rejection> {
        let peek = Peek::of(body).map_err(|error| rejection(&error))?;
        let slice = |part: Option<&str>| part.map(|part| body.slice_ref(part.as_bytes()));
        Ok(Self {
            messages: slice(peek.messages),
            system: slice(peek.system),
            tools: slice(peek.tools),
            model: peek.model.into(),
            stream: peek.stream,
            include_usage: peek.include_usage,
            user: peek.user.map(std::borrow::Cow::into_owned),
            params: peek.params,
            has_image: peek.has_image,
        })
    }
}

fn rejection(error: &PeekError) -> Rejection {
    match error.field() {
        Some(field) => Rejection::InvalidField { field, reason: error.to_string() },
        None => Rejection::InvalidJson { reason: error.to_string() },
    }
}
