//! What a request body says of itself, owned: it outlives the look at the body.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, header};
use tollgate_providers::Endpoint;
use tollgate_providers::estimate::{Family, TextCount, request_text};
use tollgate_providers::multipart::{Form, FormError};
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
    /// `messages`, `input` or `prompt`, as written.
    pub messages: Option<Bytes>,
    /// `system` or `instructions`, as written.
    pub system: Option<Bytes>,
    /// The ids of the tool calls whose results it brings.
    pub tool_results: Vec<String>,
    /// `tools`, as written.
    pub tools: Option<Bytes>,
    /// The fields, where the body is a form.
    pub form: Option<Arc<Form>>,
}

// === impl Facts ===

impl Facts {
    /// Reads the body of a request to `endpoint`, as that endpoint takes it.
    ///
    /// # Errors
    /// [`Rejection::InvalidJson`], [`Rejection::InvalidForm`] or [`Rejection::InvalidField`].
    pub fn of(endpoint: &Endpoint, headers: &HeaderMap, body: &Bytes) -> Result<Self, Rejection> {
        match endpoint {
            endpoint if !endpoint.names_model() => Ok(Self::default()),
            Endpoint::AudioTranscriptions => Self::read_form(headers, body),
            // How to say it, not what the model is told before the conversation.
            Endpoint::AudioSpeech => Ok(Self { system: None, ..Self::read(body)? }),
            _ => Self::read(body),
        }
    }

    /// What the model reads, estimated: conversation, system prompt and tools, without pictures and
    /// files. `None` where there is no text.
    pub fn input_tokens(&self, family: Family) -> Option<u64> {
        let mut text = TextCount::default();
        for said in [&self.messages, &self.system].into_iter().flatten() {
            text.merge(&request_text(said));
        }
        if let Some(tools) = &self.tools {
            // Names and descriptions, and a schema whose members are read, too.
            text.add(&String::from_utf8_lossy(tools));
        }
        (!text.is_empty()).then(|| text.tokens(family))
    }

    fn read_form(headers: &HeaderMap, body: &[u8]) -> Result<Self, Rejection> {
        let mut types = headers.get_all(header::CONTENT_TYPE).iter();
        let one = types.next().filter(|_| types.next().is_none());
        let content_type = one.and_then(|value| value.to_str().ok()).unwrap_or_default();
        let form = Form::read(content_type, body).map_err(|error| form_rejection(&error))?;
        let temperature = form.text("temperature").and_then(|text| text.parse().ok());
        Ok(Self {
            model: form.model().into(),
            stream: form.stream(),
            params: Params {
                temperature: temperature.filter(|number: &f64| number.is_finite()),
                ..Params::default()
            },
            form: Some(Arc::new(form)),
            ..Self::default()
        })
    }

    /// Reads a JSON body.
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
            stream: peek.stream || peek.events_wanted,
            include_usage: peek.include_usage,
            user: peek.user.map(Cow::into_owned),
            params: peek.params,
            has_image: peek.has_image,
            tool_results: peek.tool_results.into_iter().map(Cow::into_owned).collect(),
            form: None,
        })
    }
}

fn rejection(error: &PeekError) -> Rejection {
    match error.field() {
        Some(field) => Rejection::InvalidField { field, reason: error.to_string() },
        None => Rejection::InvalidJson { reason: error.to_string() },
    }
}

fn form_rejection(error: &FormError) -> Rejection {
    match error.field() {
        Some(field) => Rejection::InvalidField { field, reason: error.to_string() },
        None => Rejection::InvalidForm { reason: error.to_string() },
    }
}
