//! Why a request is refused: one enum, one status, one code each.

use std::time::Duration;

use http::StatusCode;

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
    /// An answer was wanted from the cache alone, which has none.
    #[error(
        "the cache has no answer to this request, and nothing else was to be asked (x-to11-cache: only)"
    )]
    NotCached,
    /// A layer that the operator added refuses the request.
    #[error("{reason}")]
    Layer {
        /// The status of the answer.
        status: StatusCode,
        /// The value of `x-to11-error-code`.
        code: &'static str,
        /// Why.
        reason: String,
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
            | Self::Unsuited { .. } => StatusCode::BAD_REQUEST,
            Self::UnknownModel { .. }
            | Self::UnknownProvider { .. }
            | Self::UnknownPath { .. }
            | Self::NotServed { .. } => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::EncodedBody => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Overloaded { .. } | Self::ShuttingDown => StatusCode::SERVICE_UNAVAILABLE,
            Self::NotCached => StatusCode::GATEWAY_TIMEOUT,
            Self::Layer { status, .. } => *status,
        }
    }

    /// The value of `x-to11-error-code`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnknownModel { .. } => "UnknownModel",
            Self::UnknownProvider { .. } => "UnknownProvider",
            Self::Overloaded { .. } | Self::ShuttingDown => "overloaded",
            Self::NotCached => "not_cached",
            Self::Layer { code, .. } => code,
            _ => "bad_request",
        }
    }

    /// The field at fault, for the `param` of OpenAI's shape.
    pub fn param(&self) -> Option<&str> {
        match self {
            Self::InvalidField { field, .. } => Some(field),
            Self::Unsuited { field, .. } => Some(field),
            Self::UnknownModel { .. } => Some("model"),
            _ => None,
        }
    }

    /// When to try again, where trying again can help.
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Overloaded { .. } | Self::ShuttingDown => Some(Duration::from_secs(1)),
            _ => None,
        }
    }
}
