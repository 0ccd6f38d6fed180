//! Tool calls as children of the GenAI span, and when they took place.

use std::time::Duration;

use tollgate_providers::Usage;

use super::super::{GenAi, Response, StreamTiming, ToolCall, UsageSource};
use super::{complete, named, text, tree};

#[test]
fn a_stream_has_its_times_and_its_tool_calls_their_own() {
    let usage = Usage { input: Some(10), output: Some(40), ..Usage::default() };
    let spans = tree(GenAi {
        stream: true,
        response: Response {
            usage: Some(usage),
            usage_source: UsageSource::Reported,
            finish_reasons: vec!["tool_calls".to_owned(), "a\"b".to_owned()],
            ..Response::default()
        },
        timing: Some(StreamTiming {
            first_content: Some(Duration::from_millis(300)),
            gap_p50: Some(Duration::from_millis(10)),
            gap_p99: Some(Duration::from_millis(20)),
            gap_max: Some(Duration::from_millis(21)),
            duration: Duration::from_secs(2),
            ..StreamTiming::default()
        }),
        tool_calls: vec![
            ToolCall {
                id: "c1".to_owned(),
                name: "f".to_owned(),
                times: Some((2_000, 3_000)),
                ..ToolCall::default()
            },
            ToolCall {
                name: "g".to_owned(),
                arguments: Some("{}".to_owned()),
                times: Some((3_000, 5_000)),
                ..ToolCall::default()
            },
        ],
        ..complete()
    });
    let genai = named(&spans, "chat gpt-4o");
    for (name, value) in [
        ("gen_ai.request.stream", "true"),
        ("gen_ai.server.time_to_first_token", "0.3"),
        ("gen_ai.server.request.duration", "2"),
        ("gen_ai.server.output_tokens_per_second", "20"),
        ("gateway.stream.gap.p99_seconds", "0.02"),
        ("gateway.stream.stalls", "0"),
        ("gen_ai.response.finish_reasons", r#"["tool_calls","a\"b"]"#),
    ] {
        assert_eq!(text(genai, name).as_deref(), Some(value), "{name}");
    }
    let (f, g) = (named(&spans, "tool_call.f"), named(&spans, "tool_call.g"));
    assert_eq!((f.parent, f.start_ns, f.end_ns), (Some(genai.span_id), 2_000, 3_000));
    assert_eq!(text(f, "gen_ai.tool.call.id").as_deref(), Some("c1"));
    assert_eq!(text(f, "gen_ai.tool.call.arguments"), None);
    assert_eq!(
        (text(g, "gen_ai.tool.call.id"), text(g, "gen_ai.tool.call.arguments").as_deref()),
        (None, Some("{}"))
    );
}

#[test]
fn a_plain_answers_tool_calls_share_the_generation_evenly() {
    let tool = |name: &str| ToolCall { name: name.to_owned(), ..ToolCall::default() };
    let spans = tree(GenAi { tool_calls: vec![tool("a"), tool("b")], ..complete() });
    let (a, b) = (named(&spans, "tool_call.a"), named(&spans, "tool_call.b"));
    assert_eq!(((a.start_ns, a.end_ns), (b.start_ns, b.end_ns)), ((1_000, 5_000), (5_000, 9_000)));
}
