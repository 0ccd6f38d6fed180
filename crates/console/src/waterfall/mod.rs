//! A trace as a waterfall: pure layout, for the web page and the terminal alike.

mod text;

use std::collections::{HashMap, HashSet};

use tollgate_store::SpanRow;

pub use text::{TextOptions, render_list, render_text};

#[cfg(test)]
mod tests;

/// One span in its place.
#[derive(Clone, Copy, Debug)]
pub struct Bar<'a> {
    /// The span.
    pub span: &'a SpanRow,
    /// How many spans it is inside of.
    pub depth: usize,
    /// Its beginning, counted from the trace's.
    pub offset_ns: i64,
    /// Its first content, counted from its own beginning; streams only.
    pub first_content_ns: Option<i64>,
}

/// The spans of one trace in the order of a waterfall: parents before children, siblings by start.
/// A span whose parent is missing stands at the top.
pub fn layout(spans: &[SpanRow]) -> Vec<Bar<'_>> {
    let ids: HashSet<&str> = spans.iter().map(|span| span.span_id.as_str()).collect();
    let mut children: HashMap<&str, Vec<&SpanRow>> = HashMap::new();
    for span in spans {
        let parent = span.parent_span_id.as_str();
        let known = ids.contains(parent) && parent != span.span_id;
        children.entry(if known { parent } else { "" }).or_default().push(span);
    }
    for siblings in children.values_mut() {
        siblings.sort_by_key(|span| (span.timestamp_ns, span.span_id.clone()));
    }
    let begin = spans.iter().map(|span| span.timestamp_ns).min().unwrap_or_default();
    let mut bars = Vec::with_capacity(spans.len());
    let mut stack: Vec<(&SpanRow, usize)> =
        children.get("").into_iter().flatten().rev().map(|span| (*span, 0)).collect();
    // Spans that are each other's ancestors hang on nothing and would be visited for ever.
    let mut seen = HashSet::new();
    while let Some((span, depth)) = stack.pop() {
        if !seen.insert(span.span_id.as_str()) {
            continue;
        }
        bars.push(Bar {
            span,
            depth,
            offset_ns: span.timestamp_ns - begin,
            first_content_ns: first_content_ns(span),
        });
        let inner = children.get(span.span_id.as_str()).into_iter().flatten();
        stack.extend(inner.rev().map(|span| (*span, depth + 1)));
    }
    bars
}

/// An attribute's value.
pub(crate) fn attribute<'a>(attributes: &'a [(String, String)], name: &str) -> Option<&'a str> {
    attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// First content counts from the last attempt's beginning, which the failed ones precede.
fn first_content_ns(span: &SpanRow) -> Option<i64> {
    let seconds: f64 =
        attribute(&span.attributes, "gen_ai.server.time_to_first_token")?.parse().ok()?;
    let whole: Option<f64> = attribute(&span.attributes, "gen_ai.server.request.duration")
        .and_then(|whole| whole.parse().ok());
    let before = whole.map_or(0, |whole| (span.duration_ns - nanos(whole)).max(0));
    Some((before + nanos(seconds)).clamp(0, span.duration_ns.max(0)))
}

fn nanos(seconds: f64) -> i64 {
    let ns = (seconds * 1e9).round();
    if ns.is_finite() && ns.abs() < 9e18 {
        #[allow(clippy::cast_possible_truncation, reason = "checked above")]
        return ns as i64;
    }
    0
}
