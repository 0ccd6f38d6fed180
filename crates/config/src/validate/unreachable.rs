//! Warnings about what no request can come to: a name that leads elsewhere, a target that was left
//! before its turn.

use std::collections::HashMap;

use tollgate_routing::Strategy;
use tollgate_routing::table::{FUNCTION_PREFIX, ROUTE_PREFIX, SEPARATOR};

use super::Findings;
use super::shadow::bare_targets;
use crate::error::Problem;
use crate::fields::Located;
use crate::model::{Document, StepEntry};
use crate::registry::{Registry, models_of};

pub(super) fn run(document: &Document, findings: &mut Findings) {
    let warnings = &mut findings.warnings;
    listed_with_a_prefix(document, warnings);
    targets_named_as_routes(document, warnings);
    let routes = document.routes.iter().filter_map(|it| it.value.steps.as_ref());
    let functions = document.functions.iter().filter_map(|it| it.value.steps.as_ref());
    for steps in routes.chain(functions) {
        repeated_in_steps(document, &steps.value, warnings);
    }
}

/// A provider's own model whose name looks like another layer's.
fn listed_with_a_prefix(document: &Document, warnings: &mut Vec<Problem>) {
    let registry = Registry::new(&document.providers);
    for provider in &document.providers {
        for model in models_of(provider) {
            let Some((prefix, _)) = model.value.split_once(SEPARATOR) else { continue };
            let reserved = [FUNCTION_PREFIX, ROUTE_PREFIX].contains(&prefix);
            if !reserved && registry.named(prefix).is_none() {
                continue;
            }
            let message = format!("`{prefix}{SEPARATOR}` is read as a prefix");
            let hint = format!("callers can ask for `{}{SEPARATOR}{}`", provider.name, model.value);
            warnings.push(Problem::new(&model.place, message).hint(hint));
        }
    }
}

/// A target that nothing names gets a route of its own name, unless that is taken.
fn targets_named_as_routes(document: &Document, warnings: &mut Vec<Problem>) {
    let bare = bare_targets(document);
    for target in document.targets.iter().filter(|it| bare.contains(it.name.as_str())) {
        if document.routes.iter().any(|route| route.name == target.name) {
            let name = &target.name;
            let message =
                format!("is in no route, and `{ROUTE_PREFIX}{SEPARATOR}{name}` is another one");
            let hint = "name it in a route, or give it a name that no route has";
            warnings.push(Problem::new(&target.place, message).hint(hint));
        }
    }
}

/// The next step begins when every target of this one has been left.
fn repeated_in_steps(
    document: &Document,
    steps: &[Located<StepEntry>],
    warnings: &mut Vec<Problem>,
) {
    let weighs = |name: &str| {
        let target = document.targets.iter().find(|target| target.name == name);
        target.and_then(|it| it.value.weight.as_ref()).is_none_or(|weight| weight.value > 0)
    };
    let mut left: HashMap<&str, usize> = HashMap::new();
    for (index, step) in steps.iter().enumerate() {
        let weighted =
            step.value.strategy.as_ref().is_some_and(|it| it.value == Strategy::Weighted);
        for name in step.value.targets.iter().flat_map(|names| &names.value) {
            if let Some(before) = left.get(name.value.as_str()).filter(|before| **before < index) {
                let message = format!("target `{}` is never tried here", name.value);
                let hint = format!("step {} has tried it and left it by then", before + 1);
                warnings.push(Problem::new(&name.place, message).hint(hint));
            } else if !weighted || weighs(&name.value) {
                left.insert(&name.value, index);
            }
        }
    }
}
