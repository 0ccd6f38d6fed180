//! Layout and text of waterfalls.

use std::sync::Arc;

use tollgate_store::{EventRow, LinkRow, Pairs, SpanKind, SpanRow, StatusCode, TraceSummary};

use super::{TextOptions, layout, render_list, render_text};

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
        resource_attributes: Arc::default(),
        scope_name: String::new(),
        scope_version: String::new(),
        attributes: Vec::new(),
        status: StatusCode::Unset,
        status_message: String::new(),
        events: Vec::new(),
        links: Vec::new(),
    }
}

fn pairs<T: From<Pairs>>(pairs: &[(&str, &str)]) -> T {
    let pair = |(name, value): &(&str, &str)| ((*name).to_owned().into(), (*value).to_owned());
    pairs.iter().map(pair).collect::<Pairs>().into()
}

#[test]
fn parents_come_before_children_and_no_span_is_left_out() {
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
    let expected = [
        ("root", 0, 0),
        ("outer", 1, 10_000_000),
        ("inner", 2, 30_000_000),
        ("one of a cycle", 0, 5_000_000),
        ("the other", 1, 5_000_000),
    ];
    assert_eq!(rows, expected);
    let alone = [span("a", "a", "its own parent", 0, 1)];
    assert_eq!(layout(&alone).len(), 1);
}

#[test]
fn siblings_stand_in_the_order_of_their_starts() {
    let spans = [span("r", "", "r", 0, 9), span("b", "r", "b", 2, 1), span("a", "r", "a", 1, 1)];
    let names: Vec<_> = layout(&spans).iter().map(|bar| bar.span.name.as_str()).collect();
    assert_eq!(names, ["r", "a", "b"]);
}

#[test]
fn declared_work_without_a_length_stands_before_the_call_that_it_preceded() {
    let spans =
        [span("a", "r", "chat", 1, 9), span("r", "", "http", 1, 9), span("b", "r", "work", 1, 0)];
    let names: Vec<_> = layout(&spans).iter().map(|bar| bar.span.name.as_str()).collect();
    assert_eq!(names, ["http", "work", "chat"]);
}

#[test]
fn absurd_times_are_drawn_and_do_not_overflow() {
    let mut late = span("a", "", "late", 0, 0);
    (late.timestamp_ns, late.duration_ns) = (i64::MAX, i64::MAX);
    late.attributes = pairs(&[
        ("gen_ai.server.time_to_first_token", "8.9e9"),
        ("gen_ai.server.request.duration", "-8.9e9"),
    ]);
    let mut never = span("b", "", "never", 0, 1);
    never.attributes = pairs(&[("gen_ai.server.time_to_first_token", "NaN")]);
    for width in [0, 1, 66, usize::MAX] {
        let spans = [late.clone(), never.clone()];
        let text = render_text(&spans, TextOptions { width, color: false });
        assert_eq!(text.lines().count(), 3, "{text}");
    }
}

#[test]
fn a_chain_of_thousands_is_indented_up_to_a_bound() {
    let name = |at: usize| format!("s{at}");
    let spans: Vec<_> = (0..3000)
        .map(|at| span(&name(at), &at.checked_sub(1).map(name).unwrap_or_default(), "x", 0, 1))
        .collect();
    assert_eq!(layout(&spans)[2999].depth, 2999);
    let text = render_text(&spans, TextOptions { width: 80, color: false });
    let indent = |at: usize| text.lines().nth(1 + at).unwrap().find('x');
    assert_eq!((indent(11), indent(12), indent(13)), (Some(22), Some(24), Some(24)));
    assert_eq!(indent(2999), Some(24));
}

#[test]
fn parallel_tool_calls_stand_under_their_stream() {
    let mut chat = span("b", "", "chat m", 0, 100);
    chat.attributes = pairs(&[
        ("gateway.outcome", "complete"),
        ("gen_ai.provider.name", "one"),
        ("gen_ai.server.time_to_first_token", "0.05"),
        ("gen_ai.usage.input_tokens", "7"),
        ("gen_ai.usage.output_tokens", "9"),
        ("gateway.usage.source", "reported"),
        ("gateway.usage.cost", "0.0012000000000000001"),
        ("gateway.usage.currency", "USD"),
        ("gen_ai.server.output_tokens_per_second", "180.4"),
    ]);
    let first = span("c", "b", "tool_call.get_weather", 50, 25);
    let second = span("d", "b", "tool_call.get_time", 75, 25);
    let text = render_text(&[second, first, chat], TextOptions { width: 56, color: false });
    let expected = "\
trace abababababababababababababababab
chat m                   ░░░░░░░░░░◆█████████   100.0 ms
    one (passthrough) · complete · ◆ first token 50.0 ms · tokens 7 → 9 · 180 tokens/s · cost 0.0012 USD
  tool_call.get_weather            █████         25.0 ms
  tool_call.get_time                    █████    25.0 ms
";
    assert_eq!(text, expected);
}

#[test]
fn a_cut_stream_says_what_is_not_known_and_why_it_ended() {
    let mut chat = span("b", "", "chat m", 0, 40);
    chat.status = StatusCode::Error;
    chat.status_message = "the upstream closed the connection".to_owned();
    chat.attributes = pairs(&[
        ("gateway.outcome", "upstream_failed"),
        ("gateway.routing.attempt", "1"),
        ("gateway.routing.target", "primary"),
        ("gen_ai.provider.name", "one"),
        ("gen_ai.usage.output_tokens", "3"),
        ("gateway.usage.source", "estimated"),
    ]);
    let text = render_text(std::slice::from_ref(&chat), TextOptions { width: 29, color: false });
    let expected = "\
trace abababababababababababababababab
chat m  ██████████    40.0 ms
    attempt 1: primary (one) · upstream_failed · tokens – → ~3
    error: the upstream closed the connection
";
    assert_eq!(text, expected);
    let colored = render_text(&[chat], TextOptions { width: 30, color: true });
    assert!(colored.contains("\u{1b}[31m"), "a failed span is red: {colored:?}");
}

