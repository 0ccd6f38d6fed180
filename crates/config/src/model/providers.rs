//! `defaults`, `providers`, `models`.

use tollgate_providers::{Dialect, SecretSource};

use crate::fields::{Fields, Located};

/// How a credential travels, as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuthType {
    Bearer,
    ApiKeyHeader,
    QueryParam,
    None,
}

/// `providers.<name>`.
#[derive(Debug)]
pub(crate) struct ProviderEntry {
    pub(crate) base_url: Option<Located<String>>,
    /// Whether there is a `base_url`, well or badly written.
    pub(crate) has_base_url: bool,
    /// Whether there are `models`, well or badly written.
    pub(crate) has_models: bool,
    pub(crate) models: Option<Located<Vec<Located<String>>>>,
    pub(crate) credential: Option<Located<SecretSource>>,
    pub(crate) timeout_ms: Option<u64>,
    pub(crate) auth_type: Option<Located<AuthType>>,
    pub(crate) auth_header_name: Option<Located<String>>,
    pub(crate) auth_query_param: Option<Located<String>>,
    pub(crate) ca_file: Option<Located<String>>,
    pub(crate) dialect: Option<Dialect>,
}

/// `models.<model>`.
#[derive(Debug)]
pub(crate) struct ModelOverride {
    pub(crate) timeout_ms: Option<u64>,
}

/// `defaults`: the timeout of every provider.
pub(super) fn defaults(fields: &mut Fields<'_, '_>) -> Option<u64> {
    let defaults = fields.section("defaults", |fields| {
        fields.section("provider", |fields| super::timeout_ms(fields, "timeout_ms"))
    })?;
    defaults.value?.value
}

pub(super) fn provider(fields: &mut Fields<'_, '_>) -> ProviderEntry {
    ProviderEntry {
        base_url: fields.text("base_url"),
        has_base_url: fields.has("base_url"),
        has_models: fields.has_value("models"),
        models: fields.texts("models"),
        credential: fields.secret("credential"),
        timeout_ms: super::timeout_ms(fields, "timeout_ms"),
        auth_type: fields.choice(
            "auth_type",
            &[
                ("bearer", AuthType::Bearer),
                ("api_key_header", AuthType::ApiKeyHeader),
                ("query_param", AuthType::QueryParam),
                ("none", AuthType::None),
            ],
        ),
        auth_header_name: fields.text("auth_header_name"),
        auth_query_param: fields.text("auth_query_param"),
        ca_file: fields.text("ca_file"),
        dialect: fields
            .choice(
                "dialect",
                &[
                    ("chat", Dialect::Chat),
                    ("responses", Dialect::Responses),
                    ("messages", Dialect::Messages),
                    ("cohere", Dialect::Cohere),
                    ("gemini", Dialect::Gemini),
                ],
            )
            .map(|dialect| dialect.value),
    }
}

pub(super) fn model(fields: &mut Fields<'_, '_>) -> ModelOverride {
    ModelOverride { timeout_ms: super::timeout_ms(fields, "timeout_ms") }
}
