//! What is known about providers by their name, so that the file need not say it.

use tollgate_providers::{AuthStyle, BaseUrl, Dialect};

/// A provider that needs no `base_url`.
pub(crate) struct Known {
    pub(crate) base_url: BaseUrl,
    pub(crate) dialect: Dialect,
    pub(crate) auth: AuthStyle,
    pub(crate) takes_stream_options: bool,
}

/// Looks the provider up.
pub(crate) fn known(name: &str) -> Option<Known> {
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
