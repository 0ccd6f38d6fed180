//! What the whole stack costs a request, no network: every layer on, a request that passes and one
//! that each refusing layer refuses.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use http::Method;
use tollgate_filters::detect::{Detector, Kind};
use tollgate_filters::guard::{
    Action, DetectorSettings, Directions, Policy, Settings as Guard, Told,
};
use tollgate_filters::request::{InFlight, Request, Settings, Stack, stack};
use tollgate_providers::{AuthStyle, Capabilities, Dialect, Endpoint, Provider};
use tollgate_routing::{Credential, Deadlines, Table, Target};
use tower::ServiceExt;

const CLEAN: &str = r#"{"model":"gpt-4o","temperature":0,"stream":true,"messages":[{"role":"system","content":"You are a helpful assistant. Answer in one sentence."},{"role":"user","content":"Why is the sky blue at noon and red in the evening?"}],"user":"u-17"}"#;

fn table() -> Arc<Table> {
    let dialect = Dialect::Chat;
    let provider = Arc::new(Provider {
        name: "openai".into(),
        base_url: match "http://127.0.0.1:1/v1".parse() {
            Ok(url) => url,
            Err(error) => unreachable!("{error:?}"),
        },
        auth: AuthStyle::Bearer,
        credential: None,
        models: vec!["gpt-4o".into()],
        dialect,
        capabilities: Capabilities::assumed(dialect),
        ca_file: None,
        timeout: Duration::from_secs(30),
    });
    let target = Target {
        name: "openai".into(),
        provider,
        model: "gpt-4o".into(),
        weight: 1,
        credential: Credential::Caller,
        deadlines: Deadlines::default(),
        health: None,
        live: tollgate_routing::live::LiveSlot::default(),
    };
    Arc::new(Table::new([Arc::new(target)], Vec::new(), Vec::new()))
}

fn guard() -> Option<Arc<Policy>> {
    let of = |detector: Detector| DetectorSettings {
        kinds: Kind::named(detector.name()),
        action: if detector == Detector::Blocklist { Action::Block } else { Action::Redact },
        directions: Directions::Both,
    };
    let detectors = Detector::ALL.map(of).to_vec();
    let settings = Guard { blocklist: vec!["internal only".to_owned()], detectors };
    Policy::new(&settings).ok().map(Arc::new)
}

fn build(guard: Option<Arc<Policy>>) -> Stack {
    stack(&Settings {
        body_bytes_max: 1 << 20,
        in_flight_max: 1_000,
        in_flight: InFlight::default(),
        table: table(),
        header_attributes: Arc::default(),
        guard,
    })
}

fn request(body: &'static str) -> Request {
    let mut request = Request::new(Bytes::from_static(body.as_bytes()));
    for (name, value) in [("x-to11-session-id", "s-1"), ("content-type", "application/json")] {
        request.headers_mut().insert(name, http::HeaderValue::from_static(value));
    }
    if let Ok(endpoint) = Endpoint::resolve(&Method::POST, "/v1/chat/completions") {
        request.extensions_mut().insert(endpoint);
    }
    request.extensions_mut().insert(Told::default());
    request
}

fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("stack");
    let bodies = [
        ("passes", CLEAN, true),
        (
            "redacted",
            r#"{"model":"gpt-4o","messages":[{"role":"user","content":"write to bob@example.com"}]}"#,
            true,
        ),
        (
            "blocked",
            r#"{"model":"gpt-4o","messages":[{"role":"user","content":"this is internal only"}]}"#,
            false,
        ),
        (
            "unknown model",
            r#"{"model":"nobody","messages":[{"role":"user","content":"hi"}]}"#,
            false,
        ),
    ];
    for (layers, stack) in [("bare", build(None)), ("all layers", build(guard()))] {
        for (what, body, passes) in bodies {
            if layers == "bare" && what != "passes" {
                continue;
            }
            group.bench_function(format!("{layers}, {what}"), |bencher| {
                bencher.iter(|| {
                    let call = stack.clone().oneshot(request(black_box(body)));
                    let answer = futures_util::FutureExt::now_or_never(call);
                    assert_eq!(answer.map(|answer| answer.is_ok()), Some(passes), "{what}");
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
