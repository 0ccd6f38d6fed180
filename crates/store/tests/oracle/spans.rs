//! Spans that look like a day's work: calls of three providers with their tool calls, retrievals and
//! agent steps, failures among them. Always the same for one seed and one moment.

use tollgate_store::{EventRow, LinkRow, Pairs, SpanKind, SpanRow, StatusCode};

const MODELS: [(&str, &str); 8] = [
    ("openai", "gpt-4o"),
    ("openai", "gpt-4o-mini"),
    ("openai", "o3"),
    ("anthropic", "claude-sonnet-4-6"),
    ("anthropic", "claude-haiku"),
    ("xai", "grok-4"),
    ("mistral", "mistral-large"),
    ("mistral", "ministral"),
];
const TOOLS: [&str; 5] = ["get_weather", "search", "läuft", "book_flight", "it's"];
const MINUTE_NS: i64 = 60_000_000_000;

/// A small generator of numbers (splitmix64).
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// At least `count` spans; the last hour's up to `now_ns`, and a tenth from long before.
pub(crate) fn spans(count: usize, now_ns: i64) -> Vec<SpanRow> {
    let mut numbers = Numbers(7);
    let mut rows = Vec::with_capacity(count + 16);
    while rows.len() < count {
        call(&mut rows, &mut numbers, now_ns);
    }
    rows
}

/// One request: its HTTP span, what was declared, the model call and its tool calls.
fn call(rows: &mut Vec<SpanRow>, numbers: &mut Numbers, now_ns: i64) {
    let old = numbers.below(10) == 0;
    let ago = if old { 120 + numbers.below(600) } else { 1 + numbers.below(49) };
    let start =
        now_ns - i64::try_from(ago).unwrap() * MINUTE_NS + signed(numbers.below(60_000_000_000));
    let took = signed(1_000_000 + numbers.below(9_000_000_000));
    let trace_id = format!("{:016x}{:016x}", numbers.next(), numbers.next());
    let http = SpanRow {
        kind: SpanKind::Server,
        name: "POST /v1/chat/completions".to_owned(),
        attributes: pairs(&[
            ("http.request.method", "POST"),
            ("http.route", "/v1/chat/completions"),
        ]),
        ..base(numbers, &trace_id, "", start, took)
    };
    let parent = http.span_id.clone();
    rows.push(http);
    if numbers.below(4) == 0 {
        rows.push(declared(numbers, &trace_id, &parent, start));
    }
    let genai = generation(numbers, &trace_id, &parent, start + 1, took - 1);
    let (parent, tools) = (genai.span_id.clone(), numbers.below(4));
    rows.push(genai);
    for at in 0..tools {
        let name = TOOLS[numbers.below(5) as usize];
        let part = took / 4;
        let begin = start + 2 + part * signed(at);
        rows.push(SpanRow {
            name: format!("tool_call.{name}"),
            kind: SpanKind::Internal,
            attributes: pairs(&[
                ("gen_ai.tool.name", name),
                ("gen_ai.tool.type", "function"),
                ("gen_ai.tool.call.id", &format!("call_{:x}", numbers.next())),
            ]),
            ..base(numbers, &trace_id, &parent, begin, part)
        });
    }
}

