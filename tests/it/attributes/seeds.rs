//! What the documentation promises, name by name, written down by hand: the catalogues must have all
//! of it, and the table a row for each.

use tollgate_filters::request::CONTEXT_HEADERS;
use tollgate_telemetry::genai::attributes::{Attribute, On};
use tollgate_telemetry::metrics::catalog::{CALL_DIMENSIONS, Instrument, Metric};

use super::rows::{AT_THE_RECORD, ROWS};

/// Attributes of the model call's span, and their types.
const OF_CALLS: [(&str, &str); 48] = [
    ("gen_ai.operation.name", "string"),
    ("gen_ai.provider.name", "string"),
    ("gen_ai.request.model", "string"),
    ("gen_ai.request.stream", "bool"),
    ("gen_ai.request.temperature", "float"),
    ("gen_ai.request.max_tokens", "int"),
    ("gen_ai.request.top_p", "float"),
    ("gen_ai.request.frequency_penalty", "float"),
    ("gen_ai.request.presence_penalty", "float"),
    ("gen_ai.request.seed", "int"),
    ("gen_ai.request.top_k", "int"),
    ("gen_ai.request.stop_sequences", "string (JSON array)"),
    ("gen_ai.request.n", "int"),
    ("gen_ai.response.model", "string"),
    ("gen_ai.response.id", "string"),
    ("gen_ai.usage.input_tokens", "int"),
    ("gen_ai.usage.output_tokens", "int"),
    ("gen_ai.response.finish_reasons", "string (JSON array)"),
    ("gen_ai.usage.cache_creation.input_tokens", "int"),
    ("gen_ai.usage.cache_creation_5m.input_tokens", "int"),
    ("gen_ai.usage.cache_creation_1h.input_tokens", "int"),
    ("gen_ai.usage.cache_read.input_tokens", "int"),
    ("gen_ai.usage.reasoning_tokens", "int"),
    ("gen_ai.server.time_to_first_token", "float"),
    ("gen_ai.server.request.duration", "float"),
    ("gen_ai.server.output_tokens_per_second", "float"),
    ("gen_ai.output.type", "string"),
    ("server.address", "string"),
    ("server.port", "int"),
    ("error.type", "string"),
    ("gen_ai.user.id", "string"),
    ("gen_ai.session.id", "string"),
    ("gen_ai.conversation.id", "string"),
    ("deployment.environment.name", "string"),
    ("gen_ai.tool.definitions", "string (JSON array)"),
    ("gateway.routing.path", "string"),
    ("gateway.routing.target", "string"),
    ("gateway.routing.layer", "string"),
    ("gateway.routing.strategy", "string"),
    ("gateway.routing.attempt", "int"),
    ("gateway.routing.upstream_model", "string"),
    ("gateway.variant.name", "string"),
    ("gateway.variant.weight", "int"),
    ("gateway.experiment.total_variants", "int"),
    ("gateway.function.name", "string"),
    ("gateway.function.endpoint", "string"),
    ("gen_ai.cache.status", "string"),
    ("gen_ai.cache.age_seconds", "float"),
];

/// The same, with content capture.
const OF_CONTENT: [(&str, &str); 3] = [
    ("gen_ai.input.messages", "string (JSON)"),
    ("gen_ai.output.messages", "string (JSON)"),
    ("gen_ai.system_instructions", "string"),
];

const OF_TOOL_CALLS: [(&str, &str); 4] = [
    ("gen_ai.tool.name", "string"),
    ("gen_ai.tool.type", "string"),
    ("gen_ai.tool.call.id", "string"),
    ("gen_ai.tool.call.arguments", "string (JSON)"),
];

/// Strings all of them, the count and the step too.
const OF_OPERATIONS: [&str; 9] = [
    "gen_ai.operation.name",
    "gen_ai.tool.name",
    "gen_ai.tool.call.id",
    "gen_ai.retrieval.source",
    "gen_ai.retrieval.document.count",
    "gen_ai.agent.id",
    "gen_ai.agent.name",
    "gen_ai.agent.step",
    "gen_ai.agent.description",
];

const HISTOGRAMS: [(&str, &str, Option<&str>); 6] = [
    ("gen_ai.client.operation.duration", "s", None),
    ("gen_ai.client.token.usage", "tokens", Some("gen_ai.token.type")),
    ("gen_ai.server.time_to_first_token", "s", None),
    ("gen_ai.server.request.duration", "s", None),
    ("gen_ai.server.time_per_output_token", "s", None),
    ("gen_ai.server.output_tokens_per_second", "tokens/sec", None),
];

const COUNTERS: [(&str, &[&str]); 6] = [
    ("gen_ai.client.errors", &["error.type"]),
    (
        "gen_ai.client.guardrail_violations",
        &["gen_ai.guardrail.detector", "gen_ai.guardrail.direction"],
    ),
    ("gen_ai.client.finish_reasons", &["gen_ai.response.finish_reason"]),
    ("gateway.retry.attempts", &[]),
    ("gateway.retry.target_exclusions", &["gateway.retry.excluded_target"]),
    ("gateway.retry.exhaustion_resets", &[]),
];

