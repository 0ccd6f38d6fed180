//! What is known about providers by their name, so that the file need not say it.

use crate::provider::{AuthStyle, BaseUrl, Dialect};

/// A provider that needs no `base_url`.
#[derive(Clone, Debug)]
pub struct Known {
    /// Its API's base URL.
    pub base_url: BaseUrl,
    /// What its chat endpoint speaks.
    pub dialect: Dialect,
    /// How its key is sent.
    pub auth: AuthStyle,
    /// Whether it takes `stream_options.include_usage`.
    pub takes_stream_options: bool,
}

/// Looks the provider up.
pub fn known(name: &str) -> Option<Known> {
    let (url, dialect, auth) = match name {
        "openai" => ("https://api.openai.com/v1", Dialect::Chat, AuthStyle::Bearer),
        "anthropic" => {
            let header = http::HeaderName::from_static("x-api-key");
            ("https://api.anthropic.com/v1", Dialect::Messages, AuthStyle::ApiKeyHeader(header))
        }
        _ => return None,
    };
    let takes_stream_options = dialect == Dialect::Chat;
    Some(Known { base_url: url.parse().ok()?, dialect, auth, takes_stream_options })
}
