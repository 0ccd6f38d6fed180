//! What the catalogue says of each provider.

use std::collections::HashSet;

use super::{ROWS, find, key_variable, known};
use crate::provider::{AuthStyle, Dialect};

#[test]
fn every_base_url_can_be_parsed_and_every_name_stands_once() {
    let names: HashSet<_> = ROWS.iter().map(|row| row.name).collect();
    assert_eq!(names.len(), ROWS.len());
    for row in &ROWS {
        assert_eq!(known(row.name).is_some(), row.base_url.is_some(), "{}", row.name);
        assert!(!row.semconv_name.is_empty());
        let _reachable_without_a_panic = row.auth();
    }
}

#[test]
fn anthropic_alone_has_a_dialect_and_a_header_of_its_own() {
    for row in &ROWS {
        let own = row.name == "anthropic";
        assert_eq!(row.dialect == Dialect::Messages, own, "{}", row.name);
        assert_eq!(row.needs_anthropic_version(), own, "{}", row.name);
    }
    let anthropic = known("anthropic").unwrap();
    assert_eq!(anthropic.auth, AuthStyle::ApiKeyHeader("x-api-key".parse().unwrap()));
    assert_eq!(&*anthropic.base_url.host, "api.anthropic.com");
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
    assert!(known("azure-openai").is_none());
    assert_eq!(find("azure-openai").unwrap().semconv_name, "azure.ai.openai");
    assert!(find("acme").is_none());
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
