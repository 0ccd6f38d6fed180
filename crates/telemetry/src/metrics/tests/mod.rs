//! The text of `/metrics`.

mod findings;
mod series;
mod store_queue;

use std::time::Duration;

use tollgate_providers::Usage;

use crate::export::{Exporters, Queue, QueueSettings};
use crate::genai::{Call, CallError, GenAi, Http, Outcome, Response, Server, StreamTiming};
use crate::metrics::{Metrics, Retries, TargetGauges};
use crate::span::{Pipeline, Span, SpanId, SpanKind, Status, TraceId};
use crate::trace_context::TraceContext;

fn call(genai: Option<GenAi>) -> Call {
    Call {
        trace: TraceContext::root(1),
        http_span: SpanId::new(1),
        genai_span: SpanId::new(2),
        start_ns: 0,
        end_ns: 2_000_000_000,
        http: Http { route: "/v1/chat/completions", ..Http::default() },
        genai: genai.map(Box::new),
    }
}

fn stream() -> GenAi {
    GenAi {
        end_ns: 2_000_000_000,
        operation: "chat",
        provider: Some("openai".into()),
        request_model: "m".into(),
        stream: true,
        outcome: Outcome::Complete,
        response: Response {
            usage: Some(Usage { input: Some(7), output: Some(11), ..Usage::default() }),
            finish_reasons: vec!["stop".to_owned()],
            ..Response::default()
        },
        timing: Some(StreamTiming {
            first_content: Some(Duration::from_secs(1)),
            last_content: Some(Duration::from_secs(2)),
            duration: Duration::from_secs(2),
            ..StreamTiming::default()
        }),
        server: Some(Server { address: "api.test".into(), port: 443 }),
        ..GenAi::default()
    }
}

#[test]
fn a_stream_adds_to_every_documented_histogram() {
    let metrics = Metrics::new(|| 3, Exporters::default()).unwrap();
    metrics.record(&call(Some(stream())), &Retries::default());
    let text = metrics.render();
    for (name, sum) in [
        ("gen_ai_client_operation_duration_seconds_sum", "2"),
        ("gen_ai_server_time_to_first_token_seconds_sum", "1"),
        ("gen_ai_server_time_per_output_token_seconds_sum", "0.1"),
        ("gen_ai_server_output_tokens_per_second_sum", "5.5"),
    ] {
        let line = text
            .lines()
            .find(|line| line.starts_with(name))
            .unwrap_or_else(|| panic!("{name} in\n{text}"));
        assert!(line.ends_with(&format!(" {sum}")), "{line}");
        for label in [
            "gen_ai_operation_name=\"chat\"",
            "gen_ai_provider_name=\"openai\"",
            "gen_ai_request_model=\"m\"",
            "server_address=\"api.test\"",
            "server_port=\"443\"",
        ] {
            assert!(line.contains(label), "{label} in {line}");
        }
    }
    for (kind, tokens) in [("input", 7), ("output", 11)] {
        let line = text.lines().find(|line| {
            line.starts_with("gen_ai_client_token_usage_sum")
                && line.contains(&format!("gen_ai_token_type=\"{kind}\""))
        });
        assert!(line.is_some_and(|line| line.ends_with(&format!(" {tokens}"))), "{kind}: {line:?}");
    }
    assert!(text.contains("gen_ai_response_finish_reason=\"stop\""));
    assert!(text.lines().any(|line| line.starts_with("gateway_in_flight") && line.ends_with(" 3")));
}

#[test]
fn every_metric_says_what_it_is() {
    let metrics = Metrics::new(|| 0, Exporters::default()).unwrap();
    let failed = GenAi {
        outcome: Outcome::UpstreamFailed,
        error: Some(CallError { kind: "timeout", class: None, message: String::new() }),
        ..stream()
    };
    let retries = Retries { retries: 2, exclusions: vec!["a".into()], exhaustion_resets: 1 };
    metrics.record(&call(Some(failed)), &retries);
    metrics.record(&call(None), &Retries::default());
    let text = metrics.render();
    for line in text.lines().filter(|line| line.starts_with("# TYPE ")) {
        let name = line.split(' ').nth(2).unwrap();
        let help = text.lines().find_map(|line| line.strip_prefix(&format!("# HELP {name} ")));
        assert!(help.is_some_and(|help| help.len() > 5), "{name} has no help");
    }
    for expected in [
        "error_type=\"timeout\"",
        "gateway_retry_excluded_target=\"a\"",
        "gateway_retry_exhaustion_resets_total",
        "gateway_outcome=\"upstream_failed\"",
        "gateway_outcome=\"complete\"",
    ] {
        assert!(text.contains(expected), "{expected} in\n{text}");
    }
    let retried =
        text.lines().find(|line| line.starts_with("gateway_retry_attempts_total")).unwrap();
    assert!(retried.ends_with(" 2"), "{retried}");
}