const DIMENSIONS: [&str; 6] = [
    "gen_ai.operation.name",
    "gen_ai.provider.name",
    "gen_ai.request.model",
    "gen_ai.response.model",
    "server.address",
    "server.port",
];

/// Each header in every documented spelling, and its attribute.
const HEADERS: [(&str, Option<&str>); 24] = [
    ("traceparent", None),
    ("tracestate", None),
    ("x-to11-user-id", Some("gen_ai.user.id")),
    ("x-to11-session-id", Some("gen_ai.session.id")),
    ("x-to11-environment", Some("deployment.environment.name")),
    ("x-to11-env", Some("deployment.environment.name")),
    ("x-conversation-id", Some("gen_ai.conversation.id")),
    ("x-to11-conversation-id", Some("gen_ai.conversation.id")),
    ("x-to11-prompt-id", Some("gateway.prompt.id")),
    ("x-to11-prompt-version", Some("gateway.prompt.version")),
    ("x-to11-prompt-label", Some("gateway.prompt.label")),
    ("x-to11-prompt-slug", Some("gateway.prompt.slug")),
    ("x-to11-operation", Some("gen_ai.operation.name")),
    ("x-to11-context-operation", Some("gen_ai.operation.name")),
    ("x-to11-context-tool-name", Some("gen_ai.tool.name")),
    ("x-to11-context-tool-call-id", Some("gen_ai.tool.call.id")),
    ("x-to11-context-tool-duration-ms", None),
    ("x-to11-context-retrieval-source", Some("gen_ai.retrieval.source")),
    ("x-to11-context-retrieval-document-count", Some("gen_ai.retrieval.document.count")),
    ("x-to11-context-retrieval-duration-ms", None),
    ("x-to11-context-agent-id", Some("gen_ai.agent.id")),
    ("x-to11-context-agent-name", Some("gen_ai.agent.name")),
    ("x-to11-context-agent-step", Some("gen_ai.agent.step")),
    ("x-to11-context-agent-description", Some("gen_ai.agent.description")),
];

fn promised() -> Vec<(&'static str, &'static str, On)> {
    let calls = OF_CALLS.iter().chain(&OF_CONTENT).map(|(name, kind)| (*name, *kind, On::Call));
    let tools = OF_TOOL_CALLS.iter().map(|(name, kind)| (*name, *kind, On::ToolCall));
    let operations = OF_OPERATIONS.iter().map(|name| (*name, "string", On::Operation));
    calls.chain(tools).chain(operations).collect()
}

#[test]
fn the_catalogue_has_every_promised_attribute_with_its_type_and_place() {
    for (name, kind, on) in promised() {
        let known = Attribute::named(name).unwrap_or_else(|| panic!("{name} is missing"));
        assert_eq!(known.kind.name(), kind, "{name}");
        assert!(known.on.contains(&on), "{name} stands on {on:?}");
    }
}

#[test]
fn the_table_has_a_row_for_every_promised_attribute() {
    for (name, _, on) in promised() {
        let row = ROWS.iter().any(|row| (row.name, row.on) == (name, on));
        assert!(row || AT_THE_RECORD.contains(&name), "{name} on {on:?} has no row");
    }
}

#[test]
fn the_catalogue_has_every_promised_metric_with_its_dimensions() {
    assert_eq!(CALL_DIMENSIONS, DIMENSIONS);
    for (name, unit, own) in HISTOGRAMS {
        let metric = Metric::named(name).unwrap_or_else(|| panic!("{name} is missing"));
        assert_eq!((metric.instrument, metric.unit), (Instrument::Histogram, unit), "{name}");
        assert!(metric.of_calls && !metric.bounds.is_empty(), "{name}");
        assert!(metric.bounds.is_sorted(), "{name}");
        assert_eq!(metric.dimensions, own.as_slice(), "{name}");
    }
    for (name, dimensions) in COUNTERS {
        let metric = Metric::named(name).unwrap_or_else(|| panic!("{name} is missing"));
        assert_eq!(metric.instrument, Instrument::Counter, "{name}");
        assert_eq!(metric.dimensions, dimensions, "{name}");
    }
}

#[test]
fn every_dimension_of_a_metric_that_is_an_attribute_is_one_of_metrics() {
    for dimension in CALL_DIMENSIONS.iter().chain(COUNTERS.iter().flat_map(|(_, own)| *own)) {
        let known = Attribute::named(dimension).unwrap_or_else(|| panic!("{dimension}"));
        assert!(known.on.contains(&On::Metric), "{dimension}");
    }
}

#[test]
fn the_catalogue_has_every_promised_header_and_no_other() {
    for (name, attribute) in HEADERS {
        let known = CONTEXT_HEADERS.iter().find(|it| it.name == name || it.older == Some(name));
        let known = known.unwrap_or_else(|| panic!("{name} is missing"));
        assert_eq!(known.attribute, attribute, "{name}");
    }
    for header in CONTEXT_HEADERS {
        for name in [Some(header.name), header.older].into_iter().flatten() {
            assert!(HEADERS.iter().any(|(known, _)| *known == name), "{name} is not promised");
        }
    }
}
