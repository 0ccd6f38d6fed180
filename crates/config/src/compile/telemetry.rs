//! Exporters: the file's fields, and the environment's variables where they fill it in.
//!
//! The variables are those of the process, so they fill what `telemetry` leaves out. They fill
//! `genai_telemetry` only where neither section names an endpoint: then whoever started the process
//! chose the backend, and it gets both pipelines. A section with an endpoint in the file never
//! sends the headers of a variable, which are meant for another one, except `telemetry`.

use std::path::PathBuf;
use std::time::Duration;

use tollgate_telemetry::Profile;
use tollgate_telemetry::export::{
    MetricsPush, OtlpConnection, OtlpIdentity, OtlpProtocol, OtlpSettings, OtlpTls,
};

use crate::capture::Capture;
use crate::model::{Document, OtlpEntry, Profiles, TelemetryEntry};
use crate::settings::{GenAi, GenAiExporter, ToolLinks};
use crate::variables::{SignalVariables, Taken, Variables};
use crate::vault::Vault;

const SERVICE_NAME: &str = "tollgate";
const QUEUE_SPANS_MAX: usize = 8192;
const EXPORT_TIMEOUT: Duration = Duration::from_secs(10);
const METRICS_INTERVAL: Duration = Duration::from_secs(60);
const TOOL_LINK_IDS_MAX: usize = 10_000;
const TOOL_LINK_TTL: Duration = Duration::from_secs(60 * 60);
/// Paths of the OTLP services over HTTP.
const TRACES_PATH: &str = "/v1/traces";
const METRICS_PATH: &str = "/v1/metrics";

/// Where exporters take their settings from.
#[derive(Clone, Copy)]
pub(super) struct Sources<'d> {
    pub(super) document: &'d Document,
    pub(super) vault: &'d Vault,
    pub(super) variables: &'d Variables,
}

/// One exporter in the making.
struct Filling<'d> {
    entry: &'d OtlpEntry,
    sources: Sources<'d>,
    /// Whether variables count.
    filled: bool,
    /// The variables that did.
    taken: Vec<&'static str>,
}

// === impl Sources ===

impl<'d> Sources<'d> {
    /// `telemetry`.
    pub(super) fn application(self) -> Option<OtlpSettings> {
        let TelemetryEntry { enabled, otlp } = &self.document.telemetry;
        let wanted = enabled.as_ref().map_or(!self.variables.disabled, |enabled| enabled.value);
        self.exporter(otlp, true).filter(|_| wanted)
    }

    /// `genai_telemetry`. `capture_content` overrides the file.
    pub(super) fn genai(self, capture_content: Option<bool>) -> GenAi {
        let entry = &self.document.genai;
        let exports = entry.enabled.unwrap_or(!self.variables.disabled);
        let mut section = profiles(entry.profiles.as_ref());
        if section.is_empty() {
            section.push(Profile::To11);
        }
        let filled = self.document.telemetry.otlp.endpoint.is_none();
        let filled = filled && entry.otlp.endpoint.is_none();
        let further = entry.exporters.iter().filter(|_| exports).filter_map(|exporter| {
            let own = profiles(exporter.value.profiles.as_ref());
            Some(GenAiExporter {
                name: exporter.name.as_str().into(),
                profiles: if own.is_empty() { section.clone() } else { own },
                otlp: self.exporter(&exporter.value.otlp, false)?,
            })
        });
        let captured = capture_content.or(entry.capture_content).unwrap_or(false);
        GenAi {
            enabled: entry.enabled.unwrap_or(true),
            capture_content: captured,
            capture: Capture::of(self.document, captured, capture_content),
            tool_links: ToolLinks {
                ids_max: entry.tool_links.ids_max.unwrap_or(TOOL_LINK_IDS_MAX),
                ttl: entry.tool_links.ttl_s.map_or(TOOL_LINK_TTL, Duration::from_secs),
            },
            otlp: self.exporter(&entry.otlp, filled).filter(|_| exports),
            exporters: further.collect(),
            profiles: section,
        }
    }

    /// The process's own name.
    pub(super) fn service_name(self) -> String {
        let Document { telemetry, genai, .. } = self.document;
        let written = telemetry.otlp.service_name.as_ref().or(genai.otlp.service_name.as_ref());
        let variable = self.variables.service_name.as_ref().map(|name| &name.value);
        written.or(variable).map_or(SERVICE_NAME, String::as_str).to_owned()
    }

    fn exporter(self, entry: &'d OtlpEntry, filled: bool) -> Option<OtlpSettings> {
        let mut filling = Filling { entry, sources: self, filled, taken: Vec::new() };
        let variables = filling.variables();
        let traces = filling.connection(variables.map(|it| &it.traces), TRACES_PATH)?;
        let wanted = variables.and_then(|it| it.metrics_wanted.as_ref());
        let metrics = if filling.take(entry.metrics, wanted).unwrap_or(false) {
            let interval = entry.metrics_interval_ms.map(Duration::from_millis);
            let variable = variables.and_then(|it| it.metrics_interval.as_ref());
            Some(MetricsPush {
                connection: filling.connection(variables.map(|it| &it.metrics), METRICS_PATH)?,
                interval: filling.take(interval, variable).unwrap_or(METRICS_INTERVAL),
            })
        } else {
            None
        };
        let ratio = variables.and_then(|it| it.sample_ratio.as_ref());
        let spans_max = variables.and_then(|it| it.queue_spans_max.as_ref());
        let service_name = filling.service_name();
        let resource = filling.resource();
        Some(OtlpSettings {
            traces,
            metrics,
            service_name,
            resource,
            queue_spans_max: filling
                .take(entry.queue_spans_max, spans_max)
                .unwrap_or(QUEUE_SPANS_MAX),
            sample_ratio: filling.take(entry.sample_ratio, ratio).unwrap_or(1.0),
            variables: filling.taken(),
        })
    }
}

