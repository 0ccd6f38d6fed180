//! Warnings about what loads but can never be reached, or means something else than it seems.

use std::collections::{HashMap, HashSet};

use tollgate_routing::EndpointKind;
use tollgate_routing::table::{FUNCTION_PREFIX, ROUTE_PREFIX, SEPARATOR};

use super::Findings;
use crate::error::Problem;
use crate::fields::{Entry, Located};
use crate::model::{Document, RouteEntry};
use crate::registry::{Registry, models_of};

pub(super) fn run(document: &Document, findings: &mut Findings) {
    let warnings = &mut findings.warnings;
    let registry = Registry::new(&document.providers);
    ambiguous_models(document, registry, warnings);
    hidden_routes(document, warnings);
    hidden_targets(document, warnings);
    hidden_by_functions(document, registry, warnings);
    prefixed_models(document, registry, warnings);
}

/// Targets that no route and no function names: each gets a route of its own.
pub(crate) fn bare_targets(document: &Document) -> HashSet<&str> {
    let routes = document.routes.iter().flat_map(|route| {
        let steps = route.value.steps.iter().flat_map(|steps| &steps.value);
        let stages = steps.filter_map(|step| step.value.targets.as_ref());
        route.value.targets.iter().chain(stages)
    });
    let functions = document.functions.iter().flat_map(|function| {
        let steps = function.value.steps.iter().flat_map(|steps| &steps.value);
        let stages = steps.filter_map(|step| step.value.targets.as_ref());
        function.value.targets.iter().chain(stages)
    });
    let named: HashSet<&str> = routes
        .chain(functions)
        .flat_map(|names| &names.value)
        .map(|name| name.value.as_str())
        .collect();
    let all = document.targets.iter().map(|target| target.name.as_str());
    all.filter(|name| !named.contains(name)).collect()
}

fn ambiguous_models(document: &Document, registry: Registry<'_>, warnings: &mut Vec<Problem>) {
    for provider in &document.providers {
        for model in models_of(provider) {
            let Some(first) = registry.serving(&model.value).next() else { continue };
            if first.name == provider.name {
                continue;
            }
            let message = format!("`{}` also lists `{}`, and comes first", first.name, model.value);
            let hint = format!(
                "a target picks by `provider: {}`, a caller by `{}{SEPARATOR}{}`",
                provider.name, provider.name, model.value
            );
            warnings.push(Problem::new(&model.place, message).hint(hint));
        }
    }
}

fn hidden_routes(document: &Document, warnings: &mut Vec<Problem>) {
    let mut first: HashMap<(EndpointKind, &str), &str> = HashMap::new();
    for route in &document.routes {
        let kind = endpoint(&route.value);
        let models: Vec<&Located<String>> = models(&route.value).collect();
        let mut hidden = Vec::new();
        for model in &models {
            match first.get(&(kind, model.value.as_str())) {
                Some(other) => hidden.push((*model, *other)),
                None => {
                    first.insert((kind, &model.value), &route.name);
                }
            }
        }
        if !models.is_empty() && hidden.len() == models.len() {
            let message = "can only be reached by its name: earlier routes have all its models";
            let hint = format!("callers can ask for `{ROUTE_PREFIX}{SEPARATOR}{}`", route.name);
            warnings.push(Problem::new(&route.place, message).hint(hint));
            continue;
        }
        for (model, other) in hidden {
            let message = format!("route `{other}` already answers to `{}`", model.value);
            warnings.push(Problem::new(&model.place, message));
        }
    }
}

fn hidden_targets(document: &Document, warnings: &mut Vec<Problem>) {
    let bare = bare_targets(document);
    let mut taken: HashMap<&str, String> = HashMap::new();
    let chat = |route: &&Entry<RouteEntry>| endpoint(&route.value) == EndpointKind::Chat;
    for route in document.routes.iter().filter(chat) {
        for model in models(&route.value) {
            taken.entry(&model.value).or_insert_with(|| format!("route `{}`", route.name));
        }
    }
    for target in document.targets.iter().filter(|target| bare.contains(target.name.as_str())) {
        let Some(model) = &target.value.model else { continue };
        if let Some(other) = taken.get(model.value.as_str()) {
            let message =
                format!("is in no route, and {other} already answers to `{}`", model.value);
            let hint = format!(
                "name it in a route, or ask for `{ROUTE_PREFIX}{SEPARATOR}{}`",
                target.name
            );
            warnings.push(Problem::new(&target.place, message).hint(hint));
        } else {
            taken.insert(&model.value, format!("target `{}`", target.name));
        }
    }
}

fn hidden_by_functions(document: &Document, registry: Registry<'_>, warnings: &mut Vec<Problem>) {
    for function in &document.functions {
        let kind = function.value.endpoint.unwrap_or_default();
        let route = document.routes.iter().find(|route| {
            endpoint(&route.value) == kind
                && models(&route.value).any(|model| model.value == function.name)
        });
        let what = match route {
            Some(route) => format!("route `{}`", route.name),
            None => match registry.serving(&function.name).next() {
                Some(provider) => format!("provider `{}`", provider.name),
                None => continue,
            },
        };
        let message = format!("hides the model of the same name that {what} has");
        let hint = "give the function a name that no model has".to_owned();
        warnings.push(Problem::new(&function.place, message).hint(hint));
    }
}

fn prefixed_models(document: &Document, registry: Registry<'_>, warnings: &mut Vec<Problem>) {
    let routed = document.routes.iter().flat_map(|route| models(&route.value));
    for model in routed {
        let Some((prefix, _)) = model.value.split_once(SEPARATOR) else { continue };
        let reserved = [FUNCTION_PREFIX, ROUTE_PREFIX].contains(&prefix);
        if reserved || registry.named(prefix).is_some() {
            let message = format!("cannot be asked for: `{prefix}{SEPARATOR}` is read as a prefix");
            warnings.push(Problem::new(&model.place, message));
        }
    }
}

fn endpoint(route: &RouteEntry) -> EndpointKind {
    route.endpoint.unwrap_or_default()
}

fn models(route: &RouteEntry) -> impl Iterator<Item = &Located<String>> {
    route.models.iter().flat_map(|models| &models.value)
}