#[test]
fn the_list_tells_each_trace_in_a_line() {
    let trace = TraceSummary {
        trace_id: "ab".repeat(16),
        started_ns: 0,
        duration_ns: 1_500_000_000,
        root_name: "POST /v1/messages".to_owned(),
        spans: 2,
        errors: 0,
        provider: Some("one".to_owned()),
        model: Some("m".to_owned()),
        input_tokens: Some(12),
        output_tokens: None,
        ttft_seconds: Some(0.25),
        status: StatusCode::Ok,
        session: None,
    };
    let failed = TraceSummary {
        provider: None,
        model: None,
        input_tokens: None,
        ttft_seconds: None,
        errors: 1,
        root_name: "evil\u{202e}\u{1b}[2J".to_owned(),
        ..trace.clone()
    };
    let text = render_list(&[trace, failed], TextOptions { width: 80, color: false });
    let expected = "\
TRACE              DURATION       TTFT       TOKENS  STATUS  WHAT
abababababababab     1.50 s   250.0 ms       12 → –  ok      one m
abababababababab     1.50 s                          error   evil\u{fffd}\u{fffd}[2J
";
    assert_eq!(text, expected);
    let none = render_list(&[], TextOptions { width: 80, color: false });
    assert!(none.starts_with("no traces yet"), "{none}");
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
      attempt 2: secondary (two) · complete · ◆ first token 30.0 ms · tokens ~12 → ~21
";
    assert_eq!(text, expected);
}

#[test]
fn a_hostile_name_cannot_repaint_the_terminal() {
    let mut evil = span("a", "", "\u{1b}[2Jevil\nname", 0, 1);
    evil.status = StatusCode::Error;
    evil.status_message = "\u{7}bell \u{202e}sdrawkcab\u{2069}".to_owned();
    let text = render_text(&[evil], TextOptions { width: 80, color: false });
    assert!(!text.contains('\u{1b}') && !text.contains('\u{7}'), "{text:?}");
    assert!(!text.contains('\u{202e}') && !text.contains('\u{2069}'), "{text:?}");
    assert_eq!(text.lines().count(), 3);
    let colored = render_text(&[span("a", "", "x", 0, 1)], TextOptions { width: 80, color: true });
    assert!(colored.contains("\u{1b}[32m"));
    assert_eq!(render_text(&[], TextOptions { width: 80, color: false }), "no spans\n");
}

#[test]
fn declared_work_and_links_have_a_line_each() {
    let chat = span("b", "", "chat m", 0, 100);
    let mut work = span("c", "", "execute_tool search", 0, 50);
    work.attributes = pairs(&[
        ("gen_ai.operation.name", "execute_tool"),
        ("gen_ai.tool.name", "search"),
        ("gen_ai.tool.call.id", "call_1"),
    ]);
    let link = |trace: &str, span: &str| LinkRow {
        trace_id: trace.repeat(16),
        span_id: span.to_owned(),
        trace_state: String::new(),
        attributes: Vec::new(),
    };
    work.links = vec![link("ab", "b"), link("ab", "gone"), link("cd", "b")];
    let mut step = span("d", "", "invoke_agent planner", 60, 0);
    step.attributes = pairs(&[
        ("gen_ai.operation.name", "invoke_agent"),
        ("gen_ai.agent.id", "a-1"),
        ("gen_ai.agent.step", "0\u{1b}[2J"),
    ]);
    let text = render_text(&[chat, work, step], TextOptions { width: 43, color: false });
    let expected = "\
trace abababababababababababababababab
execute_tool search   █████         50.0 ms
    call call_1
    link: chat m (b)
    link: span gone
    link: span b of trace cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd
chat m                ██████████   100.0 ms
invoke_agent planner        █          0 ns
    agent a-1 · step 0\u{fffd}[2J
";
    assert_eq!(text, expected);
}

#[test]
fn of_many_links_eight_are_shown_and_the_rest_is_counted() {
    for (links, more) in [(8, None), (9, Some("and 1 more links"))] {
        let mut busy = span("a", "", "busy", 0, 1);
        busy.links = vec![LinkRow::default(); links];
        let text = render_text(&[busy], TextOptions { width: 80, color: false });
        assert_eq!(text.matches("link: ").count(), 8);
        assert_eq!(text.lines().nth(10).map(str::trim), more);
    }
}

#[test]
fn a_cost_has_the_digits_that_count() {
    for (amount, shown) in [
        ("0.0012", "0.0012"),
        ("0.30000000000000004", "0.3"),
        ("2", "2"),
        ("100", "100"),
        ("0", "0"),
        ("0.0000025", "0.0000025"),
        ("0.00011199999999999999", "0.000112"),
        ("1234567.89", "1234568"),
        ("1000000", "1000000"),
        ("-1", "-1"),
        ("NaN", "NaN"),
        ("much", "much"),
    ] {
        let mut chat = span("b", "", "chat m", 0, 40);
        chat.attributes = pairs(&[
            ("gateway.outcome", "complete"),
            ("gateway.usage.source", "estimated"),
            ("gateway.usage.cost", amount),
        ]);
        let text = render_text(&[chat], TextOptions { width: 80, color: false });
        assert!(text.ends_with(&format!("complete · cost ~{shown}\n")), "{amount}: {text}");
    }
}
