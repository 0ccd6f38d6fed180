//! Rows of the embedded store: one request's two spans each, the HTTP span and the model call.

use tollgate_store::{Pairs, SpanKind, SpanRow};

/// What both spans of a request say of where they are from.
fn from_gateway(at: u64, name: &str, attributes: &[(&'static str, &str)]) -> SpanRow {
    let start_ns = 1_700_000_000_000_000_000 + i64::try_from(at).unwrap_or_default() * 1_000_003;
    SpanRow {
        timestamp_ns: start_ns,
        duration_ns: 250_000_000,
        trace_id: format!("{:016x}{at:016x}", scattered(at)),
        name: name.to_owned(),
        service_name: "tollgate".to_owned(),
        resource_attributes: pairs(&[("service.name", "tollgate"), ("service.version", "0.1.0")]),
        scope_name: "tollgate".to_owned(),
        scope_version: "0.1.0".to_owned(),
        attributes: pairs(attributes),
        ..SpanRow::default()
    }
}

/// The spans of requests from number `first` on, two each, with ids of their own.
pub fn rows(first: u64, requests: u64) -> Vec<SpanRow> {
    (first..first + requests).flat_map(|at| [server(at), client(at)]).collect()
}

fn server(at: u64) -> SpanRow {
    let attributes = [
        ("http.request.method", "POST"),
        ("url.path", "/v1/chat/completions"),
        ("http.route", "/v1/chat/completions"),
        ("http.response.status_code", "200"),
        ("client.address", "127.0.0.1"),
        ("user_agent.original", "bench/1"),
        ("network.protocol.version", "1.1"),
        ("gateway.request.id", &format!("req_{:016x}", scattered(at))),
    ];
    SpanRow {
        span_id: format!("{:016x}", scattered(at) | 1),
        kind: SpanKind::Server,
        ..from_gateway(at, "POST /v1/chat/completions", &attributes)
    }
}

fn client(at: u64) -> SpanRow {
    let (input, output) = ((10 + at % 900).to_string(), (1 + at % 90).to_string());
    let attributes = [
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "acme"),
        ("gen_ai.request.model", "some-model"),
        ("gen_ai.response.model", "some-model-1"),
        ("gen_ai.response.id", &format!("chatcmpl-{:016x}", scattered(at))),
        ("gen_ai.request.stream", "true"),
        ("gen_ai.response.finish_reasons", r#"["stop"]"#),
        ("gen_ai.usage.input_tokens", &input),
        ("gen_ai.usage.output_tokens", &output),
        ("gen_ai.server.request.duration", &format!("0.25{:04}", at % 10_000)),
        ("gen_ai.server.time_to_first_token", &format!("0.12{:04}", at % 10_000)),
        ("gen_ai.session.id", &format!("s-{}", at % 50)),
        ("gen_ai.user.id", &format!("user-{}", at % 20)),
        ("server.address", "api.acme.example"),
        ("server.port", "443"),
        ("gateway.routing.target", "primary"),
        ("gateway.usage.source", "reported"),
        ("gateway.outcome", "complete"),
    ];
    SpanRow {
        span_id: format!("{:016x}", scattered(at).rotate_left(17) | 1),
        parent_span_id: format!("{:016x}", scattered(at) | 1),
        kind: SpanKind::Client,
        ..from_gateway(at, "chat some-model", &attributes)
    }
}

/// Digits as random as an id's, the same on every run (splitmix64).
fn scattered(at: u64) -> u64 {
    let mut z = at.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn pairs<T: From<Pairs>>(list: &[(&'static str, &str)]) -> T {
    let pair = |(name, value): &(&'static str, &str)| ((*name).into(), (*value).to_owned());
    list.iter().map(pair).collect::<Pairs>().into()
}
