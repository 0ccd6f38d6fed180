//! Which variable fills which field, and that the file wins.

use std::collections::HashMap;
use std::time::Duration;

use tollgate_telemetry::export::{OtlpProtocol, OtlpSettings};

use crate::settings::Settings;

const PROVIDERS: &str = "providers: { local: { base_url: 'http://localhost/v1', models: [m] } }\n";

/// What `sections` compile to with these variables, and what was warned of.
fn with(sections: &str, variables: &[(&str, &str)]) -> (Settings, String) {
    let set: HashMap<&str, &str> = variables.iter().copied().collect();
    let text = format!("{PROVIDERS}{sections}");
    let environment = |name: &str| set.get(name).map(|value| (*value).to_owned());
    let (settings, warnings) =
        crate::load_str("f", &text, environment).unwrap_or_else(|problems| panic!("{problems}"));
    (settings, warnings.iter().map(|warning| format!("{warning}\n")).collect())
}

fn application(sections: &str, variables: &[(&str, &str)]) -> OtlpSettings {
    let (settings, warnings) = with(sections, variables);
    assert_eq!(warnings, "");
    settings.telemetry.unwrap()
}

fn shown(otlp: &OtlpSettings) -> Vec<(&str, &str)> {
    otlp.traces.headers.iter().map(|(name, value)| (name.as_str(), value.expose())).collect()
}

#[test]
fn without_a_section_and_without_a_variable_nothing_is_exported() {
    let (settings, _) = with("", &[("OTEL_SERVICE_NAME", "edge")]);
    assert!(settings.telemetry.is_none() && settings.genai.otlp.is_none());
    assert_eq!(settings.service_name, "edge", "the store's spans have the name all the same");
}

#[test]
fn an_endpoint_from_the_environment_alone_gets_both_pipelines() {
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=a%20b%2Cc, X-Team = edge"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "2500"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "77"),
        ("OTEL_METRICS_EXPORTER", "otlp"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "1500"),
        ("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "x-key=metrics"),
        ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "0.25"),
        ("OTEL_SERVICE_NAME", "edge"),
        ("OTEL_RESOURCE_ATTRIBUTES", "service.name=lost,deployment.environment.name=prod%2Ceu"),
    ];
    let (settings, warnings) = with("", &variables);
    assert_eq!(warnings, "");
    for otlp in [settings.telemetry.as_ref().unwrap(), settings.genai.otlp.as_ref().unwrap()] {
        assert_eq!(otlp.traces.endpoint, "http://collector:4318/v1/traces");
        assert_eq!(otlp.traces.protocol, OtlpProtocol::Http);
        assert_eq!(shown(otlp), [("x-key", "a b,c"), ("x-team", "edge")]);
        assert!(otlp.traces.gzip);
        assert_eq!(otlp.traces.timeout, Duration::from_millis(2_500));
        assert_eq!((otlp.queue_spans_max, otlp.sample_ratio), (77, 0.25));
        assert_eq!(otlp.service_name, "edge");
        let attribute = ("deployment.environment.name".to_owned(), "prod,eu".to_owned());
        assert_eq!(otlp.resource, [attribute]);
        let push = otlp.metrics.as_ref().unwrap();
        assert_eq!(push.connection.endpoint, "http://collector:4318/v1/metrics");
        assert_eq!(push.connection.headers[0].1.expose(), "metrics");
        assert_eq!(push.interval, Duration::from_millis(1_500));
    }
    let report = crate::report(&settings);
    assert!(report.contains("; by OTEL_BSP_MAX_QUEUE_SIZE, OTEL_EXPORTER_OTLP_COMPRESSION, "));
    assert!(report.contains("with x-key, x-team;") && !report.contains("a b"), "{report}");
    assert!(!format!("{settings:?}").contains("a b"));
}

