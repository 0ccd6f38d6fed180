//! The variables of the OpenTelemetry specification that fill in what the file leaves out.
//!
//! One that cannot be used is warned of and ignored, as the specification wants it: it may be meant
//! for another process of the same environment. An empty one counts as unset.

use std::path::PathBuf;
use std::time::Duration;

use http::HeaderName;
use tollgate_providers::{BaseUrl, Secret};
use tollgate_telemetry::export::OtlpProtocol;

use crate::error::{Place, Problem};
use crate::fingerprint::fingerprint;
use crate::vault::Environment;

#[cfg(test)]
mod tests;

/// The resource attribute that is a name of its own.
const SERVICE_NAME: &str = "service.name";

/// What a variable says.
#[derive(Clone, Debug)]
pub(crate) struct Taken<T> {
    pub(crate) value: T,
    pub(crate) variable: &'static str,
}

/// What the variables say about one signal.
#[derive(Debug, Default)]
pub(crate) struct SignalVariables {
    pub(crate) endpoint: Option<Taken<String>>,
    /// Whether the endpoint is the signal's own, which over HTTP is the whole URL.
    pub(crate) is_whole: bool,
    pub(crate) protocol: Option<Taken<OtlpProtocol>>,
    pub(crate) headers: Option<Taken<Vec<(HeaderName, Secret)>>>,
    pub(crate) gzip: Option<Taken<bool>>,
    pub(crate) timeout: Option<Taken<Duration>>,
    pub(crate) certificate: Option<Taken<PathBuf>>,
    pub(crate) client_certificate: Option<Taken<PathBuf>>,
    pub(crate) client_key: Option<Taken<PathBuf>>,
}

/// What all variables say.
#[derive(Debug, Default)]
pub(crate) struct Variables {
    pub(crate) disabled: bool,
    pub(crate) service_name: Option<Taken<String>>,
    /// Without the service's name.
    pub(crate) resource: Option<Taken<Vec<(String, String)>>>,
    pub(crate) traces: SignalVariables,
    pub(crate) metrics: SignalVariables,
    pub(crate) sample_ratio: Option<Taken<f64>>,
    pub(crate) metrics_wanted: Option<Taken<bool>>,
    pub(crate) metrics_interval: Option<Taken<Duration>>,
    pub(crate) queue_spans_max: Option<Taken<usize>>,
    fingerprint: u64,
}

