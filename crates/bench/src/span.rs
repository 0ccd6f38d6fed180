//! One finished call told: its spans built and put into the queues, and its metrics.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tollgate_providers::Usage;
use tollgate_telemetry::export::{ExportError, Exporters, Queue, QueueSettings, SpanSink};
use tollgate_telemetry::genai::{
    Call, GenAi, Http, Outcome, Params, Response, Routing, Server, StreamTiming, ToolCall,
    UsageSource, build_spans, span_tree,
};
use tollgate_telemetry::metrics::{Metrics, Retries};
use tollgate_telemetry::{Span, SpanId, TraceContext};

/// Most spans that wait for the destination that throws them away.
const SPANS_MAX: usize = 65_536;

/// Metrics, and the queue of one destination.
pub struct Telling {
    metrics: Metrics,
    exporters: Exporters,
    queue: Arc<Queue>,
}

/// A destination that throws away what it gets.
struct Discard;

/// A streamed call with one tool call, a good end and everything known about it.
pub fn call() -> Call {
    let (start_ns, end_ns) = (1_700_000_000_000_000_000, 1_700_000_002_000_000_000);
    let mut trace = TraceContext::root(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
    trace.parent = Some(SpanId::new(0x00f0_67aa_0ba9_02b7));
    Call {
        trace,
        http_span: SpanId::new(0xa),
        genai_span: SpanId::new(0xb),
        start_ns,
        end_ns,
        http: Http {
            method: "POST".to_owned(),
            path: "/v1/chat/completions".to_owned(),
            route: "/v1/chat/completions",
            status: Some(200),
            client: Some("127.0.0.1".to_owned()),
            user_agent: Some("bench/1".to_owned()),
            version: "1.1",
            request_id: "req_0123456789abcdef".to_owned(),
            ..Http::default()
        },
        genai: Some(Box::new(GenAi {
            start_ns,
            end_ns,
            operation: "chat",
            provider: Some("acme".into()),
            request_model: "some-model".into(),
            stream: true,
            params: Params { temperature: Some(0.2), max_tokens: Some(256), ..Params::default() },
            output_type: "text",
            user: Some("ada".to_owned()),
            session: Some("s-1".to_owned()),
            routing: Some(routing()),
            response: response(),
            tool_calls: vec![ToolCall {
                id: "call_1".to_owned(),
                name: "search".to_owned(),
                arguments_valid: Some(true),
                times: Some((start_ns + 1_000_000_000, end_ns)),
                ..ToolCall::default()
            }],
            timing: Some(timing()),
            gaps: vec![(Duration::from_millis(10), 150), (Duration::from_millis(11), 49)],
            server: Some(Server { address: "api.acme.example".into(), port: 443 }),
            outcome: Outcome::Complete,
            ..GenAi::default()
        })),
    }
}

fn routing() -> Routing {
    Routing {
        path: "managed",
        layer: "route",
        target: "primary".into(),
        strategy: "weighted",
        attempt: 1,
        upstream_model: "some-model-1".into(),
        function: None,
        variant: None,
    }
}

fn response() -> Response {
    Response {
        id: Some("chatcmpl-1".to_owned()),
        model: Some("some-model-1".to_owned()),
        usage: Some(Usage { input: Some(9), output: Some(200), ..Usage::default() }),
        usage_source: UsageSource::Reported,
        cost: None,
        finish_reasons: vec!["tool_calls".to_owned()],
    }
}

fn timing() -> StreamTiming {
    let ms = |ms| Some(Duration::from_millis(ms));
    StreamTiming {
        first_byte: ms(300),
        first_event: ms(300),
        first_reasoning: None,
        first_content: ms(310),
        last_content: ms(1_990),
        gap_p50: ms(10),
        gap_p99: ms(11),
        gap_max: ms(12),
        stalls: 0,
        duration: Duration::from_secs(2),
    }
}

// === impl Telling ===

impl Telling {
    /// With one destination, which gets nothing before [`Telling::drain`].
    ///
    /// # Errors
    /// Those of the metrics.
    pub fn new() -> Result<Self, String> {
        let settings = QueueSettings { spans_max: SPANS_MAX, ..QueueSettings::default() };
        let queue = Queue::new("discard", settings);
        let mut exporters = Exporters::default();
        exporters.add(Arc::clone(&queue), None);
        Ok(Self { metrics: Metrics::new(|| 0, exporters.clone())?, exporters, queue })
    }

    /// From now on the destination takes what comes, on a thread of `runtime`, until `stop`.
    pub fn drain(&self, runtime: &Runtime, stop: watch::Receiver<bool>) -> JoinHandle<()> {
        let queue = Arc::clone(&self.queue);
        runtime.spawn(async move { queue.run(Discard, stop).await })
    }

    /// Tells all of a call, as the end of a request does. How many spans it was.
    pub fn tell(&self, call: &Call, retries: &Retries) -> usize {
        let (call, spans) =
            build_spans(call, |call| span_tree(call, &mut || SpanId::new(fastrand::u64(1..))));
        let count = spans.len();
        self.exporters.submit(spans);
        self.metrics.record(&call, retries);
        count
    }

    /// Spans that had no room.
    pub fn dropped(&self) -> u64 {
        self.queue.counts().dropped_full
    }
}

#[async_trait]
impl SpanSink for Discard {
    async fn export(&mut self, _batch: &[Arc<Span>]) -> Result<(), ExportError> {
        Ok(())
    }
}
