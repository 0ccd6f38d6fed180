//! Spans to keep.

use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use tollgate_store::{EventRow, LinkRow, Pairs, SpanKind, SpanRow, StatusCode};

static START_NS: LazyLock<i64> = LazyLock::new(|| {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs() - 3600).unwrap() * 1_000_000_000
});

/// A moment to count from, always the same: an hour ago, in whole seconds.
pub(crate) fn start_ns() -> i64 {
    *START_NS
}

pub(crate) fn trace_id(trace: u64) -> String {
    format!("{trace:032x}")
}

fn pairs<T: From<Pairs>>(pairs: &[(&str, &str)]) -> T {
    let pair = |(key, value): &(&str, &str)| ((*key).to_owned().into(), (*value).to_owned());
    pairs.iter().map(pair).collect::<Pairs>().into()
}

/// Span `span` of trace `trace`, which starts `trace` seconds after `start_ns`. Span 0 is the root,
/// the others are model calls.
pub(crate) fn row(start_ns: i64, trace: u64, span: u64) -> SpanRow {
    let (provider, model) =
        if trace.is_multiple_of(2) { ("openai", "gpt-4o") } else { ("anthropic", "claude") };
    let mut row = SpanRow {
        timestamp_ns: start_ns + signed(trace) * 1_000_000_000 + signed(span) * 1_000_000,
        duration_ns: 10_000_001,
        trace_id: trace_id(trace),
        span_id: format!("{:016x}", span + 1),
        parent_span_id: if span == 0 { String::new() } else { format!("{:016x}", 1) },
        name: format!("span {span}"),
        kind: SpanKind::Server,
        service_name: "gateway".to_owned(),
        resource_attributes: pairs(&[
            ("service.name", "gateway"),
            ("project.id", &format!("p{}", trace % 3)),
        ]),
        scope_name: "scope".to_owned(),
        scope_version: "1.2".to_owned(),
        ..SpanRow::default()
    };
    if span > 0 {
        row.kind = SpanKind::Client;
        row.attributes = pairs(&[
            ("gen_ai.operation.name", "chat"),
            ("gen_ai.provider.name", provider),
            ("gen_ai.request.model", model),
            ("gen_ai.usage.input_tokens", "100"),
            ("gen_ai.usage.output_tokens", "20"),
            ("gen_ai.server.time_to_first_token", "0.25"),
            ("gen_ai.session.id", &format!("s{}", trace % 5)),
            ("gen_ai.user.id", &format!("u{trace}")),
        ]);
        if trace.is_multiple_of(4) {
            row.status = StatusCode::Error;
        }
    }
    row
}

/// Everything that a span can have, and what breaks formats.
pub(crate) fn odd(start_ns: i64) -> SpanRow {
    SpanRow {
        timestamp_ns: start_ns + 123_456_789,
        duration_ns: i64::MAX / 4,
        trace_state: "a=b,c='d'".to_owned(),
        name: "it's a \\ \"name\"\n\t\u{0} läuft 🚀".to_owned(),
        kind: SpanKind::Consumer,
        status: StatusCode::Error,
        status_message: "no `luck`".to_owned(),
        attributes: pairs(&[
            ("z.last", ""),
            ("a.first", &"x".repeat(100_000)),
            ("key with 'quotes' and ü", "{\"json\": [1, null]}"),
            ("gen_ai.input.messages", "[{\"role\":\"user\"}]"),
        ]),
        events: vec![
            EventRow {
                timestamp_ns: start_ns + 1,
                name: "first".to_owned(),
                attributes: pairs(&[("k", "v"), ("a", "b")]),
            },
            EventRow { timestamp_ns: start_ns + 2, name: String::new(), attributes: Vec::new() },
        ],
        links: vec![LinkRow {
            trace_id: trace_id(99),
            span_id: format!("{:016x}", 99),
            trace_state: "x=y".to_owned(),
            attributes: pairs(&[("reason", "retry")]),
        }],
        ..row(start_ns, 7, 0)
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap()
}
