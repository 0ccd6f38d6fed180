//! Every metric with its dimensions: there once its source is, absent before, and nothing beside what
//! the catalogue has.

use tollgate_mock::{Piece, Scenario};
use tollgate_telemetry::export::Exporters;
use tollgate_telemetry::genai::attributes::{Attribute, CATALOG};
use tollgate_telemetry::genai::{Call, GenAi, Http, Outcome, Violation};
use tollgate_telemetry::metrics::catalog::{CALL_DIMENSIONS, Instrument, METRICS, Metric};
use tollgate_telemetry::metrics::{Metrics, Retries};
use tollgate_telemetry::{SpanId, TraceContext};

use super::calls::body;
use crate::client::post;
use crate::harness::{World, trace_id, traceparent};

const SECTIONS: &str = r#"
providers:
  openai: { base_url: "{mock}/v1", models: [gpt-4o], auth_type: none }
  first:  { base_url: "{mock}/@first/v1", models: [broken, worse], auth_type: none }
targets:
  primary:   { model: broken, provider: first }
  secondary: { model: gpt-4o, provider: openai }
  tertiary:  { model: worse }
routes:
  resilient: { models: [resilient], strategy: fallback, targets: [primary, secondary], retry: { max_retries: 1, backoff_base_ms: 1 } }
  hopeless:  { models: [hopeless], strategy: fallback, targets: [primary, tertiary], retry: { max_retries: 0 } }
"#;

const CHAT: &str = "/v1/chat/completions";

/// The lines of a metric: its labels and its number.
struct Series {
    name: String,
    labels: Vec<(String, String)>,
    number: f64,
}

fn series(text: &str) -> Vec<Series> {
    text.lines().filter(|line| !line.starts_with('#')).map(one_series).collect()
}

fn one_series(line: &str) -> Series {
    let (id, number) = line.rsplit_once(' ').unwrap();
    let (name, labels) = id.split_once('{').unwrap_or((id, "}"));
    let labels = labels.trim_end_matches('}').split("\",").filter(|pair| !pair.is_empty());
    let labels = labels.map(|pair| {
        let (label, value) = pair.split_once("=\"").unwrap_or_else(|| panic!("{line}"));
        (label.to_owned(), value.trim_end_matches('"').to_owned())
    });
    Series { name: name.to_owned(), labels: labels.collect(), number: number.parse().unwrap() }
}

impl Series {
    fn label(&self, name: &str) -> Option<&str> {
        let name = name.replace('.', "_");
        self.labels.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// The metric whose line this is.
    fn metric(&self) -> Option<&'static Metric> {
        METRICS.iter().find(|metric| {
            let rest = self.name.strip_prefix(&metric.prometheus_name());
            match metric.instrument {
                Instrument::Histogram => matches!(rest, Some("_bucket" | "_sum" | "_count")),
                _ => rest == Some(""),
            }
        })
    }
}

/// What a series of the metric counts: itself, or how often a histogram was told something.
fn counted<'a>(all: &'a [Series], name: &str) -> Vec<&'a Series> {
    let metric = Metric::named(name).unwrap_or_else(|| panic!("{name}"));
    let mut wanted = metric.prometheus_name();
    if metric.instrument == Instrument::Histogram {
        wanted.push_str("_count");
    }
    all.iter().filter(|series| series.name == wanted && series.number > 0.0).collect()
}

