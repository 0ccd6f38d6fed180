//! What only a restart can change, and how a reload tells that it was meant to.

use tollgate_config::{OtlpSettings, Settings, StoreSettings, fingerprint};

#[cfg(test)]
mod tests;

/// The fields that are read once, at the start, each with a hash of what it says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Fixed(Vec<(&'static str, u64)>);

// === impl Fixed ===

impl Fixed {
    /// What `settings` say. Reads the listener's certificate; one that cannot be read counts as
    /// itself, since what is in use was read before. Blocks on the file system.
    pub(crate) fn of(settings: &Settings) -> Self {
        let Settings { server, control, collector, store, telemetry, genai, .. } = settings;
        let file = |path: &std::path::PathBuf| fingerprint((path, std::fs::read(path).ok()));
        let tls = server.tls.as_ref();
        let collector = collector.as_ref();
        Self(vec![
            ("server.host", fingerprint(server.addr.ip())),
            ("server.port", fingerprint(server.addr.port())),
            ("server.tls.cert_file", fingerprint(tls.map(|tls| file(&tls.cert_file)))),
            ("server.tls.key_file", fingerprint(tls.map(|tls| file(&tls.key_file)))),
            ("server.threads", fingerprint(server.threads)),
            ("server.h2c", fingerprint(server.h2c)),
            ("server.work_stealing", fingerprint(server.work_stealing)),
            ("server.log", fingerprint(server.log)),
            ("control.host", fingerprint(control.addr.ip())),
            ("control.port", fingerprint(control.addr.port())),
            ("collector.enabled", fingerprint(collector.is_some())),
            ("collector.host", fingerprint(collector.map(|it| it.grpc_addr.ip()))),
            ("collector.grpc_port", fingerprint(collector.map(|it| it.grpc_addr.port()))),
            ("collector.http_port", fingerprint(collector.map(|it| it.http_addr.port()))),
            ("collector.memory_limit_mib", fingerprint(collector.map(|it| it.memory_bytes_max))),
            ("store", store_hash(store.as_ref())),
            ("telemetry", exporter_hash(telemetry.as_ref())),
            ("genai_telemetry.otlp_endpoint", exporter_hash(genai.otlp.as_ref())),
        ])
    }

    /// The fields that `new` has otherwise.
    pub(crate) fn differing(&self, new: &Self) -> Vec<&'static str> {
        let pairs = self.0.iter().zip(&new.0);
        pairs.filter(|(old, new)| old != new).map(|((name, _), _)| *name).collect()
    }
}

fn store_hash(store: Option<&StoreSettings>) -> u64 {
    fingerprint(store.map(|store| match store {
        StoreSettings::Sqlite { path, retention_days, bytes_max } => {
            fingerprint((path, retention_days, bytes_max))
        }
        StoreSettings::ClickHouse { url, database, user, password, retention_days } => {
            let password = password.as_ref().map(|secret| secret.expose());
            fingerprint((url, database, user, password, retention_days))
        }
    }))
}

fn exporter_hash(otlp: Option<&OtlpSettings>) -> u64 {
    fingerprint(otlp.map(|otlp| {
        let OtlpSettings { endpoint, protocol, headers, service_name, queue_spans_max, timeout } =
            otlp;
        let headers: Vec<_> =
            headers.iter().map(|(name, secret)| (name.as_str(), secret.expose())).collect();
        let protocol = protocol.name();
        fingerprint((endpoint, protocol, headers, service_name, queue_spans_max, timeout))
    }))
}
