//! Third phase: what the types cannot say. Every rule runs; each reports what it finds.

mod auth;
mod capture;
mod collector;
mod limits;
mod listeners;
mod pricing;
mod providers;
mod routing;
mod security;
mod serving;
mod shadow;
mod telemetry;
mod unreachable;

pub(crate) use shadow::bare_targets;
pub(crate) use telemetry::without_endpoint;

use std::collections::HashMap;

use crate::error::{Place, Problem};
use crate::fields::Located;
use crate::model::Document;

/// The longest name of a provider, target, route, function or variant, in characters.
const NAME_CHARS_MAX: usize = 128;

/// What validation finds.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// Reasons not to load the file.
    pub(crate) problems: Vec<Problem>,
    /// What loads, but is hardly meant.
    pub(crate) warnings: Vec<Problem>,
}

/// Runs every rule.
pub(crate) fn run(document: &Document, findings: &mut Findings) {
    names(document, findings);
    providers::run(document, findings);
    routing::run(document, findings);
    listeners::run(document, findings);
    telemetry::run(document, findings);
    shadow::run(document, findings);
    serving::run(document, findings);
    unreachable::run(document, findings);
    pricing::run(document, findings);
    capture::run(document, findings);
    auth::run(document, findings);
    collector::run(document, findings);
    limits::run(document, findings);
    security::run(document, findings);
}

/// Names go into prefixes, headers and attributes.
fn names(document: &Document, findings: &mut Findings) {
    let providers = document.providers.iter().map(|it| ("provider", &it.name, &it.place));
    let targets = document.targets.iter().map(|it| ("target", &it.name, &it.place));
    let routes = document.routes.iter().map(|it| ("route", &it.name, &it.place));
    let functions = document.functions.iter().map(|it| ("function", &it.name, &it.place));
    let variants = document.functions.iter().flat_map(|function| {
        function.value.variants.iter().map(|it| ("variant", &it.name, &it.place))
    });
    let exporters = document.genai.exporters.iter().map(|it| ("exporter", &it.name, &it.place));
    let named = providers.chain(targets).chain(routes).chain(functions).chain(variants);
    let rules = document.limits.rules.iter().map(|it| ("rule", &it.name, &it.place));
    let webhooks = document.security.webhooks.iter().map(|it| ("webhook", &it.name, &it.place));
    for (kind, name, place) in named.chain(exporters).chain(rules).chain(webhooks) {
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.len() > NAME_CHARS_MAX || !name.chars().all(legal) {
            let article = if kind == "exporter" { "an" } else { "a" };
            let message = format!("not a name for {article} {kind}");
            let hint =
                format!("1 to {NAME_CHARS_MAX} letters, digits, `-`, `_` and `.`, nothing else");
            findings.problems.push(Problem::new(place, message).hint(hint));
        }
    }
}

/// Reports each value that was there before.
fn distinct(values: &[Located<String>], what: &str, problems: &mut Vec<Problem>) {
    let mut first: HashMap<&str, &Place> = HashMap::new();
    for Located { value, place } in values {
        if let Some(before) = first.get(value.as_str()) {
            let message = format!("{what} `{value}` is listed twice");
            let hint = before.position.map(|at| format!("first on line {}", at.line));
            problems.push(Problem::new(place, message).maybe_hint(hint));
        } else {
            first.insert(value, place);
        }
    }
}

/// Reports a list without items.
fn not_empty(list: &Located<Vec<Located<String>>>, problems: &mut Vec<Problem>) -> bool {
    if list.value.is_empty() {
        problems.push(Problem::new(&list.place, "the list is empty"));
    }
    !list.value.is_empty()
}
