//! What stands under a span: how it went, what it cost, what it belongs to.

use std::collections::HashMap;

use tollgate_store::{EventRow, LinkRow, SpanRow, StatusCode};

use super::attribute;
use super::text::{clean, duration};

/// The names of a trace's spans by their ids.
pub(crate) type Names<'a> = HashMap<&'a str, &'a str>;

/// Work that a caller declared, and what is told of it: attributes, each with a word before it.
const DECLARED: [(&str, &[(&str, &str)]); 4] = [
    ("execute_tool", &[("gen_ai.tool.call.id", "call")]),
    ("retrieval", &[("gen_ai.retrieval.document.count", "documents")]),
    ("invoke_agent", &[("gen_ai.agent.id", "agent"), ("gen_ai.agent.step", "step")]),
    ("create_agent", &[("gen_ai.agent.id", "agent"), ("gen_ai.agent.description", "for")]),
];
/// Links of one span that are shown.
const LINKS_SHOWN_MAX: usize = 8;
/// Digits of a cost, from the first that is no zero.
const COST_DIGITS: f64 = 6.0;
/// Costs beyond these are shown as they were stored.
const COST_MIN: f64 = 1e-12;
const COST_MAX: f64 = 1e12;

pub(crate) fn names(spans: &[SpanRow]) -> Names<'_> {
    spans.iter().map(|span| (span.span_id.as_str(), span.name.as_str())).collect()
}

/// The lines under a span, in the order in which things went. `names` are those of its trace.
pub(crate) fn notes(span: &SpanRow, names: &Names<'_>) -> Vec<String> {
    let mut lines: Vec<_> =
        span.events.iter().filter(|event| event.name == "gateway.attempt").map(attempt).collect();
    lines.extend(call(span));
    lines.extend(declared(span));
    let links = span.links.iter().take(LINKS_SHOWN_MAX);
    lines.extend(links.map(|link| linked(link, span, names)));
    if let Some(more @ 1..) = span.links.len().checked_sub(LINKS_SHOWN_MAX) {
        lines.push(format!("and {more} more links"));
    }
    if span.status == StatusCode::Error && !span.status_message.is_empty() {
        lines.push(format!("error: {}", clean(&span.status_message)));
    }
    lines
}

/// Input and output tokens; `about` stands before numbers.
pub(super) fn tokens(input: Option<u64>, output: Option<u64>, about: &str) -> String {
    let text = |count: Option<u64>| {
        count.map_or_else(|| "–".to_owned(), |count| format!("{about}{count}"))
    };
    if input.is_none() && output.is_none() {
        return String::new();
    }
    format!("{} → {}", text(input), text(output))
}

/// A call of a model, by its own span.
fn call(span: &SpanRow) -> Option<String> {
    let get = |name| attribute(&span.attributes, name).map(clean);
    let outcome = get("gateway.outcome")?;
    let mut parts = Vec::new();
    if let (Some(number), Some(target)) =
        (get("gateway.routing.attempt"), get("gateway.routing.target"))
    {
        let provider = get("gen_ai.provider.name").unwrap_or_default();
        parts.push(format!("attempt {number}: {target} ({provider})"));
    } else if let Some(provider) = get("gen_ai.provider.name") {
        parts.push(format!("{provider} (passthrough)"));
    }
    parts.push(outcome);
    let decimal = |name| get(name).and_then(|text| text.parse::<f64>().ok());
    if let Some(first) = decimal("gen_ai.server.time_to_first_token") {
        parts.push(format!("◆ first token {}", duration(first * 1e9)));
    }
    // What nobody counted is marked, and so is what is reckoned from it.
    let is_estimated = get("gateway.usage.source").is_some_and(|source| source == "estimated");
    let about = if is_estimated { "~" } else { "" };
    let number = |name| get(name).and_then(|text| text.parse().ok());
    let (input, output) =
        (number("gen_ai.usage.input_tokens"), number("gen_ai.usage.output_tokens"));
    if input.is_some() || output.is_some() {
        parts.push(format!("tokens {}", tokens(input, output, about)));
    }
    if let Some(rate) = decimal("gen_ai.server.output_tokens_per_second") {
        parts.push(format!("{about}{rate:.0} tokens/s"));
    }
    if let Some(amount) = get("gateway.usage.cost") {
        let currency = get("gateway.usage.currency").map(|currency| format!(" {currency}"));
        parts.push(format!("cost {about}{}{}", cost(amount), currency.unwrap_or_default()));
    }
    Some(parts.join(" · "))
}

/// Without the digits that binary fractions add.
fn cost(amount: String) -> String {
    let Ok(number) = amount.parse::<f64>() else { return amount };
    if !(COST_MIN..COST_MAX).contains(&number) {
        return amount;
    }
    let whole_digits = number.log10().floor();
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "COST_MIN and COST_MAX keep it small, max keeps it positive"
    )]
    let decimals = (COST_DIGITS - 1.0 - whole_digits).max(0.0) as usize;
    let text = format!("{number:.decimals$}");
    if decimals == 0 {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn declared(span: &SpanRow) -> Option<String> {
    let operation = attribute(&span.attributes, "gen_ai.operation.name")?;
    let (_, told) = DECLARED.iter().find(|(name, _)| *name == operation)?;
    let part = |(name, word): &(&str, &str)| {
        let value = attribute(&span.attributes, name)?;
        Some(format!("{word} {}", clean(value)))
    };
    let parts: Vec<_> = told.iter().filter_map(part).collect();
    (!parts.is_empty()).then(|| parts.join(" · "))
}

/// Where a link leads: to a span of this trace by its name, to others by their ids.
fn linked(link: &LinkRow, span: &SpanRow, names: &Names<'_>) -> String {
    let id = clean(&link.span_id);
    if link.trace_id != span.trace_id {
        return format!("link: span {id} of trace {}", clean(&link.trace_id));
    }
    match names.get(link.span_id.as_str()) {
        Some(name) => format!("link: {} ({id})", clean(name)),
        None => format!("link: span {id}"),
    }
}

fn attempt(event: &EventRow) -> String {
    let get = |name| attribute(&event.attributes, name).map(clean).unwrap_or_default();
    let took = get("gateway.attempt.duration_seconds").parse::<f64>().map(|s| duration(s * 1e9));
    format!(
        "attempt {}: {} ({}) · failed: {} · {}",
        get("gateway.attempt.number"),
        get("gateway.attempt.target"),
        get("gateway.attempt.provider"),
        get("gateway.attempt.message"),
        took.unwrap_or_default(),
    )
}
