//! A trace as a waterfall: pure layout, for the web page and the terminal alike.

mod notes;
mod text;

use std::collections::{HashMap, HashSet};

use tollgate_store::{Pairs, SpanRow};

pub(crate) use notes::{names, notes};
pub use text::{TextOptions, render_list, render_rows, render_text};

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
/// Every span is there: one whose parent is missing stands at the top, and so do those that claim to
/// be each other's ancestors.
pub fn layout(spans: &[SpanRow]) -> Vec<Bar<'_>> {
    let ids: HashSet<&str> = spans.iter().map(|span| span.span_id.as_str()).collect();
    let is_top = |span: &SpanRow| {
        span.parent_span_id == span.span_id || !ids.contains(span.parent_span_id.as_str())
    };
    let mut by_start: Vec<usize> = (0..spans.len()).collect();
    // Of two with the same start the one that was over first comes first: work done before a call.
    by_start.sort_by_key(|&at| (spans[at].timestamp_ns, spans[at].duration_ns, &spans[at].span_id));
    let mut children: HashMap<&str, Vec<usize>> = HashMap::new();
    for &at in by_start.iter().filter(|&&at| !is_top(&spans[at])) {
        children.entry(&spans[at].parent_span_id).or_default().push(at);
    }
    let begin = spans.iter().map(|span| span.timestamp_ns).min().unwrap_or_default();
    let mut bars = Vec::with_capacity(spans.len());
    let mut placed = vec![false; spans.len()];
    // Whatever hangs on nothing is still unplaced after the real tops, and follows them.
    let tops = by_start.iter().filter(|&&at| is_top(&spans[at])).chain(&by_start);
    for &top in tops {
        let mut stack = vec![(top, 0)];
        while let Some((at, depth)) = stack.pop() {
            if std::mem::replace(&mut placed[at], true) {
                continue;
            }
            let span = &spans[at];
            bars.push(Bar {
                span,
                depth,
                offset_ns: span.timestamp_ns.saturating_sub(begin),
                first_content_ns: first_content_ns(span),
            });
            let inner = children.get(span.span_id.as_str()).into_iter().flatten();
            stack.extend(inner.rev().map(|&inner| (inner, depth + 1)));
        }
    }
    bars
}

// === impl Bar ===

impl Bar<'_> {
    /// Its end, counted from the trace's beginning. Times are the sender's: they may be absurd.
    pub(crate) const fn end_ns(&self) -> i64 {
        self.offset_ns.saturating_add(self.span.duration_ns)
    }
}

/// An attribute's value.
pub(crate) fn attribute<'a>(attributes: &'a Pairs, name: &str) -> Option<&'a str> {
    attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// First content counts from the last attempt's beginning, which the failed ones precede.
fn first_content_ns(span: &SpanRow) -> Option<i64> {
    let seconds: f64 =
        attribute(&span.attributes, "gen_ai.server.time_to_first_token")?.parse().ok()?;
    let whole: Option<f64> = attribute(&span.attributes, "gen_ai.server.request.duration")
        .and_then(|whole| whole.parse().ok());
    let before = whole.map_or(0, |whole| span.duration_ns.saturating_sub(nanos(whole)).max(0));
    Some(before.saturating_add(nanos(seconds)).clamp(0, span.duration_ns.max(0)))
}

fn nanos(seconds: f64) -> i64 {
    let ns = (seconds * 1e9).round();
    if ns.is_finite() && ns.abs() < 9e18 {
        #[allow(clippy::cast_possible_truncation, reason = "checked above")]
        return ns as i64;
    }
    0
}
