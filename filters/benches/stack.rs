//! One request through the whole stack, with no I/O: a hit, a miss, and what is not looked for. The
//! promise: five microseconds at most.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use http::{HeaderMap, Method};
use tokio::runtime::Runtime;
use tokio::time::Instant;
use tollgate_filters::cache::{Counts, Mode, Pace, ResponseCache, Settings, Told};
use tollgate_filters::request::{self, InFlight, OwnLayers, Request, Stack, Verdict};
use tollgate_providers::{AuthStyle, Capabilities, Dialect, Endpoint, Provider};
use tollgate_routing::live::LiveSlot;
use tollgate_routing::{Credential, Deadlines, Table, Target};
use tower::ServiceExt;

/// A conversation of about a kilobyte.
fn body(temperature: &str) -> Bytes {
    let text = "Tell me about the weather of the next days, in a few words. ".repeat(12);
    let head = r#"{"model":"gpt","max_tokens":256,"stream":false,"temperature":"#;
    let system = r#"{"role":"system","content":"You are brief."}"#;
    format!(r#"{head}{temperature},"messages":[{system},{{"role":"user","content":"{text}"}}]}}"#)
        .into()
}

fn table() -> Arc<Table> {
    let provider = Arc::new(Provider {
        name: "acme".into(),
        base_url: "https://api.acme.example/v1".parse().unwrap_or_else(|_| unreachable!()),
        auth: AuthStyle::Bearer,
        credential: None,
        models: vec!["gpt".into()],
        dialect: Dialect::Chat,
        capabilities: Capabilities::assumed(Dialect::Chat),
        ca_file: None,
        timeout: Duration::from_secs(30),
    });
    let target = Target {
        name: "gpt".into(),
        model: "gpt".into(),
        provider,
        weight: 1,
        credential: Credential::Caller,
        deadlines: Deadlines::default(),
        health: None,
        live: LiveSlot::default(),
    };
    Arc::new(Table::new([Arc::new(target)], Vec::new(), Vec::new()))
}

fn stack(cache: Option<Arc<ResponseCache>>) -> Stack {
    request::stack(&request::Settings {
        body_bytes_max: 1 << 20,
        in_flight_max: 1_000,
        in_flight: InFlight::default(),
        table: table(),
        header_attributes: [].into(),
        cache,
        own: OwnLayers::default(),
    })
}

fn cache() -> Arc<ResponseCache> {
    let settings = Settings {
        ttl: Duration::from_secs(600),
        bytes_max: 256 << 20,
        entry_bytes_max: 1 << 20,
        streams: true,
        pace: Pace::AtOnce,
        mode: Mode::Eligible,
        modes: Default::default(),
        wait: Duration::from_secs(1),
        version: [1; 32],
    };
    Arc::new(ResponseCache::new(settings, Arc::new(Counts::default()), None))
}

fn request(body: &Bytes) -> Request {
    let mut request = Request::new(body.clone());
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("authorization", "Bearer sk-0123456789abcdef0123456789abcdef"),
        ("content-type", "application/json"),
        ("user-agent", "bench/1"),
        ("accept", "*/*"),
    ] {
        headers.insert(name, http::HeaderValue::from_static(value));
    }
    *request.headers_mut() = headers;
    *request.method_mut() = Method::POST;
    request.extensions_mut().insert(Endpoint::ChatCompletions);
    request
}

fn admit(runtime: &Runtime, stack: &Stack, body: &Bytes) {
    let verdict = runtime.block_on(stack.clone().oneshot(request(body)));
    if let Ok(Verdict::Forward(mut forward)) = verdict
        && let Some(mut admission) = forward.cache.take().and_then(|cached| cached.admission)
    {
        admission.record(&Bytes::from_static(b"{\"answer\":1}"), Instant::now());
        admission.admit(false, Told::default());
    }
}

fn stacks(c: &mut Criterion) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return;
    };
    let (sure, unsure) = (body("0"), body("0.7"));
    let warm = stack(Some(cache()));
    admit(&runtime, &warm, &sure);
    let cold = stack(Some(cache()));
    let cases = [
        ("off", &stack(None), &sure),
        ("hit", &warm, &sure),
        ("miss", &cold, &sure),
        ("skip", &cold, &unsure),
    ];
    let mut group = c.benchmark_group("stack");
    for (name, stack, body) in cases {
        group.bench_function(name, |b| {
            b.iter_batched(
                || request(body),
                |request| black_box(runtime.block_on(stack.clone().oneshot(request))),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, stacks);
criterion_main!(benches);
