//! Any bytes as a plain answer or an error: never a panic.
#![no_main]

use http::StatusCode;
use libfuzzer_sys::fuzz_target;
use tollgate_providers::body::read_body;
use tollgate_providers::error_body::{redact_5xx, translate};
use tollgate_providers::{Dialect, UpstreamError};

const DIALECTS: [Dialect; 5] =
    [Dialect::Chat, Dialect::Messages, Dialect::Responses, Dialect::Cohere, Dialect::Gemini];

fuzz_target!(|data: &[u8]| {
    for dialect in DIALECTS {
        let _broken = read_body(dialect, data, &mut |event| drop(format!("{event:?}")));
        let error = UpstreamError::read(StatusCode::BAD_REQUEST, None, data);
        let _translated = translate(Dialect::Gemini, dialect, &error, data, "r");
        let _redacted = redact_5xx(dialect, StatusCode::BAD_GATEWAY, data);
    }
});
