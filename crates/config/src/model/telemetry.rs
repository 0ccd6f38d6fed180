//! `telemetry`, `genai_telemetry`.

use tollgate_providers::SecretSource;

use super::capture::{self, CaptureEntry};
use crate::fields::{Entry, Fields, Located};
use crate::settings::{OtlpProtocol, Profile};

/// The longest queue of an exporter, in spans.
const QUEUE_SPANS_MAX: u64 = 1_000_000;

/// The most ids of tool calls that can be remembered.
const TOOL_LINKS_IDS_MAX: u64 = 1_000_000;
/// The longest that one can be, in seconds: one day.
const TOOL_LINKS_TTL_S_MAX: u64 = 24 * 60 * 60;

/// `telemetry`.
#[derive(Debug, Default)]
pub(crate) struct TelemetryEntry {
    pub(crate) enabled: Option<Located<bool>>,
    pub(crate) otlp: OtlpEntry,
    pub(crate) service_name: Option<String>,
}

/// `genai_telemetry`.
#[derive(Debug, Default)]
pub(crate) struct GenAiEntry {
    pub(crate) enabled: Option<bool>,
    pub(crate) capture_content: Option<bool>,
    pub(crate) capture: CaptureEntry,
    pub(crate) profiles: Option<Located<Vec<Located<String>>>>,
    pub(crate) tool_links: ToolLinksEntry,
    pub(crate) otlp: OtlpEntry,
}

/// `genai_telemetry.tool_links`.
#[derive(Debug, Default)]
pub(crate) struct ToolLinksEntry {
    pub(crate) ids_max: Option<usize>,
    pub(crate) ttl_s: Option<u64>,
}

/// The fields of an OTLP exporter, which both sections share.
#[derive(Debug, Default)]
pub(crate) struct OtlpEntry {
    pub(crate) endpoint: Option<Located<String>>,
    pub(crate) protocol: Option<OtlpProtocol>,
    pub(crate) headers: Vec<Entry<Located<SecretSource>>>,
    pub(crate) timeout_ms: Option<u64>,
    pub(crate) queue_spans_max: Option<usize>,
}

// === impl Profile ===

impl Profile {
    /// Every profile and its name.
    pub(crate) const WORDS: [(&'static str, Self); 4] = [
        ("to11", Self::To11),
        ("semconv-1.41", Self::SemconvPinned),
        ("semconv-latest", Self::SemconvLatest),
        ("openinference", Self::OpenInference),
    ];

    /// The profile of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(word, _)| *word == name).map(|(_, profile)| *profile)
    }
}

pub(super) fn telemetry(fields: &mut Fields<'_, '_>) -> TelemetryEntry {
    TelemetryEntry {
        enabled: fields.flag("enabled"),
        otlp: otlp(fields),
        service_name: fields.text("service_name").map(|name| name.value),
    }
}

pub(super) fn genai(fields: &mut Fields<'_, '_>) -> GenAiEntry {
    GenAiEntry {
        enabled: fields.flag("enabled").map(|flag| flag.value),
        capture_content: capture::switch(fields),
        capture: capture::capture(fields),
        profiles: fields.texts("profiles"),
        tool_links: super::section(fields, "tool_links", tool_links),
        otlp: otlp(fields),
    }
}

fn tool_links(fields: &mut Fields<'_, '_>) -> ToolLinksEntry {
    ToolLinksEntry {
        ids_max: super::count(fields, "ids_max", TOOL_LINKS_IDS_MAX, "ids"),
        ttl_s: fields.integer("ttl_s", 1..=TOOL_LINKS_TTL_S_MAX, "s").map(|ttl| ttl.value),
    }
}

fn otlp(fields: &mut Fields<'_, '_>) -> OtlpEntry {
    let protocols = [("grpc", OtlpProtocol::Grpc), ("http", OtlpProtocol::Http)];
    OtlpEntry {
        endpoint: fields.text("otlp_endpoint"),
        protocol: fields.choice("protocol", &protocols).map(|protocol| protocol.value),
        headers: fields.secrets("headers"),
        timeout_ms: super::timeout_ms(fields, "timeout_ms"),
        queue_spans_max: super::count(fields, "queue_spans_max", QUEUE_SPANS_MAX, "spans"),
    }
}
