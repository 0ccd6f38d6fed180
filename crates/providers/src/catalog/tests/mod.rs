//! What the catalogue says of each provider.

use std::collections::HashSet;

mod deviations;

use super::{ROWS, find, key_variable};
use crate::provider::{AuthStyle, Dialect};

#[test]
fn every_base_url_can_be_parsed_and_every_name_stands_once() {
    let names: HashSet<_> = ROWS.iter().map(|row| row.name).collect();
    assert_eq!(names.len(), ROWS.len());
    for row in &ROWS {
        assert_eq!(row.base_url().is_some(), row.base_url.is_some(), "{}", row.name);
        assert!(!row.semconv_name.is_empty());
        let _reachable_without_a_panic = row.auth();
    }
}

#[test]
fn a_few_have_a_dialect_of_their_own_and_anthropic_a_header() {
    for row in &ROWS {
        let dialect = match row.name {
            "anthropic" => Dialect::Messages,
            "cohere" => Dialect::Cohere,
            "gemini" | "google-gemini" => Dialect::Gemini,
            _ => Dialect::Chat,
        };
        assert_eq!(row.dialect, dialect, "{}", row.name);
        assert_eq!(row.needs_anthropic_version(), row.name == "anthropic", "{}", row.name);
    }
    let anthropic = find("anthropic").unwrap();
    assert_eq!(anthropic.auth(), AuthStyle::ApiKeyHeader("x-api-key".parse().unwrap()));
    assert_eq!(&*anthropic.base_url().unwrap().host, "api.anthropic.com");
    assert!(!anthropic.capabilities.stream_options);
}

#[test]
fn keys_go_where_each_provider_looks_for_them() {
    let auth = |name: &str| find(name).unwrap().auth();
    assert_eq!(auth("openai"), AuthStyle::Bearer);
    assert_eq!(auth("azure-openai"), AuthStyle::ApiKeyHeader("api-key".parse().unwrap()));
    assert_eq!(auth("google-gemini"), AuthStyle::QueryParam("key".into()));
    assert_eq!(auth("ollama"), AuthStyle::None);
}

#[test]
fn a_provider_whose_customers_have_their_own_host_is_found_but_needs_its_base_url() {
    let own_host: Vec<_> =
        ROWS.iter().filter(|row| row.base_url().is_none()).map(|row| row.name).collect();
    assert_eq!(own_host, ["azure-openai", "gcp-vertex-ai", "vertex", "aws-bedrock", "bedrock"]);
    let azure = find("azure-openai").unwrap();
    assert_eq!(azure.semconv_name, "azure.ai.openai");
    assert!(azure.capabilities.responses && azure.capabilities.max_completion_tokens);
    assert!(find("acme").is_none());
}

#[test]
fn what_a_provider_rejects_is_not_in_its_capabilities() {
    let those = |has: fn(&crate::Capabilities) -> bool| -> Vec<_> {
        ROWS.iter().filter(|row| has(&row.capabilities)).map(|row| row.name).collect()
    };
    let silent = ["anthropic", "cohere", "mistral", "perplexity", "ai21"];
    assert_eq!(those(|c| !c.stream_options), [&silent[..], &["google-gemini", "gemini"]].concat());
    assert_eq!(those(|c| !c.tools), ["perplexity"]);
    assert_eq!(those(|c| !c.json_schema), ["deepseek", "ai21", "moonshot"]);
    let responses = ["openai", "xai", "groq", "fireworks", "openrouter", "azure-openai"];
    assert_eq!(those(|c| c.responses), [&responses[..], &["ollama", "vllm"]].concat());
}

#[test]
fn xai_has_two_spellings() {
    let row = find("xai").unwrap();
    assert_eq!((row.name, row.semconv_name), ("xai", "x_ai"));
}

#[test]
fn the_key_variable_follows_from_the_name() {
    assert_eq!(key_variable("openai"), "OPENAI_API_KEY");
    assert_eq!(key_variable("azure-openai"), "AZURE_OPENAI_API_KEY");
    assert_eq!(key_variable("ai21"), "AI21_API_KEY");
}

/// The walk-through shows code: what it shows must be there.
#[test]
fn the_documented_steps_hold() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let page = std::fs::read_to_string(format!("{root}/docs/add-a-provider.md")).unwrap();
    // The row of the page, built as the page builds it.
    let row = super::Row {
        capabilities: crate::Capabilities { stream_options: false, ..super::COMPATIBLE },
        deviations: &[super::Deviation::UsageInFinishChunk],
        ..super::compatible("acme", "https://api.acme.example/v1", "acme")
    };
    assert_eq!(&*row.base_url().unwrap().host, "api.acme.example");
    assert_eq!((row.auth(), row.dialect), (AuthStyle::Bearer, Dialect::Chat));
    assert!(page.contains(&key_variable(row.name)));
    let source = include_str!("mod.rs").replace("super::", "").replace("crate::", "");
    let shown = page.split("```rust\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    for line in shown.lines().map(str::trim).filter(|line| line.ends_with(',') && *line != "},") {
        let line = line.replace("&[", "&[Deviation::");
        assert!(source.contains(line.trim_end_matches(',')), "the page shows `{line}`");
    }
    // Every file and folder that it names.
    for path in page.split('`').filter(|word| word.starts_with("crates/") && !word.contains("acme"))
    {
        assert!(std::path::Path::new(&format!("{root}/{path}")).exists(), "{path}");
    }
    for test in ["every_providers_errors", "golden", "catalog"] {
        assert!(page.contains(test));
    }
    for field in ["stream_options", "tools", "json_schema", "responses", "max_completion_tokens"] {
        assert!(page.contains(&format!("`{field}: ")), "{field}");
        assert!(format!("{:?}", row.capabilities).contains(field), "{field}");
    }
}
