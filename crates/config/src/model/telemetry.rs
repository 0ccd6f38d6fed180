//! `telemetry`, `genai_telemetry`.

use tollgate_providers::SecretSource;
use tollgate_telemetry::export::OtlpProtocol;

use super::Document;
use super::capture::{self, CaptureEntry};
use crate::fields::{Entry, Fields, Located};

/// The longest queue of an exporter, in spans.
const QUEUE_SPANS_MAX: u64 = 1_000_000;
/// How bodies may be compressed; whether by gzip.
const COMPRESSIONS: [(&str, bool); 2] = [("gzip", true), ("none", false)];

/// The shortest time between two exports of metrics, in milliseconds.
const METRICS_INTERVAL_MS_MIN: u64 = 100;

/// The most ids of tool calls that can be remembered.
const TOOL_LINKS_IDS_MAX: u64 = 1_000_000;
/// The longest that one can be, in seconds: one day.
const TOOL_LINKS_TTL_S_MAX: u64 = 24 * 60 * 60;

/// `telemetry`.
#[derive(Debug, Default)]
pub(crate) struct TelemetryEntry {
    pub(crate) enabled: Option<Located<bool>>,
    pub(crate) otlp: OtlpEntry,
}

/// `genai_telemetry`.
#[derive(Debug, Default)]
pub(crate) struct GenAiEntry {
    pub(crate) enabled: Option<bool>,
    pub(crate) capture_content: Option<bool>,
    pub(crate) capture: CaptureEntry,
    pub(crate) profiles: Option<Profiles>,
    pub(crate) tool_links: ToolLinksEntry,
    pub(crate) otlp: OtlpEntry,
    pub(crate) exporters: Vec<Entry<ExporterEntry>>,
}

/// `genai_telemetry.tool_links`.
#[derive(Debug, Default)]
pub(crate) struct ToolLinksEntry {
    pub(crate) ids_max: Option<usize>,
    pub(crate) ttl_s: Option<u64>,
}

/// `genai_telemetry.exporters.<name>`.
#[derive(Debug, Default)]
pub(crate) struct ExporterEntry {
    pub(crate) profiles: Option<Profiles>,
    pub(crate) otlp: OtlpEntry,
}

/// A list of vocabularies.
pub(crate) type Profiles = Located<Vec<Located<String>>>;

/// The fields of an OTLP exporter, which every section that has one shares.
#[derive(Debug, Default)]
pub(crate) struct OtlpEntry {
    pub(crate) endpoint: Option<Located<String>>,
    pub(crate) protocol: Option<OtlpProtocol>,
    pub(crate) headers: Vec<Entry<Located<SecretSource>>>,
    pub(crate) tls: Option<Located<OtlpTlsEntry>>,
    pub(crate) gzip: Option<bool>,
    pub(crate) timeout_ms: Option<u64>,
    pub(crate) queue_spans_max: Option<usize>,
    pub(crate) sample_ratio: Option<f64>,
    pub(crate) service_name: Option<String>,
    pub(crate) resource: Vec<Entry<Located<String>>>,
    pub(crate) metrics: Option<bool>,
    pub(crate) metrics_interval_ms: Option<u64>,
}

/// `tls` of an OTLP exporter.
#[derive(Debug, Default)]
pub(crate) struct OtlpTlsEntry {
    pub(crate) ca_file: Option<Located<String>>,
    pub(crate) cert_file: Option<Located<String>>,
    pub(crate) key_file: Option<Located<String>>,
}

// === impl Document ===

impl Document {
    /// Every exporter that the file describes.
    pub(crate) fn exporters(&self) -> impl Iterator<Item = &OtlpEntry> {
        let named = self.genai.exporters.iter().map(|exporter| &exporter.value.otlp);
        [&self.telemetry.otlp, &self.genai.otlp].into_iter().chain(named)
    }
}

pub(super) fn telemetry(fields: &mut Fields<'_, '_>) -> TelemetryEntry {
    TelemetryEntry { enabled: fields.flag("enabled"), otlp: otlp(fields) }
}

pub(super) fn genai(fields: &mut Fields<'_, '_>) -> GenAiEntry {
    GenAiEntry {
        enabled: fields.flag("enabled").map(|flag| flag.value),
        capture_content: capture::switch(fields),
        capture: capture::capture(fields),
        profiles: fields.texts("profiles"),
        tool_links: super::section(fields, "tool_links", tool_links),
        otlp: otlp(fields),
        exporters: fields.table("exporters", exporter),
    }
}

fn tool_links(fields: &mut Fields<'_, '_>) -> ToolLinksEntry {
    ToolLinksEntry {
        ids_max: super::count(fields, "ids_max", TOOL_LINKS_IDS_MAX, "ids"),
        ttl_s: fields.integer("ttl_s", 1..=TOOL_LINKS_TTL_S_MAX, "s").map(|ttl| ttl.value),
    }
}

fn exporter(fields: &mut Fields<'_, '_>) -> ExporterEntry {
    fields.require("otlp_endpoint", "where it exports to, for example `http://localhost:4317`");
    ExporterEntry { profiles: fields.texts("profiles"), otlp: otlp(fields) }
}

fn otlp(fields: &mut Fields<'_, '_>) -> OtlpEntry {
    let interval = METRICS_INTERVAL_MS_MIN..=super::TIMEOUT_MS_MAX;
    OtlpEntry {
        endpoint: fields.text("otlp_endpoint"),
        protocol: fields.choice("protocol", &OtlpProtocol::WORDS).map(|protocol| protocol.value),
        headers: fields.secrets("headers"),
        tls: fields.section("tls", tls),
        gzip: fields.choice("compression", &COMPRESSIONS).map(|gzip| gzip.value),
        timeout_ms: super::timeout_ms(fields, "timeout_ms"),
        queue_spans_max: super::count(fields, "queue_spans_max", QUEUE_SPANS_MAX, "spans"),
        sample_ratio: fields.decimal("sample_ratio", 0.0..=1.0, "").map(|ratio| ratio.value),
        service_name: fields.text("service_name").map(|name| name.value),
        resource: fields.named_texts("resource"),
        metrics: fields.flag("metrics").map(|flag| flag.value),
        metrics_interval_ms: fields
            .integer("metrics_interval_ms", interval, "ms")
            .map(|ms| ms.value),
    }
}

fn tls(fields: &mut Fields<'_, '_>) -> OtlpTlsEntry {
    let tls = OtlpTlsEntry {
        ca_file: fields.text("ca_file"),
        cert_file: fields.text("cert_file"),
        key_file: fields.text("key_file"),
    };
    if fields.has_value("cert_file") {
        fields.require("key_file", "the path of a PEM file with the certificate's private key");
    }
    if fields.has_value("key_file") {
        fields.require("cert_file", "the path of a PEM file with the key's certificate");
    }
    tls
}
