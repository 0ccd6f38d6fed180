//! What each provider's errors become for each caller: `fixtures/errors`, one file a provider.
//!
//! `BLESS=1` writes what the code says into the files; read the difference before you commit it.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::error_body::translate;
use crate::fixtures::events_of;
use crate::provider::Dialect;
use crate::upstream_error::UpstreamError;

const CALLERS: [Dialect; 3] = [Dialect::Chat, Dialect::Responses, Dialect::Messages];
const REQUEST_ID: &str = "r-1";

fn files() -> Vec<PathBuf> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/errors");
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

fn upstream(name: &Value) -> Dialect {
    let all =
        [Dialect::Chat, Dialect::Responses, Dialect::Messages, Dialect::Cohere, Dialect::Gemini];
    all.into_iter().find(|dialect| Some(dialect.name()) == name.as_str()).unwrap()
}

/// The case with what the code makes of it.
fn judged(case: &Map<String, Value>) -> Map<String, Value> {
    let upstream = upstream(&case["upstream"]);
    let status = StatusCode::from_u16(case["status"].as_u64().unwrap() as u16).unwrap();
    let body = match &case["body"] {
        Value::String(text) => text.clone().into_bytes(),
        value => value.to_string().into_bytes(),
    };
    let header = case.get("header").and_then(Value::as_str);
    let error = UpstreamError::read(status, header, &body);
    let mut judged = case.clone();
    judged.insert("class".into(), json!(error.class.code()));
    for caller in CALLERS {
        let out = translate(upstream, caller, &error, &body, REQUEST_ID);
        let out = if upstream == caller && out == body {
            json!("as it came")
        } else {
            serde_json::from_slice(&out).unwrap()
        };
        judged.insert(caller.name().into(), out);
    }
    judged
}

fn cases() -> impl Iterator<Item = (String, Map<String, Value>)> {
    files().into_iter().flat_map(|path| {
        let cases: Vec<Map<String, Value>> =
            serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        cases.into_iter().map(move |case| (format!("{name}: {}", case["what"]), case))
    })
}

#[test]
fn every_providers_errors_become_what_each_callers_sdk_raises_on() {
    for path in files() {
        let text = fs::read_to_string(&path).unwrap();
        let cases: Vec<Map<String, Value>> = serde_json::from_str(&text).unwrap();
        let judged: Vec<_> = cases.iter().map(judged).collect();
        if std::env::var_os("BLESS").is_some() {
            fs::write(&path, format!("{}\n", serde_json::to_string_pretty(&judged).unwrap()))
                .unwrap();
            continue;
        }
        for (case, judged) in cases.iter().zip(&judged) {
            assert_eq!(case, judged, "{}: {}", path.display(), case["what"]);
        }
    }
}

#[test]
fn what_is_translated_has_the_callers_envelope_and_types() {
    let openai = ["invalid_request_error", "authentication_error", "rate_limit_error"];
    let openai: BTreeSet<_> =
        openai.into_iter().chain(["insufficient_quota", "server_error"]).collect();
    let anthropic: BTreeSet<_> = [
        "invalid_request_error",
        "authentication_error",
        "permission_error",
        "not_found_error",
        "request_too_large",
        "rate_limit_error",
        "api_error",
        "overloaded_error",
        "billing_error",
        "timeout_error",
    ]
    .into();
    let mut seen = 0;
    for (what, case) in cases() {
        for caller in CALLERS {
            let body = &case[caller.name()];
            if caller == upstream(&case["upstream"]) || body.is_string() {
                continue;
            }
            seen += 1;
            let error = &body["error"];
            let kind = error["type"].as_str().unwrap();
            assert!(error["message"].as_str().is_some_and(|text| !text.is_empty()), "{what}");
            if caller == Dialect::Messages {
                assert!(anthropic.contains(kind), "{what}: {kind}");
                assert_eq!((&body["type"], &body["request_id"]), (&json!("error"), &json!("r-1")));
            } else {
                assert!(openai.contains(kind), "{what}: {kind}");
                let keys: BTreeSet<_> = error.as_object().unwrap().keys().cloned().collect();
                assert_eq!(keys, ["code", "message", "param", "type"].map(String::from).into());
            }
        }
    }
    assert!(seen > 100, "{seen}");
}

#[test]
fn a_translated_body_never_repeats_a_page_a_5xx_or_a_key() {
    for (what, case) in cases() {
        for caller in CALLERS.into_iter().filter(|caller| *caller != upstream(&case["upstream"])) {
            let text = case[caller.name()].to_string();
            for secret in ["<html", "<!DOCTYPE", "10.", "shard 7", "sk-proj", "xa***", "****abcd"] {
                assert!(!text.contains(secret), "{what}: {text}");
            }
        }
    }
}

#[test]
fn the_same_dialect_goes_as_it_came_below_500() {
    let mut seen = 0;
    for (what, case) in cases().filter(|(_, case)| case["status"].as_u64().unwrap() < 500) {
        let own = upstream(&case["upstream"]).name();
        if let Some(body) = case.get(own) {
            assert_eq!(body, "as it came", "{what}");
            seen += 1;
        }
    }
    assert!(seen > 50, "{seen}");
}

#[test]
fn a_translated_body_is_an_error_to_the_callers_own_reader() {
    for (what, case) in cases() {
        for caller in CALLERS.into_iter().filter(|caller| !case[caller.name()].is_string()) {
            let event = format!("data: {}\n\n", case[caller.name()]);
            let said = events_of(caller, [event.as_bytes()]);
            assert!(
                caller == Dialect::Responses || said[0].starts_with("error "),
                "{what}: {said:?}"
            );
        }
    }
}
