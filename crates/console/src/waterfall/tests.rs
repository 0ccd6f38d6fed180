//! Layout and text of waterfalls.

use tollgate_store::{EventRow, SpanKind, SpanRow, StatusCode};

use super::{TextOptions, layout, render_text};

fn span(id: &str, parent: &str, name: &str, start_ms: i64, ms: i64) -> SpanRow {
    SpanRow {
        timestamp_ns: start_ms * 1_000_000,
        duration_ns: ms * 1_000_000,
        trace_id: "ab".repeat(16),
        span_id: id.to_owned(),
        parent_span_id: parent.to_owned(),
        trace_state: String::new(),
        name: name.to_owned(),
        kind: SpanKind::Internal,
        service_name: "tollgate".to_owned(),
        resource_attributes: Vec::new(),
        scope_name: String::new(),
        scope_version: String::new(),
        attributes: Vec::new(),
        status: StatusCode::Unset,
        status_message: String::new(),
        events: Vec::new(),
        links: Vec::new(),
    }
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn parents_come_before_children_and_orphans_stand_at_the_top() {
    let spans = [
        span("c", "b", "inner", 30, 10),
        span("b", "a", "outer", 10, 80),
        span("a", "caller", "root", 0, 100),
        span("x", "y", "one of a cycle", 5, 1),
        span("y", "x", "the other", 5, 1),
    ];
    let rows: Vec<_> = layout(&spans)
        .iter()
        .map(|bar| (bar.span.name.as_str(), bar.depth, bar.offset_ns))
        .collect();
    assert_eq!(rows, [("root", 0, 0), ("outer", 1, 10_000_000), ("inner", 2, 30_000_000)]);
}

#[test]
fn a_fail_over_is_told_with_both_attempts_and_the_first_token() {
    let http = span("a", "", "POST /v1/chat/completions", 0, 100);
    let mut chat = span("b", "a", "chat gpt-4o", 0, 100);
    chat.attributes = pairs(&[
        ("gateway.outcome", "complete"),
        ("gateway.routing.attempt", "2"),
        ("gateway.routing.target", "secondary"),
        ("gen_ai.provider.name", "two"),
        ("gen_ai.server.time_to_first_token", "0.03"),
        ("gen_ai.server.request.duration", "0.08"),
        ("gen_ai.usage.input_tokens", "12"),
        ("gen_ai.usage.output_tokens", "21"),
        ("gateway.usage.source", "estimated"),
    ]);
    chat.events = vec![EventRow {
        timestamp_ns: 0,
        name: "gateway.attempt".to_owned(),
        attributes: pairs(&[
            ("gateway.attempt.number", "1"),
            ("gateway.attempt.target", "primary"),
            ("gateway.attempt.provider", "one"),
            ("gateway.attempt.message", "upstream answered 503"),
            ("gateway.attempt.duration_seconds", "0.02"),
        ]),
    }];
    let text = render_text(&[http, chat], TextOptions { width: 66, color: false });
    let expected = "\
trace abababababababababababababababab
POST /v1/chat/completions  ████████████████████████████   100.0 ms
  chat gpt-4o              ░░░░░░░░░░░░░░◆█████████████   100.0 ms
      attempt 1: primary (one) · failed: upstream answered 503 · 20.0 ms
      attempt 2: secondary (two) · complete · ◆ first token 30.0 ms · tokens 12 → 21 (estimated)
";
    assert_eq!(text, expected);
}

#[test]
fn a_hostile_name_cannot_repaint_the_terminal() {
    let mut evil = span("a", "", "\u{1b}[2Jevil\nname", 0, 1);
    evil.status = StatusCode::Error;
    evil.status_message = "\u{7}bell".to_owned();
    let text = render_text(&[evil], TextOptions { width: 80, color: false });
    assert!(!text.contains('\u{1b}') && !text.contains('\u{7}'), "{text:?}");
    assert_eq!(text.lines().count(), 3);
    let colored = render_text(&[span("a", "", "x", 0, 1)], TextOptions { width: 80, color: true });
    assert!(colored.contains("\u{1b}[32m"));
    assert_eq!(render_text(&[], TextOptions { width: 80, color: false }), "no spans\n");
}
