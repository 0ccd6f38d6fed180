//! A provider as configured: where it is, what it speaks, how it is authenticated.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::secret::Secret;

mod path;
#[cfg(test)]
mod tests;

pub use path::chat_path;

/// How a credential travels to a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthStyle {
    /// `Authorization: Bearer <key>`.
    Bearer,
    /// The key alone in the named header, for example `x-api-key`.
    ApiKeyHeader(http::HeaderName),
    /// The key as a query parameter of this name, for example `key`.
    QueryParam(String),
    /// Nothing is sent: a local server.
    None,
}

/// The wire format of a chat API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// OpenAI chat completions.
    Chat,
    /// OpenAI Responses.
    Responses,
    /// Anthropic Messages.
    Messages,
    /// Cohere v2 chat; spoken by upstreams only.
    Cohere,
    /// Gemini `generateContent`; spoken by upstreams only.
    Gemini,
}

/// What a provider's API takes beyond the bare dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "independent facts, one column each")]
pub struct Capabilities {
    /// `stream_options.include_usage`.
    pub stream_options: bool,
    /// The Responses API beside chat completions.
    pub responses: bool,
    /// Tools.
    pub tools: bool,
    /// A JSON schema for the answer.
    pub json_schema: bool,
    /// `max_completion_tokens`, the newer name of `max_tokens`, which some models insist on.
    pub max_completion_tokens: bool,
    /// `reasoning_details` in a conversation: signed or encrypted reasoning on its way back.
    pub reasoning_details: bool,
}

/// A base URL, taken apart once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BaseUrl {
    /// Whether the scheme is `https`.
    pub tls: bool,
    /// Host name or address, without brackets.
    pub host: Arc<str>,
    /// Port; the scheme's own when the URL has none.
    pub port: u16,
    /// Path without a trailing slash, for example `/v1`; empty for none.
    pub path: Arc<str>,
}

/// One entry of `providers`, compiled.
#[derive(Debug)]
pub struct Provider {
    /// The configuration key: used by prefixes, the convention for credentials, and telemetry.
    pub name: Arc<str>,
    /// Where it listens.
    pub base_url: BaseUrl,
    /// How the credential is sent.
    pub auth: AuthStyle,
    /// The credential that targets without one of their own use; `None` in passthrough-only use.
    pub credential: Option<Secret>,
    /// The models it serves, in file order.
    pub models: Vec<Arc<str>>,
    /// The dialect its chat endpoint speaks.
    pub dialect: Dialect,
    /// What its API takes.
    pub capabilities: Capabilities,
    /// The certificate authority to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Time to the response head, from `providers.*.timeout_ms` or the default.
    pub timeout: Duration,
}

/// Why a base URL is refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BaseUrlError {
    /// The scheme is missing or not http(s).
    #[error("a base URL starts with http:// or https://")]
    Scheme,
    /// No host.
    #[error("the base URL names no host")]
    Host,
    /// A port that is no number from 1 to 65535.
    #[error("the base URL's port is not a number from 1 to 65535")]
    Port,
    /// A query, a fragment or user information.
    #[error("a base URL has no user, query or fragment")]
    Extra,
}

// === impl Dialect ===

impl Dialect {
    /// The name on the command line and in telemetry.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Responses => "responses",
            Self::Messages => "messages",
            Self::Cohere => "cohere",
            Self::Gemini => "gemini",
        }
    }

    /// Whether a stream says that it is over. Gemini's ends after the chunk with the finish reason.
    pub const fn has_end_mark(self) -> bool {
        !matches!(self, Self::Gemini)
    }
}

// === impl Capabilities ===

impl Capabilities {
    /// What is assumed of a provider that nothing is known about.
    pub const fn assumed(dialect: Dialect) -> Self {
        let chat = matches!(dialect, Dialect::Chat);
        Self {
            stream_options: chat,
            responses: false,
            tools: true,
            json_schema: true,
            max_completion_tokens: false,
            reasoning_details: false,
        }
    }
}

// === impl Provider ===

impl Provider {
    /// The dialect in which a caller's request goes to it: the caller's own where it speaks it.
    pub const fn dialect_for(&self, caller: Dialect) -> Dialect {
        match (caller, self.dialect) {
            (Dialect::Responses, Dialect::Chat) if self.capabilities.responses => caller,
            (_, own) => own,
        }
    }
}

// === impl BaseUrl ===

impl std::str::FromStr for BaseUrl {
    type Err = BaseUrlError;

    fn from_str(text: &str) -> Result<Self, BaseUrlError> {
        let (tls, rest) = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (true, rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (false, rest),
            _ => return Err(BaseUrlError::Scheme),
        };
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        if authority.contains(['@', '?', '#']) || path.contains(['?', '#']) {
            return Err(BaseUrlError::Extra);
        }
        let (host, port) = split_authority(authority)?;
        if host.is_empty() || host.contains(char::is_whitespace) {
            return Err(BaseUrlError::Host);
        }
        let port = match port {
            None => u16::from(tls) * (443 - 80) + 80,
            Some(digits) => match digits.parse() {
                Ok(port) if port != 0 => port,
                _ => return Err(BaseUrlError::Port),
            },
        };
        let path = path.trim_end_matches('/').into();
        Ok(Self { tls, host: host.to_ascii_lowercase().into(), port, path })
    }
}

fn split_authority(authority: &str) -> Result<(&str, Option<&str>), BaseUrlError> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, after) = rest.split_once(']').ok_or(BaseUrlError::Host)?;
        return match after.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if after.is_empty() => Ok((host, None)),
            None => Err(BaseUrlError::Host),
        };
    }
    Ok(authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))))
}
