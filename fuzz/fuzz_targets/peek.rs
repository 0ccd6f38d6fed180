//! Any bytes as a request body: what is accepted is JSON, and stays JSON when it is rewritten.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use tollgate_providers::Peek;
use tollgate_providers::rewrite::{Rewrite, rewrite};

fuzz_target!(|data: &[u8]| {
    let body = Bytes::copy_from_slice(data);
    let Ok(peek) = Peek::of(&body) else { return };
    let change =
        Rewrite { model: Some("other \"model\""), include_usage: true, ..Rewrite::default() };
    let rewritten = rewrite(&body, &peek, change);
    let again = Peek::of(&rewritten).expect("a rewritten body is as valid as it was");
    assert_eq!(again.model, "other \"model\"");
    assert!(again.include_usage || !peek_has_stream(&body));
});

/// `false` also where a string holds half a surrogate pair: valid JSON, but no text.
fn peek_has_stream(body: &[u8]) -> bool {
    let Ok(value) = serde_json::from_slice::<serde_json::Value>(body) else { return false };
    value.get("stream").is_some() || value.get("stream_options").is_some()
}
