//! Any JSON as a request of any caller: it is refused, or said to every upstream as an object, and
//! what was left out has names that are fit for a header.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tollgate_providers::translate::{Target, translate_request};
use tollgate_providers::{Capabilities, Dialect};

const CALLERS: [Dialect; 3] = [Dialect::Chat, Dialect::Responses, Dialect::Messages];
const UPSTREAMS: [Dialect; 5] =
    [Dialect::Chat, Dialect::Messages, Dialect::Responses, Dialect::Cohere, Dialect::Gemini];

fuzz_target!(|data: &[u8]| {
    // Any name: some parameters depend on the generation that it tells of.
    let model =
        data.split(|byte| *byte == b'"').nth(3).and_then(|name| std::str::from_utf8(name).ok());
    for caller in CALLERS {
        for upstream in UPSTREAMS.into_iter().filter(|upstream| *upstream != caller) {
            let target = Target {
                model: model.unwrap_or("m"),
                capabilities: Capabilities::assumed(upstream),
                temperature: Some(0.5),
                max_tokens: Some(9),
            };
            match translate_request(caller, upstream, data, &target) {
                Ok(translated) => {
                    let body = serde_json::from_slice::<serde_json::Value>(&translated.body);
                    assert!(body.is_ok_and(|body| body.is_object()));
                    for name in translated.dropped {
                        assert!(http::HeaderValue::from_str(&name).is_ok() && !name.contains(','));
                    }
                }
                Err(refusal) => assert!(!refusal.field.is_empty() && !refusal.reason.is_empty()),
            }
        }
    }
});
