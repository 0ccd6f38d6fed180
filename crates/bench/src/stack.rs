//! Stacks and requests for them: nothing configured, and every layer on.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use tokio::runtime::Runtime;
use tokio::time::Instant;
use tollgate_filters::cache::{Counts, Mode, Pace, ResponseCache, Settings, Told};
use tollgate_filters::detect::{Detector, Kind};
use tollgate_filters::guard::{self, Action, DetectorSettings, Directions, Policy};
use tollgate_filters::request::{
    self, Caller, CallerKeys, Callers, InFlight, KeyRefusal, OwnLayers, Prices, Quotas, Request,
    Stack, Unpriced, Verdict,
};
use tollgate_limits::{Caps, Ledger, Now, OnExceed, Priced, Rule, Scope};
use tollgate_providers::{AuthStyle, Capabilities, Dialect, Endpoint, Provider};
use tollgate_routing::live::LiveSlot;
use tollgate_routing::{Credential, Deadlines, Table, Target};
use tower::ServiceExt;

const KEY: &str = "tg_bench_0123456789abcdef";

/// A chat request with a conversation of about a kilobyte, which ends like this.
pub fn body(temperature: &str, end: &str) -> Bytes {
    let text = "Tell me about the weather of the next days, in a few words. ".repeat(12) + end;
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

/// One key is known.
#[derive(Debug)]
struct OneKey(Arc<Caller>);

impl Callers for OneKey {
    fn identify(&self, key: &str, _project: Option<&str>) -> Result<Arc<Caller>, KeyRefusal> {
        if key == KEY { Ok(Arc::clone(&self.0)) } else { Err(KeyRefusal::NotValid) }
    }

    fn anonymous(&self, _refused: bool) {}
}

/// Every model costs the same.
#[derive(Debug)]
struct Flat;

impl Prices for Flat {
    fn price(&self, _model: &str) -> Option<Priced> {
        Some(Priced { input: 1e-6, output: 2e-6, currency: "USD".into() })
    }
}

fn keys(required: bool) -> CallerKeys {
    let caller = Caller {
        key_id: "key_1".into(),
        key_name: "bench".into(),
        project: None,
        metadata: Arc::default(),
        models: None,
        rule: None,
    };
    CallerKeys { callers: Arc::new(OneKey(Arc::new(caller))), required }
}

/// Requests, tokens, concurrency and a budget for each key and each model; none of it runs out.
fn rules() -> Vec<Arc<Rule>> {
    let plenty = 1 << 40;
    let caps = Caps {
        requests_per_minute: Some(plenty),
        tokens_per_minute: Some(plenty),
        concurrency_max: Some(plenty),
        ..Caps::default()
    };
    let rule = |scope: Scope| Rule {
        name: scope.name().into(),
        scope,
        matching: None,
        caps: caps.clone(),
        on_exceed: OnExceed::Finish,
    };
    [Scope::Key, Scope::Model].map(rule).map(Arc::new).to_vec()
}

fn quotas(rules: Vec<Arc<Rule>>) -> Quotas {
    let started = std::time::Instant::now();
    let clock = Arc::new(move || {
        let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Now { ms, unix_s: 1_700_000_000 + ms / 1_000 }
    });
    Quotas {
        ledger: Arc::new(Ledger::new(1_000, clock)),
        rules: rules.into(),
        prices: Arc::new(Flat),
        unpriced: Unpriced::Allow,
        output_tokens_default: 100,
        on_exceed: OnExceed::Finish,
        table: table(),
    }
}

fn guard() -> Option<Arc<Policy>> {
    let of = |detector: Detector| DetectorSettings {
        kinds: Kind::named(detector.name()),
        action: if detector == Detector::Blocklist { Action::Block } else { Action::Redact },
        directions: Directions::Both,
    };
    let detectors = Detector::ALL.map(of).to_vec();
    let settings = guard::Settings { blocklist: vec!["internal only".to_owned()], detectors };
    Policy::new(&settings).ok().map(Arc::new)
}

/// Every layer, or only those that cannot be switched off.
pub fn stack(all: bool) -> Stack {
    request::stack(&request::Settings {
        body_bytes_max: 1 << 20,
        in_flight_max: 1_000,
        in_flight: InFlight::default(),
        keys: keys(all),
        quotas: Arc::new(quotas(if all { rules() } else { Vec::new() })),
        table: table(),
        header_attributes: [].into(),
        guard: guard().filter(|_| all),
        cache: all.then(cache),
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

/// A request as it comes to the stack.
pub fn request(body: &Bytes) -> Request {
    let mut request = Request::new(body.clone());
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("x-to11-authorization", "Bearer tg_bench_0123456789abcdef"),
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
    request.extensions_mut().insert(guard::Told::default());
    request
}

/// Sends `body` through `stack`, and an answer into its cache.
pub fn admit(runtime: &Runtime, stack: &Stack, body: &Bytes) {
    let verdict = runtime.block_on(stack.clone().oneshot(request(body)));
    if let Ok(Verdict::Forward(mut forward)) = verdict
        && let Some(mut admission) = forward.cache.take().and_then(|cached| cached.admission)
    {
        admission.record(&Bytes::from_static(b"{\"answer\":1}"), Instant::now());
        admission.admit(false, Told::default());
    }
}