/// The names of a setting, the signal's own before the one for all signals.
type Names = [&'static str; 2];

/// The names of one signal's variables.
struct Signal {
    endpoint: Names,
    protocol: Names,
    headers: Names,
    compression: Names,
    timeout: Names,
    certificate: Names,
    client_certificate: Names,
    client_key: Names,
}

const TRACES: Signal = Signal {
    endpoint: ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"],
    protocol: ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"],
    headers: ["OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"],
    compression: ["OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "OTEL_EXPORTER_OTLP_COMPRESSION"],
    timeout: ["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"],
    certificate: ["OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE"],
    client_certificate: [
        "OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE",
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
    ],
    client_key: ["OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", "OTEL_EXPORTER_OTLP_CLIENT_KEY"],
};

const METRICS: Signal = Signal {
    endpoint: ["OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"],
    protocol: ["OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"],
    headers: ["OTEL_EXPORTER_OTLP_METRICS_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"],
    compression: ["OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", "OTEL_EXPORTER_OTLP_COMPRESSION"],
    timeout: ["OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"],
    certificate: ["OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE"],
    client_certificate: [
        "OTEL_EXPORTER_OTLP_METRICS_CLIENT_CERTIFICATE",
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
    ],
    client_key: ["OTEL_EXPORTER_OTLP_METRICS_CLIENT_KEY", "OTEL_EXPORTER_OTLP_CLIENT_KEY"],
};

/// Looks variables up, and remembers what it saw.
struct Reader<'e, 'w> {
    environment: Environment<'e>,
    warnings: &'w mut Vec<Problem>,
    fingerprint: u64,
}

// === impl Variables ===

impl Variables {
    /// Reads every variable there is. No warning shows a value.
    pub(crate) fn read(environment: Environment<'_>, warnings: &mut Vec<Problem>) -> Self {
        let mut reader = Reader { environment, warnings, fingerprint: 0 };
        let pairs = reader.get(&["OTEL_RESOURCE_ATTRIBUTES"], "`key=value,key=value`", pairs);
        let named = pairs.as_ref().and_then(|pairs| {
            let (_, value) = pairs.value.iter().find(|(name, _)| name == SERVICE_NAME)?;
            Some(Taken { value: value.clone(), variable: pairs.variable })
        });
        let resource = pairs.map(|mut pairs| {
            pairs.value.retain(|(name, _)| name != SERVICE_NAME);
            pairs
        });
        let name = reader.get(&["OTEL_SERVICE_NAME"], "text", |text| Some(text.to_owned()));
        let mut variables = Self {
            disabled: reader
                .get(&["OTEL_SDK_DISABLED"], "`true` or `false`", flag)
                .is_some_and(|disabled| disabled.value),
            service_name: name.or(named),
            resource,
            traces: SignalVariables::read(&TRACES, &mut reader),
            metrics: SignalVariables::read(&METRICS, &mut reader),
            sample_ratio: sampler(&mut reader),
            metrics_wanted: reader.get(&["OTEL_METRICS_EXPORTER"], "`otlp` or `none`", |word| {
                // Prometheus is served anyway.
                [("otlp", true), ("prometheus", false), ("none", false)]
                    .iter()
                    .find_map(|(known, wanted)| (*known == word).then_some(*wanted))
            }),
            metrics_interval: reader.get(&["OTEL_METRIC_EXPORT_INTERVAL"], "milliseconds", time),
            queue_spans_max: reader.get(&["OTEL_BSP_MAX_QUEUE_SIZE"], "a count above 0", |text| {
                text.parse().ok().filter(|spans| *spans > 0)
            }),
            fingerprint: 0,
        };
        variables.fingerprint = reader.fingerprint;
        variables
    }

    /// Of everything that was read.
    pub(crate) const fn fingerprint(&self) -> u64 {
        self.fingerprint
    }
}

// === impl SignalVariables ===

impl SignalVariables {
    fn read(names: &Signal, reader: &mut Reader<'_, '_>) -> Self {
        let [own, _] = names.endpoint;
        let endpoint = reader.get(&names.endpoint, "an `http` or `https` URL", |text| {
            text.parse::<BaseUrl>().ok().map(|_| text.to_owned())
        });
        let path = |text: &str| Some(PathBuf::from(text));
        Self {
            is_whole: endpoint.as_ref().is_some_and(|endpoint| endpoint.variable == own),
            endpoint,
            protocol: reader.get(
                &names.protocol,
                "`grpc`, `http/protobuf` or `http/json`",
                |text| {
                    let word = OtlpProtocol::WORDS.iter().find(|(word, _)| *word == text);
                    word.map(|(_, protocol)| *protocol)
                },
            ),
            headers: reader.get(&names.headers, "`name=value,name=value`", headers),
            gzip: reader.get(&names.compression, "`gzip` or `none`", |text| match text {
                "gzip" => Some(true),
                "none" => Some(false),
                _ => None,
            }),
            timeout: reader.get(&names.timeout, "milliseconds", time),
            certificate: reader.get(&names.certificate, "a path", path),
            client_certificate: reader.get(&names.client_certificate, "a path", path),
            client_key: reader.get(&names.client_key, "a path", path),
        }
    }
}

// === impl Reader ===

impl Reader<'_, '_> {
    /// What the first of `names` that is set and can be used says.
    fn get<T>(
        &mut self,
        names: &[&'static str],
        wanted: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<Taken<T>> {
        for variable in names {
            let Some(text) = (self.environment)(variable) else { continue };
            let text = text.trim();
            if text.is_empty() {
                continue;
            }
            self.fingerprint = fingerprint((self.fingerprint, variable, text));
            if let Some(value) = parse(text) {
                return Some(Taken { value, variable });
            }
            let place = Place { path: (*variable).to_owned(), position: None };
            let message = format!("the variable is ignored: its value must be {wanted}");
            let warning = Problem::new(&place, message);
            if !self.warnings.contains(&warning) {
                self.warnings.push(warning);
            }
        }
        None
    }
}

/// The caller's own decision is not followed: what is measured must not depend on callers.
fn sampler(reader: &mut Reader<'_, '_>) -> Option<Taken<f64>> {
    let names = ["OTEL_TRACES_SAMPLER"];
    let sampler = reader.get(&names, "a sampler of the specification", |text| {
        match text.strip_prefix("parentbased_").unwrap_or(text) {
            "always_on" => Some(Some(1.0)),
            "always_off" => Some(Some(0.0)),
            "traceidratio" => Some(None),
            _ => None,
        }
    })?;
    let ratio = sampler.value.unwrap_or_else(|| {
        let argument = reader.get(&["OTEL_TRACES_SAMPLER_ARG"], "a number from 0 to 1", |text| {
            text.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio))
        });
        argument.map_or(1.0, |argument| argument.value)
    });
    Some(Taken { value: ratio, variable: sampler.variable })
}

fn flag(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

fn time(text: &str) -> Option<Duration> {
    let ms = text.parse().ok().filter(|ms| (1..=crate::model::TIMEOUT_MS_MAX).contains(ms));
    ms.map(Duration::from_millis)
}

fn headers(text: &str) -> Option<Vec<(HeaderName, Secret)>> {
    let header = |(name, value): (String, String)| Some((name.parse().ok()?, Secret::new(value)));
    pairs(text)?.into_iter().map(header).collect()
}

/// `key=value,key=value`, each percent-encoded where it has to be.
fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let pair = |part: &str| {
        let (name, value) = part.split_once('=')?;
        let (name, value) = (decoded(name.trim())?, decoded(value.trim())?);
        (!name.is_empty()).then_some((name, value))
    };
    parts.map(pair).collect()
}

fn decoded(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (code, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(code, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}