#[test]
fn the_file_wins_over_every_variable() {
    let file = "telemetry: { otlp_endpoint: 'http://file:1', protocol: grpc, headers: { x-key: 'env::KEY' }, \
                timeout_ms: 1, compression: none, queue_spans_max: 2, sample_ratio: 0.5, service_name: mine, \
                resource: { a: file }, metrics: true, metrics_interval_ms: 100 }";
    let otlp = application(
        file,
        &[
            ("KEY", "of-file"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://variable:1"),
            ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://variable:1"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=v,x-more=v"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "2"),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "3"),
            ("OTEL_TRACES_SAMPLER", "always_off"),
            ("OTEL_SERVICE_NAME", "v"),
            ("OTEL_RESOURCE_ATTRIBUTES", "a=v,b=v"),
            ("OTEL_METRICS_EXPORTER", "none"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "200"),
        ],
    );
    assert_eq!(otlp.traces.endpoint, "http://file:1");
    assert_eq!((otlp.traces.protocol, otlp.traces.gzip), (OtlpProtocol::Grpc, false));
    assert_eq!(shown(&otlp), [("x-key", "of-file"), ("x-more", "v")]);
    assert_eq!(otlp.traces.timeout, Duration::from_millis(1));
    assert_eq!((otlp.queue_spans_max, otlp.sample_ratio), (2, 0.5));
    assert_eq!(otlp.service_name, "mine");
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(otlp.resource, [pair("a", "file"), pair("b", "v")]);
    let push = otlp.metrics.unwrap();
    assert_eq!(push.connection.endpoint, "http://file:1", "as the spans");
    assert_eq!(push.interval, Duration::from_millis(100));
    assert_eq!(otlp.variables, ["OTEL_EXPORTER_OTLP_HEADERS", "OTEL_RESOURCE_ATTRIBUTES"]);
}

#[test]
fn a_variables_headers_never_go_where_the_file_sends_genai_spans() {
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://variable:1"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=canary"),
        ("OTEL_TRACES_SAMPLER", "always_off"),
    ];
    let file = "genai_telemetry: { otlp_endpoint: 'http://file:1', exporters: { more: { otlp_endpoint: 'http://more:1' } } }";
    let (settings, _) = with(file, &variables);
    let genai = &settings.genai;
    for otlp in [genai.otlp.as_ref().unwrap(), &genai.exporters[0].otlp] {
        assert!(otlp.traces.headers.is_empty() && otlp.variables.is_empty());
        assert_eq!(otlp.sample_ratio, 1.0);
    }
    assert_eq!(settings.telemetry.unwrap().traces.endpoint, "http://variable:1");
    let (settings, _) = with("telemetry: { otlp_endpoint: 'http://file:1' }", &variables);
    assert!(settings.genai.otlp.is_none(), "the file has chosen what is exported");
}

#[test]
fn a_signals_own_variable_wins_and_its_endpoint_is_the_whole_url() {
    let otlp = application(
        "telemetry: { metrics: true }",
        &[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://all:1/base"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://traces:1/own/path"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json"),
            ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "http/protobuf"),
        ],
    );
    assert_eq!(otlp.traces.endpoint, "http://traces:1/own/path");
    assert_eq!(otlp.traces.protocol, OtlpProtocol::HttpJson);
    let metrics = otlp.metrics.unwrap().connection;
    assert_eq!(metrics.endpoint, "http://all:1/base/v1/metrics");
    assert_eq!(metrics.protocol, OtlpProtocol::Http);
}

#[test]
fn certificates_come_from_variables_for_https_only() {
    let variables = |endpoint| {
        [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint),
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", "ca.pem"),
            ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "cert.pem"),
            ("OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", "key.pem"),
        ]
    };
    let tls = application("", &variables("https://collector:1")).traces.tls;
    assert_eq!(tls.ca_file.unwrap().to_str(), Some("ca.pem"));
    let identity = tls.identity.unwrap();
    assert_eq!(identity.cert_file.to_str(), Some("cert.pem"));
    assert_eq!(identity.key_file.to_str(), Some("key.pem"));
    let plain = application("", &variables("http://collector:1"));
    assert!(plain.traces.tls.ca_file.is_none() && plain.traces.tls.identity.is_none());
}

