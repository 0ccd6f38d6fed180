//! A mock provider, a gateway in front of it, and the spans of what happened.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::runtime::Runtime;
use tollgate::Running;
use tollgate::reload::Source;
use tollgate_mock::Mock;
use tollgate_store::SpanRow;

/// How long anything here may take on the busiest of machines. It is waited for, and so costs nothing
/// where all is well.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// How often a time is measured that other processes can only make longer.
const TRIES_MAX: usize = 10;
/// Below the range from which the system takes ports for outgoing connections.
const PORTS: std::ops::Range<u16> = 20_000..32_000;
const PORT_TRIES: usize = 1_000;

/// Providers and routes that most tests need. `{mock}` is the mock's address.
pub(crate) const USUAL: &str = r#"
providers:
  openai:    { base_url: "{mock}/v1", models: [gpt-4o, gpt-4o-mini], credential: "env::OPENAI_KEY" }
  anthropic: { base_url: "{mock}/v1", models: [claude-sonnet-4-6], dialect: messages, credential: "env::ANTHROPIC_KEY" }
  first:     { base_url: "{mock}/@first/v1", models: [gpt-4o, claude-first], auth_type: none }
  firstmsg:  { base_url: "{mock}/@first/v1", models: [claude-sonnet-4-6], dialect: messages, auth_type: none }
targets:
  primary:   { model: gpt-4o, provider: first, timeout_ms: 1500, first_token_timeout_ms: 2000, idle_timeout_ms: 2500 }
  secondary: { model: gpt-4o, provider: openai }
  msg-one:   { model: claude-sonnet-4-6, provider: firstmsg, timeout_ms: 1500 }
  msg-two:   { model: claude-sonnet-4-6, provider: anthropic }
routes:
  resilient: { models: [gpt-4o], strategy: fallback, targets: [primary, secondary], retry: { max_retries: 0 } }
  messages:  { models: [claude-resilient], strategy: fallback, targets: [msg-one, msg-two], retry: { max_retries: 0 } }
"#;

/// Secrets that must never be seen anywhere but where they belong.
pub(crate) const OPENAI_KEY: &str = "sk-canary-openai-7f3a";
pub(crate) const ANTHROPIC_KEY: &str = "sk-canary-anthropic-91bc";
/// What the fake ClickHouse server asks for.
pub(crate) const CLICKHOUSE_KEY: &str = "canary-3b1d";

/// Everything of one test.
pub(crate) struct World {
    pub(crate) mock: Arc<Mock>,
    pub(crate) gateway: SocketAddr,
    pub(crate) control: SocketAddr,
    running: Option<Running>,
    runtime: Runtime,
    folder: TempDir,
}

impl World {
    /// A gateway with the usual routes.
    pub(crate) fn usual() -> Self {
        Self::new(USUAL)
    }

    /// A gateway with these sections; listeners and store are added. `{folder}` is the world's own.
    pub(crate) fn new(sections: &str) -> Self {
        Self::started(sections, |world, settings| {
            let source = Source { path: world.config(), environment: Arc::new(environment) };
            Running::start_from(source, settings)
        })
    }

    /// A gateway that brings something of its own.
    pub(crate) fn built(sections: &str, gateway: tollgate::gateway::Builder) -> Self {
        Self::started(sections, |_, settings| gateway.start(settings))
    }

