//! Rules for `providers` and `models`.

use http::HeaderName;
use tollgate_providers::provider::BaseUrlError;
use tollgate_providers::{BaseUrl, catalog};
use tollgate_routing::table::{FUNCTION_PREFIX, ROUTE_PREFIX};

use super::{Findings, distinct, not_empty};
use crate::error::Problem;
use crate::fields::{Entry, Located};
use crate::model::{AuthType, Document, ProviderEntry};
use crate::registry::{Registry, is_open};

/// The longest model name, in characters.
const MODEL_CHARS_MAX: usize = 256;

pub(super) fn run(document: &Document, findings: &mut Findings) {
    let problems = &mut findings.problems;
    for provider in &document.providers {
        name(provider, problems);
        models(provider, problems);
        base_url(provider, problems);
        auth(&provider.value, problems);
        if let Some(file) = &provider.value.ca_file {
            readable(file, problems);
        }
    }
    let registry = Registry::new(&document.providers);
    for model in &document.models {
        if registry.serving(&model.name).next().is_none() {
            let model = Located::new(model.name.clone(), model.place.clone());
            problems.push(registry.unlisted(&model));
        }
    }
}

fn name(provider: &Entry<ProviderEntry>, problems: &mut Vec<Problem>) {
    if [FUNCTION_PREFIX, ROUTE_PREFIX].contains(&provider.name.as_str()) {
        let message = format!("a provider cannot be called `{}`", provider.name);
        let hint = format!("`{}::` is the prefix of a layer", provider.name);
        problems.push(Problem::new(&provider.place, message).hint(hint));
    }
}

fn base_url(provider: &Entry<ProviderEntry>, problems: &mut Vec<Problem>) {
    let Some(written) = &provider.value.base_url else {
        let row = catalog::find(&provider.name);
        if !provider.value.has_base_url && row.and_then(catalog::Row::base_url).is_none() {
            let message = "`base_url` is missing";
            let hint = match row {
                Some(_) => format!("every customer of `{}` has one of their own", provider.name),
                None => format!("`{}` is no provider whose URL is known", provider.name),
            };
            problems.push(Problem::new(&provider.place, message).hint(hint));
        }
        return;
    };
    url(written, problems);
}

/// A URL is never shown: it might have a password in it.
pub(super) fn url(written: &Located<String>, problems: &mut Vec<Problem>) {
    let Err(error) = written.value.parse::<BaseUrl>() else { return };
    let problem = Problem::new(&written.place, error.to_string());
    problems.push(match error {
        BaseUrlError::Scheme => problem.hint("for example `https://api.example.com/v1`"),
        BaseUrlError::Extra => problem.hint("keys belong into `credential`"),
        BaseUrlError::Host | BaseUrlError::Port => problem,
    });
}

fn models(provider: &Entry<ProviderEntry>, problems: &mut Vec<Problem>) {
    let Some(models) = &provider.value.models else {
        if !provider.value.has_models && !is_open(provider) {
            let problem = Problem::new(&provider.place, "`models` is missing");
            problems
                .push(problem.hint("list the models that the provider serves: `models: [...]`"));
        }
        return;
    };
    if not_empty(models, problems) {
        distinct(&models.value, "model", problems);
        for model in &models.value {
            model_name(model, problems);
        }
    }
}

/// Model names come from outside and are mostly free, but they go into headers and labels.
pub(super) fn model_name(model: &Located<String>, problems: &mut Vec<Problem>) {
    let illegal = |c: char| c.is_control() || c.is_whitespace();
    if model.value.chars().count() > MODEL_CHARS_MAX || model.value.contains(illegal) {
        let message = "not a model name";
        let hint = format!("at most {MODEL_CHARS_MAX} characters, no spaces");
        problems.push(Problem::new(&model.place, message).hint(hint));
    }
}

fn auth(provider: &ProviderEntry, problems: &mut Vec<Problem>) {
    let auth_type = provider.auth_type.as_ref().map(|auth| auth.value);
    let dependants = [
        (&provider.auth_header_name, AuthType::ApiKeyHeader, "api_key_header"),
        (&provider.auth_query_param, AuthType::QueryParam, "query_param"),
    ];
    for (field, needed, word) in dependants {
        if let Some(field) = field
            && auth_type != Some(needed)
        {
            let message = format!("is only used with `auth_type: {word}`");
            let hint = format!("add `auth_type: {word}`, or remove this");
            problems.push(Problem::new(&field.place, message).hint(hint));
        }
    }
    if let Some(header) = &provider.auth_header_name
        && header.value.parse::<HeaderName>().is_err()
    {
        problems.push(Problem::new(&header.place, "not a header name"));
    }
    if let Some(param) = &provider.auth_query_param {
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if !param.value.chars().all(legal) {
            problems.push(Problem::new(&param.place, "not the name of a query parameter"));
        }
    }
    if auth_type == Some(AuthType::None)
        && let Some(credential) = &provider.credential
    {
        let problem = Problem::new(&credential.place, "is never sent with `auth_type: none`");
        problems.push(problem.hint("remove one of the two"));
    }
}

/// Whether the file can be opened; its content is read by whoever needs it.
pub(super) fn readable(file: &Located<String>, problems: &mut Vec<Problem>) {
    if let Err(error) = std::fs::File::open(&file.value) {
        let message = format!("cannot read `{}`: {error}", file.value);
        problems.push(Problem::new(&file.place, message).hint("is the path right?"));
    }
}