#[test]
fn the_sdk_can_be_switched_off_unless_the_file_says_on() {
    let variables =
        [("OTEL_SDK_DISABLED", "TRUE"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:1")];
    let (settings, _) =
        with("genai_telemetry: { exporters: { a: { otlp_endpoint: 'http://a' } } }", &variables);
    assert!(settings.telemetry.is_none() && settings.genai.otlp.is_none());
    assert!(settings.genai.exporters.is_empty());
    assert!(settings.genai.enabled, "the store still gets its spans");
    let file = "telemetry: { enabled: true }\ngenai_telemetry: { enabled: true }";
    let (settings, _) = with(file, &variables);
    assert!(settings.telemetry.is_some() && settings.genai.otlp.is_some());
}

#[test]
fn samplers_are_shares_of_all_traces() {
    for (sampler, argument, share) in [
        ("always_on", "0.5", 1.0),
        ("parentbased_always_on", "", 1.0),
        ("always_off", "", 0.0),
        ("parentbased_always_off", "", 0.0),
        ("traceidratio", "0.5", 0.5),
        ("traceidratio", "", 1.0),
        ("parentbased_traceidratio", "0", 0.0),
    ] {
        let otlp = application(
            "telemetry: { otlp_endpoint: 'http://file:1' }",
            &[("OTEL_TRACES_SAMPLER", sampler), ("OTEL_TRACES_SAMPLER_ARG", argument)],
        );
        assert_eq!(otlp.sample_ratio, share, "{sampler} {argument}");
    }
}

#[test]
fn what_cannot_be_used_is_warned_of_and_ignored_without_showing_it() {
    let bad = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "canary:4317"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "canary"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "canary"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "0"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "canary"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
        ("OTEL_METRICS_EXPORTER", "canary"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "-1"),
        ("OTEL_TRACES_SAMPLER", "canary"),
        ("OTEL_RESOURCE_ATTRIBUTES", "a=%zz"),
        ("OTEL_SDK_DISABLED", "canary"),
    ];
    let file = "telemetry: { otlp_endpoint: 'http://file:1' }";
    let (settings, warnings) = with(file, &bad);
    assert_eq!(warnings.lines().count(), bad.len(), "each once: {warnings}");
    for (variable, _) in bad {
        assert!(warnings.contains(&format!("warning: {variable}: the variable is ignored")));
    }
    assert!(!warnings.contains("canary"), "{warnings}");
    let (plain, _) = with(file, &[]);
    assert_eq!(format!("{:?}", settings.telemetry), format!("{:?}", plain.telemetry));
    let empty: Vec<_> = bad.iter().map(|(name, _)| (*name, " ")).collect();
    assert_eq!(with(file, &empty).1, "", "an empty variable is unset");
}

#[test]
fn a_changed_variable_changes_the_fingerprint() {
    let of = |value| with("", &[("OTEL_EXPORTER_OTLP_HEADERS", value)]).0.fingerprint;
    assert_eq!(of("a=1"), of("a=1"));
    assert_ne!(of("a=1").environment, of("a=2").environment);
    assert_eq!(of("a=1").text, of("a=2").text);
}

#[test]
fn over_http_a_base_gets_each_signals_path_and_a_path_that_is_there_stays() {
    for base in ["http://a:1", "http://a:1/", "http://a:1/v1/traces", "http://a:1/v1/metrics/"] {
        let file =
            format!("telemetry: {{ otlp_endpoint: '{base}', protocol: http, metrics: true }}");
        let otlp = application(&file, &[]);
        assert_eq!(otlp.traces.endpoint, "http://a:1/v1/traces", "{base}");
        assert_eq!(otlp.metrics.unwrap().connection.endpoint, "http://a:1/v1/metrics", "{base}");
    }
}
