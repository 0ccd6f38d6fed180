//! Where a chat request goes at a provider.

use super::Dialect;

/// The path, and the query where the dialect needs one, behind the provider's base URL.
///
/// Gemini has the model's name in the path; it is encoded (RFC 3986, 2.1), so that no name can lead
/// anywhere else.
pub fn chat_path(dialect: Dialect, model: &str, stream: bool) -> String {
    match dialect {
        Dialect::Chat => "/chat/completions".to_owned(),
        Dialect::Responses => "/responses".to_owned(),
        Dialect::Messages => "/messages".to_owned(),
        Dialect::Cohere => "/chat".to_owned(),
        Dialect::Gemini => {
            let model: String = model.bytes().map(encoded).collect();
            let method = if stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
            format!("/models/{model}:{method}")
        }
    }
}

fn encoded(byte: u8) -> String {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    }
}
