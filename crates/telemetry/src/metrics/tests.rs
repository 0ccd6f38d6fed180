//! The text of `/metrics`.

use std::time::Duration;

use tollgate_providers::Usage;

use super::models::{MODEL_CHARS_MAX, MODELS_MAX, Models};
use super::{Metrics, Retries};
use crate::export::Exporters;
use crate::genai::{Call, CallError, GenAi, Http, Outcome, Response, Server, StreamTiming};
use crate::span::SpanId;
use crate::trace_context::TraceContext;

fn call(genai: Option<GenAi>) -> Call {
    Call {
        trace: TraceContext::root(1),
        http_span: SpanId::new(1),
        genai_span: SpanId::new(2),
        start_ns: 0,
        end_ns: 2_000_000_000,
        http: Http { route: "/v1/chat/completions", ..Http::default() },
        genai,
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
        error: Some(CallError { kind: "timeout", message: String::new() }),
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

#[test]
fn model_names_are_bounded_in_number_and_length() {
    let models = Models::default();
    let longest = "é".repeat(MODEL_CHARS_MAX);
    assert_eq!(&*models.label(&longest), longest);
    assert_eq!(&*models.label(&(longest + "x")), "other");
    for at in 1..MODELS_MAX {
        assert_eq!(*models.label(&format!("m{at}")), *format!("m{at}"));
    }
    assert_eq!(&*models.label("one too many"), "other");
    assert_eq!(&*models.label("m7"), "m7", "known names stay");
}
