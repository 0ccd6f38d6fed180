//! What is known about providers by their name, so that the file need not say it.
//!
//! A provider that is not here speaks chat completions and takes a bearer key; only its
//! `base_url` has to be written down.

mod deviation;
mod rows;

use http::HeaderName;

use crate::provider::{AuthStyle, BaseUrl, Capabilities, Dialect};

#[cfg(test)]
mod tests;

pub use deviation::Deviation;
pub use rows::ROWS;

/// A provider of the documented list.
#[derive(Debug)]
pub struct Row {
    /// The name it has in the file.
    pub name: &'static str,
    /// What its chat endpoint speaks.
    pub dialect: Dialect,
    /// The name it has in the OpenTelemetry semantic conventions.
    pub semconv_name: &'static str,
    /// What its API takes.
    pub capabilities: Capabilities,
    /// How its streams differ from OpenAI's; empty for a plain one.
    pub deviations: &'static [Deviation],
    /// `None` where every customer has one of their own.
    base_url: Option<&'static str>,
    key: Key,
}

/// How a key is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Bearer,
    Header(&'static str),
    Query(&'static str),
    None,
}

/// What most copies of OpenAI's API take.
const COMPATIBLE: Capabilities =
    Capabilities { stream_options: true, ..Capabilities::assumed(Dialect::Chat) };

const fn compatible(name: &'static str, base_url: &'static str, semconv_name: &'static str) -> Row {
    Row {
        name,
        base_url: Some(base_url),
        dialect: Dialect::Chat,
        semconv_name,
        capabilities: COMPATIBLE,
        deviations: &[],
        key: Key::Bearer,
    }
}

/// Finds a documented provider by its name in the file.
pub fn find(name: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.name == name)
}

/// The environment variable that holds a provider's key by convention: `AZURE_OPENAI_API_KEY` for
/// `azure-openai`.
pub fn key_variable(name: &str) -> String {
    let stem =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' });
    stem.chain("_API_KEY".chars()).collect()
}

// === impl Row ===

impl Row {
    /// Its API's base URL; `None` where it has to be written down.
    pub fn base_url(&self) -> Option<BaseUrl> {
        self.base_url?.parse().ok()
    }

    /// How its key is sent.
    pub fn auth(&self) -> AuthStyle {
        match self.key {
            Key::Bearer => AuthStyle::Bearer,
            Key::Header(name) => AuthStyle::ApiKeyHeader(HeaderName::from_static(name)),
            Key::Query(name) => AuthStyle::QueryParam(name.to_owned()),
            Key::None => AuthStyle::None,
        }
    }

    /// Whether its requests carry an `anthropic-version` header.
    pub const fn needs_anthropic_version(&self) -> bool {
        matches!(self.dialect, Dialect::Messages)
    }
}
