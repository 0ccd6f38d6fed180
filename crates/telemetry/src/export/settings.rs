//! What an exporter is made by.

use std::path::PathBuf;
use std::time::Duration;

use tollgate_providers::Secret;

/// How an OTLP exporter talks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OtlpProtocol {
    /// gRPC.
    #[default]
    Grpc,
    /// HTTP with protobuf bodies.
    Http,
    /// HTTP with JSON bodies.
    HttpJson,
}

/// The way to one service of an OTLP backend.
#[derive(Clone, Debug)]
pub struct OtlpConnection {
    /// Over gRPC the server, for example `http://localhost:4317`; over HTTP the whole URL that is
    /// posted to, for example `http://localhost:4318/v1/traces`.
    pub endpoint: String,
    /// gRPC or HTTP.
    pub protocol: OtlpProtocol,
    /// Headers sent with every export, each name once.
    pub headers: Vec<(http::HeaderName, Secret)>,
    /// For an `https` endpoint.
    pub tls: OtlpTls,
    /// Whether bodies are compressed with gzip; off by default.
    pub gzip: bool,
    /// How long one export may take; 10 s by default.
    pub timeout: Duration,
}

/// What an `https` endpoint is verified by, and what tollgate shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct OtlpTls {
    /// PEM file with the authorities to trust, instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Certificate and key for a backend that asks for them.
    pub identity: Option<OtlpIdentity>,
}

/// A certificate of our own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OtlpIdentity {
    /// PEM file with the certificate chain.
    pub cert_file: PathBuf,
    /// PEM file with the private key.
    pub key_file: PathBuf,
}

/// Metrics on their way to the backend, too.
#[derive(Clone, Debug)]
pub struct MetricsPush {
    /// The way to the backend's metrics service.
    pub connection: OtlpConnection,
    /// The time between two exports; 60 s by default.
    pub interval: Duration,
}

/// An OTLP exporter.
#[derive(Clone, Debug)]
pub struct OtlpSettings {
    /// The way of spans.
    pub traces: OtlpConnection,
    /// The way of metrics; none by default.
    pub metrics: Option<MetricsPush>,
    /// The resource's `service.name`.
    pub service_name: String,
    /// The resource's further attributes.
    pub resource: Vec<(String, String)>,
    /// The most spans that wait to be exported; what comes on top is dropped and counted.
    pub queue_spans_max: usize,
    /// The share of traces that are exported, from 0 to 1; 1 by default.
    pub sample_ratio: f64,
    /// The environment's variables that filled in what the file leaves out.
    pub variables: Vec<&'static str>,
}

// === impl OtlpProtocol ===

impl OtlpProtocol {
    /// Every protocol by its names in the configuration and in variables.
    pub const WORDS: [(&'static str, Self); 4] = [
        ("grpc", Self::Grpc),
        ("http", Self::Http),
        ("http/protobuf", Self::Http),
        ("http/json", Self::HttpJson),
    ];

    /// The name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::Http => "http",
            Self::HttpJson => "http/json",
        }
    }
}
