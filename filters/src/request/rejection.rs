//! Why a request is refused: one enum, one status, one code each.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tollgate_limits::Exceeded;

use crate::guard::Refusal;

/// A refusal by tollgate itself. The only way to make one into bytes is `respond` in the server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The body is no JSON, or not an object.
    #[error("the request body is not valid JSON: {reason}")]
    InvalidJson {
        /// What is wrong and at which byte.
        reason: String,
    },
    /// The body is no form, or one that could be read in two ways.
    #[error("the request body is not a valid form: {reason}")]
    InvalidForm {
        /// What is wrong and at which byte.
        reason: String,
    },
    /// A field is missing, doubled or of the wrong type.
    #[error("{reason}")]
    InvalidField {
        /// The field, as the caller wrote it.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// No route, function or provider is called like the requested model.
    #[error("the model `{model}` does not exist or is not configured")]
    UnknownModel {
        /// The name asked for, shortened.
        model: String,
    },
    /// No endpoint has this path.
    #[error("there is no endpoint {path}")]
    UnknownPath {
        /// The path asked for, shortened.
        path: String,
    },
    /// The endpoint exists for another method.
    #[error("this endpoint takes {allow} only")]
    MethodNotAllowed {
        /// The value of `Allow`.
        allow: &'static str,
    },
    /// The body is longer than the limit.
    #[error("the request body is larger than {body_bytes_max} bytes")]
    BodyTooLarge {
        /// The limit, in bytes.
        body_bytes_max: usize,
    },
    /// The body is compressed; nothing here inflates it.
    #[error("a request body must not be compressed (content-encoding)")]
    EncodedBody,
    /// Length and framing of the request contradict each other.
    #[error("a request has either Content-Length or Transfer-Encoding, not both")]
    Framing,
    /// The provider asked for by header is not configured.
    #[error("no provider is called `{provider}` (x-genai-provider)")]
    UnknownProvider {
        /// The name asked for, shortened.
        provider: String,
    },
    /// No provider of the configuration has this endpoint.
    #[error("no configured provider serves {route}")]
    NotServed {
        /// The endpoint.
        route: &'static str,
    },
    /// The provider asked for by header does not have this endpoint.
    #[error("the provider `{provider}` does not serve {route}")]
    NotServedBy {
        /// The provider's name.
        provider: String,
        /// The endpoint.
        route: &'static str,
    },
    /// As many requests as allowed are running.
    #[error(
        "the gateway is at its limit of {in_flight_max} concurrent requests; try again shortly"
    )]
    Overloaded {
        /// The limit.
        in_flight_max: usize,
    },
    /// No target of the model can express the request.
    #[error("`{field}`: {reason}")]
    Unsuited {
        /// The part of the body at fault.
        field: String,
        /// Why.
        reason: String,
    },
    /// A guardrail keeps the request, or its answer, back.
    #[error("{0}")]
    Guardrail(Refusal),
    /// No key of ours was shown, and one is needed.
    #[error(
        "a key of this gateway is needed: send it as your SDK's API key, or as `x-to11-authorization: Bearer tg_...`"
    )]
    KeyMissing,
    /// The key is unknown, mistyped, expired or revoked: which of them is nobody's business.
    #[error("the key is not valid")]
    KeyNotValid,
    /// The key is good for other things.
    #[error("the key lacks the scope gateway:call")]
    KeyNotForCalls,
    /// The key is for another project.
    #[error("the key has no right to this project (x-to11-project-id)")]
    OtherProject,
    /// Keys cannot be read now.
    #[error("keys cannot be checked now; try again shortly")]
    KeysUnavailable,
    /// The key is not for this model.
    #[error("this key may not use the model `{model}`")]
    ModelNotAllowed {
        /// The name asked for, shortened.
        model: String,
    },
    /// The provider wants the caller's own key, and all that was sent is ours.
    #[error(
        "`{provider}` is called with your own key, and a key of this gateway never leaves it: send the provider's key as your SDK does, and ours as `x-to11-authorization: Bearer tg_...`"
    )]
    NoProviderKey {
        /// The provider's name.
        provider: Arc<str>,
    },
    /// A limit or a budget has no room for the request.
    #[error("{0}")]
    Exceeded(Box<Exceeded>),
    /// Limits are shared, and whoever keeps them gives no answer.
    #[error("limits cannot be checked now; try again shortly")]
    LimitsUnavailable,
    /// There is a budget, and nobody knows what the model costs.
    #[error("the model `{model}` has no price, and there is a budget to keep")]
    Unpriced {
        /// The name asked for, shortened.
        model: String,
    },
    /// The gateway is shutting down.
    #[error("the gateway is shutting down; try again on another instance")]
    ShuttingDown,
}

// === impl Rejection ===

impl Rejection {
    /// The status of the answer.
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::InvalidJson { .. }
            | Self::InvalidForm { .. }
            | Self::NotServedBy { .. }
            | Self::InvalidField { .. }
            | Self::Framing
            | Self::Guardrail(_)
            | Self::Unsuited { .. } => StatusCode::BAD_REQUEST,
            Self::UnknownModel { .. }
            | Self::UnknownProvider { .. }
            | Self::UnknownPath { .. }
            | Self::NotServed { .. } => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::EncodedBody => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::KeyMissing | Self::KeyNotValid | Self::NoProviderKey { .. } => {
                StatusCode::UNAUTHORIZED
            }
            Self::KeyNotForCalls
            | Self::OtherProject
            | Self::ModelNotAllowed { .. }
            | Self::Unpriced { .. } => StatusCode::FORBIDDEN,
            Self::Exceeded(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Overloaded { .. }
            | Self::KeysUnavailable
            | Self::LimitsUnavailable
            | Self::ShuttingDown => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The value of `x-to11-error-code`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnknownModel { .. } => "UnknownModel",
            Self::UnknownProvider { .. } => "UnknownProvider",
            Self::Overloaded { .. }
            | Self::KeysUnavailable
            | Self::LimitsUnavailable
            | Self::ShuttingDown => "overloaded",
            Self::Guardrail(_) => "content_policy",
            Self::KeyMissing | Self::KeyNotValid | Self::NoProviderKey { .. } => "auth",
            Self::KeyNotForCalls
            | Self::OtherProject
            | Self::ModelNotAllowed { .. }
            | Self::Unpriced { .. } => "forbidden",
            // Of money there is no more before the day or the month is over.
            Self::Exceeded(exceeded) if exceeded.kind.is_budget() => "quota",
            Self::Exceeded(_) => "rate_limit",
            _ => "bad_request",
        }
    }

    /// What the caller is told. Anybody else gets the text of `Display`.
    pub fn for_caller(&self) -> String {
        match self {
            Self::Guardrail(refusal) => refusal.for_caller(),
            other => other.to_string(),
        }
    }

    /// The field at fault, for the `param` of OpenAI's shape.
    pub fn param(&self) -> Option<&str> {
        match self {
            Self::InvalidField { field, .. } => Some(field),
            Self::Unsuited { field, .. } => Some(field),
            Self::UnknownModel { .. } | Self::ModelNotAllowed { .. } | Self::Unpriced { .. } => {
                Some("model")
            }
            _ => None,
        }
    }

    /// When to try again, where trying again can help.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Overloaded { .. }
            | Self::KeysUnavailable
            | Self::LimitsUnavailable
            | Self::ShuttingDown => Some(Duration::from_secs(1)),
            Self::Exceeded(exceeded) => exceeded.retry_after_s().map(Duration::from_secs),
            _ => None,
        }
    }
}
