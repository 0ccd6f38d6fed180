//! The whys of an explanation: which layer comes first, what a header does, and within which limits
//! attempts are made.

use std::fmt::Write;

use tollgate_providers::endpoint::PROVIDER_HEADER;

use super::SEPARATOR;
use crate::plan::{Layer, Plan, Step};
use crate::retry::{StatusSet, WAIT_MAX};
use crate::target::Deadlines;

/// What the header does, or would do. `layer` is where the model leads without it.
pub(super) fn about_header(
    provider: Option<&str>,
    prefix: Option<&str>,
    layer: Option<Layer>,
) -> Option<String> {
    let managed = layer.is_some_and(|layer| layer != Layer::Passthrough);
    Some(match (provider, prefix) {
        (Some(provider), None) if !managed => {
            format!("headers: {PROVIDER_HEADER} asks for `{provider}`")
        }
        (Some(_), Some(_)) => {
            format!("headers: {PROVIDER_HEADER} is not looked at, the prefix says it all")
        }
        (Some(_), None) => {
            format!("headers: {PROVIDER_HEADER} is not looked at, functions and routes come first")
        }
        (None, None) if layer == Some(Layer::Passthrough) => {
            format!("headers: {PROVIDER_HEADER} may name another provider")
        }
        (None, _) => return None,
    })
}

/// Why it is this plan and no other.
pub(super) fn why(prefix: Option<&str>, plan: &Plan, provider: Option<&str>) -> String {
    match (prefix, plan.layer) {
        (Some(prefix), _) => format!("why: `{prefix}{SEPARATOR}` asks for nothing else"),
        (None, Layer::Function) => "why: functions come first".to_owned(),
        (None, Layer::Route) => {
            "why: no function has the name, and routes come before providers".to_owned()
        }
        (None, Layer::Passthrough) if provider.is_some() => {
            "why: no function and no route has it, and the header chooses among providers"
                .to_owned()
        }
        (None, Layer::Passthrough) => {
            "why: no function and no route has it, and this provider is the first with it"
                .to_owned()
        }
    }
}

/// Shares, retries and deadlines, for people who wonder how long it can take.
pub(super) fn limits(plan: &Plan, lines: &mut Vec<String>) {
    for step in plan.steps.iter().filter(|step| step.strategy.is_weighted()) {
        lines.push(format!("   shares: {}", shares(step)));
    }
    if plan.layer == Layer::Passthrough {
        lines.push("   retry: never, the answer is the caller's".to_owned());
    } else {
        lines.push(format!(
            "   retry: after no connection, silence, a broken stream and {}; pauses of up to {} ms, doubled each time, at most {} ms, or as Retry-After asks",
            statuses(&plan.retry.retryable_status),
            plan.retry.backoff_base.as_millis(),
            WAIT_MAX.as_millis(),
        ));
    }
    for target in plan.targets() {
        let Deadlines { connect, head, first_token, idle, total } = &target.deadlines;
        let first_token = first_token.map_or("-".to_owned(), |it| it.as_millis().to_string());
        lines.push(format!(
            "   deadlines of {} (ms): connect {}, head {}, first content {first_token}, idle {}, total {}",
            target.name,
            connect.as_millis(),
            head.as_millis(),
            idle.as_millis(),
            total.as_millis(),
        ));
    }
}

/// Each choice with its share of the first draw, in per cent.
fn shares(step: &Step) -> String {
    let total: u64 = step.choices.iter().map(|choice| u64::from(choice.weight())).sum();
    let mut text = String::new();
    for choice in step.choices.iter() {
        let name = choice.variant.as_ref().map_or(&choice.target.name, |variant| &variant.name);
        let share = 100.0 * f64::from(choice.weight()) / (total.max(1) as f64);
        let comma = if text.is_empty() { "" } else { ", " };
        // `write!` to a String cannot fail.
        let _ = write!(text, "{comma}{name} {share:.1} %");
    }
    text
}

/// The statuses, runs of three and more as from-to.
fn statuses(set: &StatusSet) -> String {
    let mut runs: Vec<(u16, u16)> = Vec::new();
    for status in set.iter() {
        match runs.last_mut() {
            Some((_, end)) if *end + 1 == status => *end = status,
            _ => runs.push((status, status)),
        }
    }
    let shown = runs.iter().map(|(start, end)| match end - start {
        0 => start.to_string(),
        1 => format!("{start}, {end}"),
        _ => format!("{start}-{end}"),
    });
    let shown: Vec<String> = shown.collect();
    if shown.is_empty() { "no status".to_owned() } else { shown.join(", ") }
}