fn generation(numbers: &mut Numbers, trace: &str, parent: &str, start: i64, took: i64) -> SpanRow {
    let (provider, model) = MODELS[(numbers.below(64) as f64).sqrt() as usize];
    let stream = numbers.below(3) > 0;
    let failed = numbers.below(12) == 0;
    let mut attributes: Pairs = pairs(&[
        ("gen_ai.operation.name", if numbers.below(9) == 0 { "embeddings" } else { "chat" }),
        ("gen_ai.provider.name", provider),
        ("gen_ai.request.model", model),
        ("gen_ai.request.stream", if stream { "true" } else { "false" }),
        ("gateway.outcome", if failed { "upstream_failed" } else { "complete" }),
    ]);
    let mut add = |name: &str, value: String| attributes.push((name.to_owned().into(), value));
    if !failed {
        add("gen_ai.usage.input_tokens", (10 + numbers.below(4_000)).to_string());
        add("gen_ai.usage.output_tokens", numbers.below(900).to_string());
        add("gen_ai.response.finish_reasons", r#"["stop"]"#.to_owned());
        add("gateway.usage.cost", format!("{}", numbers.below(10_000) as f64 / 1e6));
    }
    if stream && !failed {
        add(
            "gen_ai.server.time_to_first_token",
            format!("{}", numbers.below(3_000_000) as f64 / 1e6),
        );
        add("gen_ai.server.request.duration", format!("{}", took as f64 / 1e9));
    }
    if numbers.below(3) == 0 {
        add("gen_ai.user.id", format!("user-{}", numbers.below(40)));
        add("gen_ai.session.id", format!("sess-{}", numbers.below(300)));
    }
    if numbers.below(50) == 0 {
        add("gen_ai.input.messages", r#"[{"role":"user","content":"hi \"there\""}]"#.to_owned());
        add(
            "odd",
            ["", "007", "-3", "1.5", "x", " 4", "1e3", "+8"][numbers.below(8) as usize].to_owned(),
        );
    }
    let event = EventRow {
        timestamp_ns: start + 1_000,
        name: "gateway.attempt".to_owned(),
        attributes: pairs(&[("gateway.attempt.target", "primary")]),
    };
    let link = LinkRow {
        trace_id: trace.to_owned(),
        span_id: parent.to_owned(),
        attributes: pairs(&[("gen_ai.tool.call.id", "c1")]),
        ..LinkRow::default()
    };
    SpanRow {
        name: format!("chat {model}"),
        kind: SpanKind::Client,
        status: if failed { StatusCode::Error } else { StatusCode::Unset },
        status_message: if failed { "upstream answered 503".to_owned() } else { String::new() },
        attributes,
        events: if failed { vec![event] } else { Vec::new() },
        links: if numbers.below(20) == 0 { vec![link] } else { Vec::new() },
        ..base(numbers, trace, parent, start, took)
    }
}

/// Work that a caller declared.
fn declared(numbers: &mut Numbers, trace: &str, parent: &str, start: i64) -> SpanRow {
    let took = signed(1_000_000 + numbers.below(500_000_000));
    let (name, attributes) = match numbers.below(4) {
        0 => (
            "retrieval pinecone",
            pairs(&[
                ("gen_ai.operation.name", "retrieval"),
                ("gen_ai.retrieval.source", "pinecone"),
                ("gen_ai.retrieval.document.count", "5"),
            ]),
        ),
        1 => (
            "execute_tool search",
            pairs(&[
                ("gen_ai.operation.name", "execute_tool"),
                ("gen_ai.tool.name", "search"),
                ("gen_ai.tool.call.id", "c1"),
            ]),
        ),
        2 => (
            "invoke_agent planner",
            pairs(&[
                ("gen_ai.operation.name", "invoke_agent"),
                ("gen_ai.agent.name", "planner"),
                ("gen_ai.agent.step", "0"),
            ]),
        ),
        _ => (
            "create_agent planner",
            pairs(&[("gen_ai.operation.name", "create_agent"), ("gen_ai.agent.name", "planner")]),
        ),
    };
    SpanRow {
        name: name.to_owned(),
        attributes,
        ..base(numbers, trace, parent, start - took, took)
    }
}

fn base(numbers: &mut Numbers, trace: &str, parent: &str, start: i64, took: i64) -> SpanRow {
    let (service, project) =
        [("tollgate", "acme"), ("tollgate", "globex"), ("rag", "acme")][numbers.below(3) as usize];
    SpanRow {
        timestamp_ns: start,
        duration_ns: took,
        trace_id: trace.to_owned(),
        span_id: format!("{:016x}", numbers.next()),
        parent_span_id: parent.to_owned(),
        kind: SpanKind::Internal,
        service_name: service.to_owned(),
        resource_attributes: pairs(&[("service.name", service), ("project.id", project)]),
        scope_name: "tollgate".to_owned(),
        scope_version: "1".to_owned(),
        ..SpanRow::default()
    }
}

fn pairs<T: From<Pairs>>(list: &[(&str, &str)]) -> T {
    let pair = |(name, value): &(&str, &str)| ((*name).to_owned().into(), (*value).to_owned());
    list.iter().map(pair).collect::<Pairs>().into()
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap()
}