// === impl Filling ===

impl<'d> Filling<'d> {
    fn variables(&self) -> Option<&'d Variables> {
        self.filled.then_some(self.sources.variables)
    }

    /// What the file says, else the variable.
    fn take<T: Clone>(&mut self, written: Option<T>, variable: Option<&Taken<T>>) -> Option<T> {
        written.or_else(|| {
            let Taken { value, variable } = variable?;
            self.taken.push(variable);
            Some(value.clone())
        })
    }

    /// The variables that counted, each once.
    fn taken(mut self) -> Vec<&'static str> {
        self.taken.sort_unstable();
        self.taken.dedup();
        self.taken
    }

    fn connection(
        &mut self,
        signal: Option<&'d SignalVariables>,
        path: &str,
    ) -> Option<OtlpConnection> {
        let entry = self.entry;
        let written = entry.endpoint.as_ref().map(|endpoint| endpoint.value.clone());
        let is_whole = written.is_none() && signal.is_some_and(|signal| signal.is_whole);
        let endpoint = self.take(written, signal.and_then(|it| it.endpoint.as_ref()))?;
        let protocol = self.take(entry.protocol, signal.and_then(|it| it.protocol.as_ref()));
        let protocol = protocol.unwrap_or_default();
        let timeout = entry.timeout_ms.map(Duration::from_millis);
        Some(OtlpConnection {
            headers: self.headers(signal),
            tls: self.tls(signal, &endpoint),
            endpoint: if is_whole { endpoint } else { service_url(&endpoint, protocol, path) },
            protocol,
            gzip: self.take(entry.gzip, signal.and_then(|it| it.gzip.as_ref())).unwrap_or(false),
            timeout: self
                .take(timeout, signal.and_then(|it| it.timeout.as_ref()))
                .unwrap_or(EXPORT_TIMEOUT),
        })
    }

    /// The file's, and those of the variable whose names the file does not have.
    fn headers(
        &mut self,
        signal: Option<&SignalVariables>,
    ) -> Vec<(http::HeaderName, tollgate_providers::Secret)> {
        let vault = self.sources.vault;
        let written = self.entry.headers.iter().filter_map(|header| {
            Some((header.name.parse().ok()?, vault.get(&header.value.value)?))
        });
        let mut headers: Vec<(http::HeaderName, _)> = written.collect();
        let Some(variable) = signal.and_then(|signal| signal.headers.as_ref()) else {
            return headers;
        };
        self.taken.push(variable.variable);
        for (name, secret) in &variable.value {
            if headers.iter().all(|(known, _)| known != name) {
                headers.push((name.clone(), secret.clone()));
            }
        }
        headers
    }

    /// Of the file if it says anything about TLS.
    fn tls(&mut self, signal: Option<&SignalVariables>, endpoint: &str) -> OtlpTls {
        if let Some(tls) = &self.entry.tls {
            let path = |file: &Option<crate::fields::Located<String>>| {
                file.as_ref().map(|file| PathBuf::from(&file.value))
            };
            return OtlpTls {
                ca_file: path(&tls.value.ca_file),
                identity: path(&tls.value.cert_file)
                    .zip(path(&tls.value.key_file))
                    .map(|(cert_file, key_file)| OtlpIdentity { cert_file, key_file }),
            };
        }
        let Some(signal) = signal.filter(|_| endpoint.starts_with("https://")) else {
            return OtlpTls::default();
        };
        let ca_file = self.take(None, signal.certificate.as_ref());
        let identity = if signal.client_certificate.is_some() && signal.client_key.is_some() {
            let cert_file = self.take(None, signal.client_certificate.as_ref());
            let key_file = self.take(None, signal.client_key.as_ref());
            cert_file
                .zip(key_file)
                .map(|(cert_file, key_file)| OtlpIdentity { cert_file, key_file })
        } else {
            None
        };
        OtlpTls { ca_file, identity }
    }

    /// The process's where the section has none of its own.
    fn service_name(&mut self) -> String {
        let process = &self.sources.document.telemetry.otlp.service_name;
        let written = self.entry.service_name.as_ref().or(process.as_ref()).cloned();
        let name = self.take(written, self.sources.variables.service_name.as_ref());
        name.unwrap_or_else(|| SERVICE_NAME.to_owned())
    }

    /// The variable's attributes are the process's; the file's win.
    fn resource(&mut self) -> Vec<(String, String)> {
        let written = self.entry.resource.iter();
        let mut resource: Vec<(String, String)> =
            written.map(|it| (it.name.clone(), it.value.value.clone())).collect();
        let Some(variable) = &self.sources.variables.resource else { return resource };
        self.taken.push(variable.variable);
        for (name, value) in &variable.value {
            if resource.iter().all(|(known, _)| known != name) {
                resource.push((name.clone(), value.clone()));
            }
        }
        resource
    }
}

fn profiles(list: Option<&Profiles>) -> Vec<Profile> {
    let names = list.into_iter().flat_map(|list| &list.value);
    names.filter_map(|profile| Profile::named(&profile.value)).collect()
}

/// Over HTTP each signal has its path below the base; one that is written already is replaced.
fn service_url(endpoint: &str, protocol: OtlpProtocol, path: &str) -> String {
    let base = endpoint.trim_end_matches('/');
    if protocol == OtlpProtocol::Grpc {
        return base.to_owned();
    }
    let base = base.strip_suffix(TRACES_PATH).or(base.strip_suffix(METRICS_PATH)).unwrap_or(base);
    format!("{base}{path}")
}
