//! The waterfall in a terminal: bars, the moment of first content, tokens, attempts.

use std::fmt::Write;

use tollgate_store::{SpanRow, StatusCode, TraceSummary};

use super::notes::{names, notes, tokens};
use super::{Bar, layout};
use crate::answer::is_unsafe;

/// How wide, and whether with colour.
#[derive(Clone, Copy, Debug)]
pub struct TextOptions {
    /// Columns of the terminal.
    pub width: usize,
    /// Whether escape codes for colour are used.
    pub color: bool,
}

/// The longest name or value that is shown.
const TEXT_CHARS_MAX: usize = 160;
/// Columns of the names.
const NAME_WIDTH_MAX: usize = 38;
/// How many levels are indented; deeper spans stand below each other. A chain of thousands would
/// otherwise fill the screen with blanks.
const DEPTH_SHOWN_MAX: usize = 12;
/// Columns of the duration behind a bar.
const DURATION_WIDTH: usize = 9;

const RED: &str = "\x1b[31m";
const GREEN: &str = "\x1b[32m";
const DIM: &str = "\x1b[2m";
const BOLD: &str = "\x1b[1m";
const RESET: &str = "\x1b[0m";

/// One trace.
pub fn render_text(spans: &[SpanRow], options: TextOptions) -> String {
    let bars = layout(spans);
    let Some(first) = bars.first() else { return String::from("no spans\n") };
    let whole = bars.iter().map(Bar::end_ns).max().unwrap_or(1).max(1);
    let width = bars.iter().map(|bar| name(bar).chars().count()).max().unwrap_or(0);
    let width = width.min(NAME_WIDTH_MAX);
    let names = names(spans);
    let columns = options.width.saturating_sub(width + DURATION_WIDTH + 4).clamp(10, 100);
    let mut out = String::new();
    let title = format!("trace {}", first.span.trace_id);
    line(&mut out, &paint(options, BOLD, &title));
    for bar in &bars {
        bar_line(&mut out, bar, width, columns, whole, options);
        for note in notes(bar.span, &names) {
            let indent = indent(bar);
            line(&mut out, &paint(options, DIM, &format!("{indent}    {note}")));
        }
    }
    out
}

/// Recent traces, one a line.
pub fn render_list(traces: &[TraceSummary], options: TextOptions) -> String {
    if traces.is_empty() {
        return "no traces yet: send a request through the gateway\n".to_owned();
    }
    let mut out = String::new();
    let head = format!(
        "{:<16}  {:>9}  {:>9}  {:>11}  {:<6}  {}",
        "TRACE", "DURATION", "TTFT", "TOKENS", "STATUS", "WHAT"
    );
    line(&mut out, &paint(options, DIM, &head));
    out.push_str(&render_rows(traces, options));
    out
}

/// The lines of a list without its head.
pub fn render_rows(traces: &[TraceSummary], options: TextOptions) -> String {
    let mut out = String::new();
    for trace in traces {
        let id: String = trace.trace_id.chars().take(16).collect();
        let ttft =
            trace.ttft_seconds.map(|s| duration((s * 1e9).round().max(0.0))).unwrap_or_default();
        let failed = trace.errors > 0;
        let status = format!("{:<6}", if failed { "error" } else { "ok" });
        let status = paint(options, if failed { RED } else { GREEN }, &status);
        let what = [trace.provider.as_deref(), trace.model.as_deref()];
        let what = what.into_iter().flatten().map(clean).collect::<Vec<_>>().join(" ");
        let what = if what.is_empty() { clean(&trace.root_name) } else { what };
        let tokens = tokens(trace.input_tokens, trace.output_tokens, "");
        let took = ns(trace.duration_ns);
        line(&mut out, &format!("{id:<16}  {took:>9}  {ttft:>9}  {tokens:>11}  {status}  {what}"));
    }
    out
}

fn bar_line(
    out: &mut String,
    bar: &Bar<'_>,
    names: usize,
    columns: usize,
    whole: i64,
    options: TextOptions,
) {
    let at = |ns: i64| scale(ns, whole, columns);
    let start = at(bar.offset_ns).min(columns - 1);
    let end = at(bar.end_ns()).clamp(start + 1, columns);
    let mark =
        bar.first_content_ns.map(|ns| at(bar.offset_ns.saturating_add(ns)).clamp(start, end - 1));
    let failed = bar.span.status == StatusCode::Error;
    let mut drawn = String::new();
    for column in 0..columns {
        drawn.push(match column {
            _ if mark == Some(column) => '◆',
            _ if (start..end).contains(&column) && mark.is_some_and(|mark| column < mark) => '░',
            _ if (start..end).contains(&column) => '█',
            _ => ' ',
        });
    }
    let name: String = name(bar).chars().take(names).collect();
    let pad = " ".repeat(names - name.chars().count());
    let drawn = paint(options, if failed { RED } else { GREEN }, &drawn);
    let took = ns(bar.span.duration_ns);
    line(out, &format!("{name}{pad}  {drawn}  {took:>DURATION_WIDTH$}"));
}

fn name(bar: &Bar<'_>) -> String {
    format!("{}{}", indent(bar), clean(&bar.span.name))
}

fn indent(bar: &Bar<'_>) -> String {
    "  ".repeat(bar.depth.min(DEPTH_SHOWN_MAX))
}

/// Names and values are anybody's: a control character could repaint the terminal, and one that
/// turns the direction of writing could make a line say something else.
pub(super) fn clean(text: &str) -> String {
    let shown = |ch: char| if is_unsafe(ch) { '\u{fffd}' } else { ch };
    text.chars().map(shown).take(TEXT_CHARS_MAX).collect()
}

fn ns(ns: i64) -> String {
    #[allow(clippy::cast_precision_loss, reason = "three digits are shown")]
    duration(ns.max(0) as f64)
}

pub(super) fn duration(ns: f64) -> String {
    match ns {
        ns if ns < 1e3 => format!("{ns:.0} ns"),
        ns if ns < 1e6 => format!("{:.0} µs", ns / 1e3),
        ns if ns < 1e9 => format!("{:.1} ms", ns / 1e6),
        ns => format!("{:.2} s", ns / 1e9),
    }
}

fn scale(ns: i64, whole: i64, columns: usize) -> usize {
    let columns = i128::try_from(columns).unwrap_or(1);
    let column = i128::from(ns.max(0)) * columns / i128::from(whole.max(1));
    usize::try_from(column.min(columns)).unwrap_or(0)
}

fn paint(options: TextOptions, code: &str, text: &str) -> String {
    if options.color { format!("{code}{text}{RESET}") } else { text.to_owned() }
}

fn line(out: &mut String, text: &str) {
    // Writing to a string does not fail.
    let _infallible = writeln!(out, "{}", text.trim_end());
}