/// Sends a request, and says its trace.
fn ask(world: &World, model: &str, more: &str) -> String {
    let trace = trace_id();
    let messages = r#"[{"role":"user","content":"hi"}]"#;
    let body = format!(r#"{{"model":"{model}",{more}"messages":{messages}}}"#);
    post(world.gateway, CHAT, &[&traceparent(&trace)], &body);
    trace
}

/// The text of `/metrics`, once these requests have ended: spans are told after metrics.
fn metrics(world: &World, traces: &[String]) -> String {
    for trace in traces {
        world.spans(trace);
    }
    world.running().metrics()
}

#[test]
fn every_metric_is_there_with_its_source_and_absent_without() {
    let world = World::new(SECTIONS);
    // Names, and labels that one of the series must have, besides the common ones.
    let rows: [(&str, &[(&str, &str)]); 14] = [
        ("gen_ai.client.operation.duration", &[]),
        ("gen_ai.client.token.usage", &[("gen_ai.token.type", "input")]),
        ("gen_ai.client.token.usage", &[("gen_ai.token.type", "output")]),
        ("gen_ai.server.time_to_first_token", &[]),
        ("gen_ai.server.request.duration", &[]),
        ("gen_ai.server.time_per_output_token", &[]),
        ("gen_ai.server.output_tokens_per_second", &[]),
        ("gateway.stream.gap", &[]),
        ("gen_ai.client.errors", &[("error.type", "request_error")]),
        ("gen_ai.client.finish_reasons", &[("gen_ai.response.finish_reason", "stop")]),
        ("gen_ai.client.finish_reasons", &[("gen_ai.response.finish_reason", "length")]),
        ("gateway.retry.attempts", &[]),
        ("gateway.retry.target_exclusions", &[("gateway.retry.excluded_target", "primary")]),
        ("gateway.retry.exhaustion_resets", &[]),
    ];
    let before = series(&metrics(&world, &[]));
    for (name, _) in &rows {
        assert!(counted(&before, name).is_empty(), "{name} before anything happened");
    }
    // No usage, no reason, no stream, no failure: two durations and nothing more.
    world.mock.push("/v1/", body(r#"{"object":"chat.completion","choices":[]}"#));
    let trace = ask(&world, "gpt-4o", "");
    let bare = series(&metrics(&world, &[trace]));
    for (name, _) in &rows {
        let duration = name.ends_with(".duration");
        assert_eq!(!counted(&bare, name).is_empty(), duration, "{name} after a bare call");
    }
    let scenario = Scenario {
        content: vec![Piece::text("One two three four.")],
        gap_ms: 2,
        ..Scenario::default()
    };
    world.mock.push("/v1/", scenario.clone());
    let mut traces = vec![ask(&world, "gpt-4o", r#""stream":true,"#)];
    world.mock.push("/v1/", Scenario { finish: Some("length".to_owned()), ..scenario });
    traces.push(ask(&world, "gpt-4o", ""));
    world.mock.set("first", Scenario::status(503));
    traces.extend(["resilient", "hopeless"].map(|model| ask(&world, model, "")));
    let after = series(&metrics(&world, &traces));
    for (name, labels) in rows {
        let found = counted(&after, name);
        let own = |series: &&&Series| {
            labels.iter().all(|(label, value)| series.label(label) == Some(value))
        };
        // The first call had none of what it takes for some dimensions.
        let one = found.iter().filter(own).max_by_key(|series| series.labels.len());
        let one = one.unwrap_or_else(|| panic!("{name} {labels:?}"));
        if Metric::named(name).is_some_and(|metric| metric.of_calls) {
            for dimension in CALL_DIMENSIONS {
                let absent = dimension == "gen_ai.response.model" && name.ends_with("errors");
                assert_eq!(one.label(dimension).is_none(), absent, "{name}: {dimension}");
            }
            assert_eq!(one.label("gen_ai.operation.name"), Some("chat"), "{name}");
            assert_eq!(one.label("server.address"), Some("127.0.0.1"), "{name}");
        }
    }
}

#[test]
fn dimensions_without_a_source_are_absent() {
    let world = World::new(SECTIONS);
    let trace = ask(&world, "nobody-knows", "");
    let all = series(&metrics(&world, &[trace]));
    let refused = counted(&all, "gen_ai.client.operation.duration");
    let [one] = refused[..] else { panic!("{}", refused.len()) };
    assert_eq!(one.label("gen_ai.provider.name"), Some("unknown"));
    assert!(one.label("gen_ai.request.model").is_some());
    for absent in ["gen_ai.response.model", "server.address", "server.port"] {
        assert_eq!(one.label(absent), None, "{absent}");
    }
}

#[test]
fn nothing_is_exported_that_the_catalogue_does_not_have() {
    let world = World::new(SECTIONS);
    world.mock.set("first", Scenario::status(503));
    let models = ["gpt-4o", "resilient", "hopeless", "nobody-knows"];
    let traces = models.map(|model| ask(&world, model, r#""stream":true,"#));
    let text = metrics(&world, &traces);
    for series in series(&text) {
        let metric = series.metric().unwrap_or_else(|| panic!("{} is not there", series.name));
        for (label, _) in &series.labels {
            let common = if metric.of_calls { &CALL_DIMENSIONS[..] } else { &[] };
            let mut known = common.iter().chain(metric.dimensions).map(|it| it.replace('.', "_"));
            let exporters = label.starts_with("otel_scope") || label == "le";
            assert!(exporters || known.any(|it| it == *label), "{}: {label}", series.name);
        }
        if series.name.ends_with("_bucket") {
            let bound = series.label("le").unwrap();
            let known = metric.bounds.iter().any(|own| bound.parse() == Ok(*own));
            assert!(known || bound == "+Inf", "{}: le={bound}", series.name);
        }
    }
    for metric in METRICS {
        let name = metric.prometheus_name();
        let Some(help) =
            text.lines().find_map(|line| line.strip_prefix(&format!("# HELP {name} ")))
        else {
            continue;
        };
        assert_eq!(help, metric.note, "{name}");
        assert!(text.contains(&format!("# TYPE {name} {}", metric.instrument.name())), "{name}");
    }
}

#[test]
fn every_name_in_the_code_of_metrics_is_in_a_catalogue() {
    let folder =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/telemetry/src/metrics");
    let mut names = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.is_dir() || path.file_name().is_some_and(|name| name == "tests.rs") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let texts = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let texts = texts.flat_map(|line| line.split('"').skip(1).step_by(2));
        for name in texts.filter(|it| it.starts_with("gen_ai.") || it.starts_with("gateway.")) {
            names += 1;
            let known = Metric::named(name).is_some() || Attribute::named(name).is_some();
            assert!(known, "{name} in {} is in no catalogue", path.display());
        }
    }
    assert!(names > METRICS.len(), "{names} names were found");
}

#[test]
fn every_metric_and_every_attribute_stands_once_in_its_catalogue() {
    let mut names: Vec<_> = METRICS.iter().map(|metric| metric.name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "metrics");
    let mut names: Vec<_> = CATALOG.iter().map(|attribute| attribute.name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "attributes");
    for (name, note) in CATALOG.iter().map(|it| (it.name, it.note)) {
        assert!(!note.is_empty() && !note.contains('|'), "{name}: {note}");
    }
}

#[test]
fn findings_of_guardrails_are_counted_by_detector_and_direction_and_are_absent_without() {
    let call = |violations| Call {
        trace: TraceContext::root(1),
        http_span: SpanId::new(1),
        genai_span: SpanId::new(2),
        start_ns: 0,
        end_ns: 1,
        http: Http { route: "/v1/chat/completions", ..Http::default() },
        genai: Some(Box::new(GenAi {
            operation: "chat",
            request_model: "m".into(),
            outcome: Outcome::Complete,
            violations,
            ..GenAi::default()
        })),
    };
    let metrics = Metrics::new(|| 0, Exporters::default()).unwrap();
    metrics.record(&call(Vec::new()), &Retries::default());
    let name = "gen_ai.client.guardrail_violations";
    assert!(counted(&series(&metrics.render()), name).is_empty());
    let found =
        |detector, direction| Violation { detector, direction, count: 1, ..Violation::default() };
    let both = vec![found("blocklist", "input"), found("pii", "output")];
    metrics.record(&call(both), &Retries::default());
    let all = series(&metrics.render());
    let counted = counted(&all, name);
    for (detector, direction) in [("blocklist", "input"), ("pii", "output")] {
        let one = counted.iter().find(|it| {
            it.label("gen_ai.guardrail.detector") == Some(detector)
                && it.label("gen_ai.guardrail.direction") == Some(direction)
        });
        let one = one.unwrap_or_else(|| panic!("{detector}"));
        assert_eq!((one.number, one.label("gen_ai.request.model")), (1.0, Some("m")), "{detector}");
    }
    assert_eq!(counted.len(), 2);
}