#[test]
fn one_token_has_no_time_per_token_and_unknown_usage_no_tokens() {
    let metrics = Metrics::new(|| 0, Exporters::default()).unwrap();
    let mut one = stream();
    one.response.usage = Some(Usage { output: Some(1), ..Usage::default() });
    metrics.record(&call(Some(one)), &Retries::default());
    let mut unknown = stream();
    unknown.response.usage = None;
    metrics.record(&call(Some(unknown)), &Retries::default());
    let text = metrics.render();
    assert!(!text.contains("time_per_output_token_seconds_count"), "{text}");
    assert!(!text.contains("gen_ai_token_type=\"input\""), "{text}");
}

/// The bounds of a histogram's buckets as rendered.
fn bounds(text: &str, name: &str) -> Vec<f64> {
    let prefix = format!("{name}_bucket{{");
    let buckets = text.lines().filter(|line| line.starts_with(&prefix));
    let bound = |line: &str| line.split("le=\"").nth(1)?.split('"').next()?.parse::<f64>().ok();
    let mut bounds: Vec<f64> = buckets.filter_map(bound).filter(|le| le.is_finite()).collect();
    bounds.dedup();
    bounds
}

/// The value of the first line that has all of `parts`.
fn value(text: &str, parts: &[&str]) -> Option<u64> {
    let line = text.lines().find(|line| parts.iter().all(|part| line.contains(part)))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[test]
fn buckets_are_those_of_the_semantic_conventions() {
    let metrics = Metrics::new(|| 0, Exporters::default()).unwrap();
    let mut one_kind = stream();
    one_kind.response.usage = Some(Usage { output: Some(11), ..Usage::default() });
    metrics.record(&call(Some(one_kind)), &Retries::default());
    let text = metrics.render();
    let seconds =
        [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
    for name in
        ["gen_ai_client_operation_duration_seconds", "gen_ai_server_request_duration_seconds"]
    {
        assert_eq!(bounds(&text, name), seconds, "{name}");
    }
    let powers_of_four: Vec<f64> = (0..14).map(|power| 4_f64.powi(power)).collect();
    assert_eq!(bounds(&text, "gen_ai_client_token_usage"), powers_of_four);
    assert_eq!(
        bounds(&text, "gen_ai_server_time_to_first_token_seconds"),
        [
            0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5,
            10.0
        ]
    );
    assert_eq!(
        bounds(&text, "gen_ai_server_time_per_output_token_seconds"),
        [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5]
    );
}

#[test]
fn media_endpoints_count_no_tokens_and_plain_answers_no_stream() {
    let metrics = Metrics::new(|| 0, Exporters::default()).unwrap();
    let speech = GenAi { operation: "audio_speech", timing: None, ..stream() };
    metrics.record(&call(Some(speech)), &Retries::default());
    // Streamed media have an answer's times, too, and still only a duration to report.
    for operation in ["image_generation", "audio_transcription"] {
        metrics.record(&call(Some(GenAi { operation, ..stream() })), &Retries::default());
    }
    let text = metrics.render();
    for operation in ["audio_speech", "image_generation", "audio_transcription"] {
        let name = "gen_ai_client_operation_duration_seconds_count";
        assert!(value(&text, &[name, operation]).is_some(), "{operation} in\n{text}");
    }
    for absent in [
        "token_usage_count",
        "time_to_first_token_seconds_count",
        "per_second_count",
        "server_request_duration_seconds_count",
    ] {
        assert!(!text.contains(absent), "{absent} in\n{text}");
    }
}

#[test]
fn a_request_that_is_no_model_call_is_counted_by_how_it_ended() {
    let metrics = Metrics::new(|| 0, Exporters::default()).unwrap();
    for outcome in [None, Some(Outcome::Cancelled), Some(Outcome::UpstreamFailed)] {
        let mut plain = call(None);
        plain.http.outcome = outcome;
        metrics.record(&plain, &Retries::default());
    }
    let text = metrics.render();
    for outcome in ["complete", "cancelled", "upstream_failed"] {
        let label = format!("gateway_outcome=\"{outcome}\"");
        let finished = ["gateway_requests_finished_total", &*label];
        assert_eq!(value(&text, &finished), Some(1), "{outcome} in\n{text}");
    }
}

#[test]
fn a_refusal_is_counted_by_its_code_and_has_no_upstream_request() {
    let metrics = Metrics::new(|| 0, Exporters::default()).unwrap();
    let refused = |genai| {
        let mut call = call(genai);
        call.http.error_code = Some("model_not_found");
        call
    };
    let outcome = Outcome::Rejected;
    let rejected = GenAi { outcome, provider: None, timing: None, ..stream() };
    metrics.record(&refused(Some(rejected)), &Retries::default());
    metrics.record(&refused(None), &Retries::default());
    let text = metrics.render();
    let finished = ["gateway_requests_finished_total", "gateway_outcome=\"rejected\""];
    assert_eq!(value(&text, &[&finished[..], &["gen_ai_operation_name"]].concat()), Some(1));
    let all = text.lines().filter(|line| finished.iter().all(|part| line.contains(part)));
    assert_eq!(all.count(), 2, "one of them was no model call");
    let by_code = ["gateway_requests_refused_total", "code=\"model_not_found\""];
    assert_eq!(value(&text, &by_code), Some(2));
    assert!(!text.contains("gen_ai_server_request_duration_seconds_count"), "{text}");
    assert!(!text.contains("gen_ai_client_token_usage_count"), "{text}");
}

#[test]
fn every_queue_shows_what_it_holds_and_what_it_dropped() {
    let queue = Queue::new("q", QueueSettings { spans_max: 2, ..QueueSettings::default() });
    let mut exporters = Exporters::default();
    exporters.add(queue, None);
    let metrics = Metrics::new(|| 0, exporters.clone()).unwrap();
    let span = Span {
        trace_id: TraceId::new(1),
        span_id: SpanId::new(1),
        parent: None,
        trace_state: None,
        name: "s".into(),
        kind: SpanKind::Internal,
        start_ns: 0,
        end_ns: 1,
        status: Status::Unset,
        attributes: Vec::new(),
        events: Vec::new(),
        links: Vec::new(),
        pipeline: Pipeline::GenAi,
    };
    exporters.submit(vec![span; 5]);
    let text = metrics.render();
    let dropped = |reason| value(&text, &["gateway_spans_dropped_total", "queue=\"q\"", reason]);
    assert_eq!(dropped("reason=\"queue_full\""), Some(3));
    assert_eq!(dropped("reason=\"shutdown\""), Some(0));
    assert_eq!(value(&text, &["gateway_spans_queued{", "queue=\"q\""]), Some(2));
    assert_eq!(value(&text, &["gateway_spans_stored_total", "queue=\"q\""]), Some(0));
}

#[test]
fn targets_are_asked_whenever_the_metrics_are_read() {
    let metrics = Metrics::new(|| 0, Exporters::default()).unwrap();
    let ejections = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let asked = ejections.clone();
    metrics.observe_targets(move || {
        let ejections = asked.load(std::sync::atomic::Ordering::Relaxed);
        vec![TargetGauges {
            provider: "openai".into(),
            target: "primary".into(),
            model: "m".into(),
            in_flight: 3,
            ejected: ejections > 0,
            ejections,
            first_content: (ejections > 0).then_some(Duration::from_millis(250)),
        }]
    });
    let line = |name: &str| {
        let text = metrics.render();
        let line = text.lines().find(|line| line.starts_with(&format!("{name}{{")))?.to_owned();
        assert!(line.contains(r#"target="primary""#) && line.contains(r#"model="m""#), "{line}");
        line.rsplit(' ').next().map(str::to_owned)
    };
    assert_eq!(line("gateway_target_in_flight").as_deref(), Some("3"));
    assert_eq!(line("gateway_target_ejected").as_deref(), Some("0"));
    assert_eq!(line("gateway_target_first_content_seconds"), None, "unknown is not zero");
    ejections.store(2, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(line("gateway_target_ejected").as_deref(), Some("1"));
    assert_eq!(line("gateway_target_ejections_total").as_deref(), Some("2"));
    assert_eq!(line("gateway_target_first_content_seconds").as_deref(), Some("0.25"));
}