    fn started(
        sections: &str,
        start: impl FnOnce(&Self, tollgate_config::Settings) -> Result<Running, String>,
    ) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let mock = Arc::new(runtime.block_on(Mock::start(([127, 0, 0, 1], 0).into())).unwrap());
        let folder = TempDir::new().unwrap();
        let (gateway, control) = (free_port(), free_port());
        let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let mut world = Self {
            mock,
            gateway: local(gateway),
            control: local(control),
            running: None,
            runtime,
            folder,
        };
        let text = world.whole(sections);
        let (settings, _warnings) = tollgate_config::load_str("test.yaml", &text, environment)
            .unwrap_or_else(|problems| panic!("{problems}\n{text}"));
        std::fs::write(world.config(), &text).unwrap();
        world.running = Some(start(&world, settings).unwrap());
        world
    }

    /// The file that the gateway watches.
    pub(crate) fn config(&self) -> PathBuf {
        self.folder.path().join("test.yaml")
    }

    /// A whole file with these sections, with this world's listeners and store.
    pub(crate) fn whole(&self, sections: &str) -> String {
        let (gateway, control) = (self.gateway.port(), self.control.port());
        let mut text = sections.replace("{mock}", self.mock.url("").trim_end_matches('/'));
        if !text.contains("server:") {
            text.push_str(&format!(
                "server: {{ port: {gateway}, threads: 1, work_stealing: true }}\n"
            ));
        }
        // Without it, one server of this process would take the connections of another.
        assert!(text.contains("work_stealing: true"), "tests share a process: {text}");
        let text = text.replace("{gateway}", &gateway.to_string());
        // The limiter looks at the whole process, which is all tests that share it.
        let text = if text.contains("memory_limit_mib") {
            text
        } else {
            text.replace("collector: { ", "collector: { memory_limit_mib: 16384, ")
        };
        let text = text.replace("{folder}", &self.folder.path().to_string_lossy());
        let mut text = format!("{text}control: {{ port: {control} }}\n");
        if !text.contains("store:") {
            let store = self.database();
            text.push_str(&format!("store: {{ kind: sqlite, path: \"{}\" }}\n", store.display()));
        }
        text
    }

    pub(crate) fn running(&self) -> &Running {
        self.running.as_ref().unwrap()
    }

    /// Stops the gateway as SIGTERM does, and leaves the rest.
    pub(crate) fn stop(&mut self) {
        self.running.take().unwrap().stop();
    }

    /// Starts it once more, from the same file.
    pub(crate) fn start_again(&mut self) {
        let (path, environment) = (self.config(), Arc::new(environment));
        let text = std::fs::read(&path).unwrap();
        let (settings, _) = tollgate_config::load_bytes("test.yaml", &text, &*environment).unwrap();
        self.running = Some(Running::start_from(Source { path, environment }, settings).unwrap());
    }

    /// The store's file.
    pub(crate) fn database(&self) -> PathBuf {
        self.folder.path().join("spans.db")
    }

    /// Runs a future beside the gateway.
    pub(crate) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    pub(crate) fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// All spans of a trace, once they are stored. Waits until there is at least one.
    pub(crate) fn spans(&self, trace_id: &str) -> Vec<SpanRow> {
        let store = self.running().store().unwrap();
        let until = Instant::now() + PATIENCE;
        loop {
            self.running().flush(PATIENCE);
            let spans = self.block_on(store.trace(trace_id)).unwrap();
            if !spans.is_empty() {
                return spans;
            }
            assert!(Instant::now() < until, "no spans of trace {trace_id}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The one GenAI span of a trace.
    pub(crate) fn genai(&self, trace_id: &str) -> SpanRow {
        let spans = self.spans(trace_id);
        let mut genai = spans.iter().filter(|span| attribute(span, "gateway.outcome").is_some());
        let one = genai.next().unwrap_or_else(|| panic!("no GenAI span in {spans:#?}")).clone();
        assert!(genai.next().is_none(), "exactly one GenAI span a call: {spans:#?}");
        one
    }

    /// Waits until every request that was let in has ended. What is told and counted of them is
    /// there by then: an answer's last byte comes to its caller a moment before.
    pub(crate) fn until_idle(&self) {
        until("every request ends", || self.running().in_flight() == 0);
    }

    /// Requests that reached the mock.
    pub(crate) fn upstream(&self) -> Vec<tollgate_mock::Received> {
        self.mock.log()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop();
        }
        let mock = Arc::clone(&self.mock);
        self.runtime.block_on(mock.stop());
    }
}

/// Waits until it is so.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < until, "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Measures until it is good. What other processes take from one measurement says nothing about the
/// code; what the code does is in all of them.
pub(crate) fn at_best<T: std::fmt::Debug>(
    what: &str,
    mut measure: impl FnMut() -> T,
    is_good: impl Fn(&T) -> bool,
) -> T {
    let mut all = Vec::new();
    while all.len() < TRIES_MAX {
        let measured = measure();
        if is_good(&measured) {
            return measured;
        }
        all.push(measured);
    }
    panic!("{what}: {all:?}");
}

fn environment(name: &str) -> Option<String> {
    match name {
        "OPENAI_KEY" => Some(OPENAI_KEY.to_owned()),
        "ANTHROPIC_KEY" => Some(ANTHROPIC_KEY.to_owned()),
        "CLICKHOUSE_KEY" => Some(CLICKHOUSE_KEY.to_owned()),
        _ => None,
    }
}

/// The value of an attribute.
pub(crate) fn attribute<'a>(span: &'a SpanRow, name: &str) -> Option<&'a str> {
    span.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// A trace id that no other test has.
pub(crate) fn trace_id() -> String {
    format!("{:032x}", fastrand::u128(1..))
}

/// The header that puts a request into a trace.
pub(crate) fn traceparent(trace_id: &str) -> String {
    format!("traceparent: 00-{trace_id}-00f067aa0ba902b7-01")
}

/// A port that nobody listens on, and that no other test gets while this process lives. Test runners
/// may give every test a process of its own: a UDP socket of the same number is the claim they see.
pub(crate) fn free_port() -> u16 {
    static CLAIMS: Mutex<Vec<UdpSocket>> = Mutex::new(Vec::new());
    let mut claims = CLAIMS.lock().unwrap_or_else(PoisonError::into_inner);
    for _ in 0..PORT_TRIES {
        let port = fastrand::u16(PORTS);
        let Ok(claim) = UdpSocket::bind(("127.0.0.1", port)) else { continue };
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            claims.push(claim);
            return port;
        }
    }
    panic!("no free port in {PORTS:?}");
}

/// Where real SDKs and tools are installed by `.ci/setup-sdks`.
pub(crate) fn sdk_folder() -> PathBuf {
    let default = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/sdk");
    std::env::var_os("TOLLGATE_SDK_DIR").map_or(default, PathBuf::from)
}

/// `true` if the helper is there. In CI a missing one is a failure; elsewhere the test says so.
pub(crate) fn helper_is_installed(path: &std::path::Path) -> bool {
    if path.exists() {
        return true;
    }
    let what = format!("{} is missing: run .ci/setup-sdks to install it", path.display());
    assert!(std::env::var_os("CI").is_none(), "{what}");
    eprintln!("skipped: {what}");
    false
}
