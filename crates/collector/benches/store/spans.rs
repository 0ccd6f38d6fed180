//! The spans of the bench: agents' steps with their model calls and tools, as teams send them.

use tollgate_store::{Pairs, SpanKind, SpanRow, StatusCode};

/// The collector's batch.
pub(crate) const BATCH_SPANS: u64 = 2_048;

const MODELS: [(&str, &str); 6] = [
    ("openai", "gpt-4o"),
    ("openai", "gpt-4o-mini"),
    ("openai", "o3"),
    ("anthropic", "claude-sonnet-4-6"),
    ("anthropic", "claude-haiku-4-5"),
    ("mistral", "mistral-large"),
];

/// A small generator of numbers (splitmix64).
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// Four spans of one trace, 19 attributes each on average: an agent's step, the gateway's two model
/// calls, a tool's run.
fn trace(numbers: &mut Numbers, start_ns: i64, rows: &mut Vec<SpanRow>) {
    let trace_id = format!("{:016x}{:016x}", numbers.next(), numbers.next());
    let session = format!("sess-{:x}", numbers.below(20_000));
    let user = format!("user-{}", numbers.below(5_000));
    let project = format!("project-{}", numbers.below(8));
    let (provider, model) = MODELS[(numbers.below(6)) as usize];
    let root = format!("{:016x}", numbers.next());
    let mut add = |numbers: &mut Numbers, at: i64, service: &str, name: &str, attributes| {
        let failed = numbers.below(40) == 0;
        rows.push(SpanRow {
            timestamp_ns: start_ns + at * 1_000_003,
            duration_ns: i64::try_from(1_000_000 + numbers.below(9_000_000_000)).unwrap_or(1),
            trace_id: trace_id.clone(),
            span_id: if at == 0 { root.clone() } else { format!("{:016x}", numbers.next()) },
            parent_span_id: if at == 0 { String::new() } else { root.clone() },
            name: name.to_owned(),
            kind: if at == 0 { SpanKind::Internal } else { SpanKind::Client },
            service_name: service.to_owned(),
            resource_attributes: pairs(&[
                ("service.name", service),
                ("service.version", "1.4.2"),
                ("telemetry.sdk.language", "python"),
                ("telemetry.sdk.name", "opentelemetry"),
                ("project.id", &project),
            ]),
            scope_name: "tollgate".to_owned(),
            scope_version: "0.1.0".to_owned(),
            attributes,
            status: if failed { StatusCode::Error } else { StatusCode::Unset },
            status_message: if failed { "upstream answered 503" } else { "" }.to_owned(),
            ..SpanRow::default()
        });
    };
    let step = numbers.below(9).to_string();
    let agent = pairs(&[
        ("gen_ai.operation.name", "invoke_agent"),
        ("gen_ai.agent.name", "planner"),
        ("gen_ai.agent.id", "agent-7f3a"),
        ("gen_ai.agent.step", &step),
        ("gen_ai.session.id", &session),
        ("gen_ai.user.id", &user),
        ("deployment.environment", "production"),
        ("thread.name", "worker-3"),
    ]);
    add(numbers, 0, "checkout-agent", "invoke_agent planner", agent);
    for at in 1..3 {
        let call = generation(numbers, provider, model, &session, &user, at == 1);
        add(numbers, at, "tollgate", &format!("chat {model}"), call);
    }
    let (id, bytes) = (format!("call_{:016x}", numbers.next()), numbers.below(9_000).to_string());
    let tool = pairs(&[
        ("gen_ai.operation.name", "execute_tool"),
        ("gen_ai.tool.name", "search_orders"),
        ("gen_ai.tool.type", "function"),
        ("gen_ai.tool.call.id", &id),
        ("gen_ai.session.id", &session),
        ("gen_ai.user.id", &user),
        ("tool.result.bytes", &bytes),
        ("http.request.method", "GET"),
        ("http.response.status_code", "200"),
        ("server.address", "orders.internal"),
        ("server.port", "8443"),
        ("network.protocol.version", "1.1"),
    ]);
    add(numbers, 3, "checkout-agent", "execute_tool search_orders", tool);
}

/// What the gateway says about one call.
fn generation(
    numbers: &mut Numbers,
    provider: &str,
    model: &str,
    session: &str,
    user: &str,
    stream: bool,
) -> Pairs {
    let (input, output) = (10 + numbers.below(6_000), 1 + numbers.below(900));
    let took = 0.2 + numbers.below(9_000_000) as f64 / 1e6;
    let cost = (input * 3 + output * 15) as f64 / 1e6;
    let mut attributes: Pairs = pairs(&[
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", provider),
        ("gen_ai.request.model", model),
        ("gen_ai.response.model", &format!("{model}-2026-08-06")),
        ("gen_ai.response.id", &format!("chatcmpl-{:016x}{:08x}", numbers.next(), user.len())),
        ("gen_ai.request.stream", if stream { "true" } else { "false" }),
        ("gen_ai.request.temperature", "0.2"),
        ("gen_ai.request.max_tokens", "1024"),
        ("gen_ai.response.finish_reasons", r#"["stop"]"#),
        ("gen_ai.usage.input_tokens", &input.to_string()),
        ("gen_ai.usage.output_tokens", &output.to_string()),
        ("gen_ai.server.request.duration", &took.to_string()),
        ("gen_ai.session.id", session),
        ("gen_ai.user.id", user),
        ("server.address", &format!("api.{provider}.com")),
        ("server.port", "443"),
        ("http.response.status_code", "200"),
        ("gateway.routing.route", "default"),
        ("gateway.routing.target", &format!("{provider}-primary")),
        ("gateway.routing.attempt", "1"),
        ("gateway.usage.source", "reported"),
        ("gateway.usage.cost", &cost.to_string()),
        ("gateway.request.id", &format!("{:016x}", numbers.next())),
        ("gateway.request.bytes", &(input * 5).to_string()),
        ("gateway.response.bytes", &(output * 6).to_string()),
        ("gateway.outcome", if numbers.below(50) == 0 { "upstream_failed" } else { "complete" }),
        ("gateway.overhead.duration", &format!("0.000{}", 100 + numbers.below(800))),
    ]);
    if stream {
        let first = took / (2 + numbers.below(9)) as f64;
        attributes.extend(pairs::<Pairs>(&[
            ("gen_ai.server.time_to_first_token", &first.to_string()),
            ("gen_ai.server.time_per_output_token", &(took / output as f64).to_string()),
        ]));
    }
    attributes
}

fn pairs<T: From<Pairs>>(list: &[(&str, &str)]) -> T {
    let pair = |(name, value): &(&str, &str)| ((*name).to_owned().into(), (*value).to_owned());
    list.iter().map(pair).collect::<Pairs>().into()
}

pub(crate) fn batch(numbers: &mut Numbers) -> Vec<SpanRow> {
    let mut rows = Vec::with_capacity(BATCH_SPANS as usize);
    while (rows.len() as u64) < BATCH_SPANS {
        let ago = i64::try_from(numbers.below(1_000_000_000)).unwrap_or(0);
        trace(numbers, tollgate_store::now_ns() - ago, &mut rows);
    }
    rows
}
