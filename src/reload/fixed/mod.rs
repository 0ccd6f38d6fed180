//! What only a restart can change, and how a reload tells that it was meant to.

use std::path::{Path, PathBuf};

use tollgate_config::{Collector, GenAiExporter, Redis, Settings, StoreSettings, fingerprint};
use tollgate_telemetry::export::{OtlpConnection, OtlpSettings};

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
        let tls = server.tls.as_ref();
        let collector = collector.as_ref();
        Self(vec![
            ("server.host", fingerprint(server.addr.ip())),
            ("server.port", fingerprint(server.addr.port())),
            ("server.tls.cert_file", fingerprint(tls.map(|tls| file_hash(&tls.cert_file)))),
            ("server.tls.key_file", fingerprint(tls.map(|tls| file_hash(&tls.key_file)))),
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
            ("collector.memory_soft_limit_mib", fingerprint(collector.and_then(soft_limit))),
            ("collector.memory_poll_ms", fingerprint(collector.map(|it| it.memory_poll))),
            ("collector.limits", fingerprint(collector.map(|it| it.limits))),
            ("collector.batch", fingerprint(collector.map(|it| it.batch))),
            ("collector.auth", fingerprint(collector.map(|it| it.auth.mode))),
            ("collector.issuers", fingerprint(collector.map(|it| &it.auth.issuers))),
            ("keys.path", fingerprint(key_path(settings))),
            ("limits.subjects_max", fingerprint(settings.limits.subjects_max)),
            ("limits.shared", fingerprint(settings.limits.shared)),
            ("keys.issuer", fingerprint(issuer(settings))),
            ("store", store_hash(store.as_ref())),
            ("redis", redis_hash(settings.redis.as_ref())),
            ("telemetry.service_name", fingerprint(&settings.service_name)),
            ("telemetry", exporter_hash(telemetry.as_ref())),
            ("genai_telemetry.otlp_endpoint", exporter_hash(genai.otlp.as_ref())),
            ("genai_telemetry.exporters", exporters_hash(&genai.exporters)),
        ])
    }

    /// The fields that `new` has otherwise.
    pub(crate) fn differing(&self, new: &Self) -> Vec<&'static str> {
        let pairs = self.0.iter().zip(&new.0);
        pairs.filter(|(old, new)| old != new).map(|((name, _), _)| *name).collect()
    }
}

/// The soft limit, as far as it does not follow from the hard one.
fn soft_limit(collector: &Collector) -> Option<usize> {
    let usual = collector.memory_bytes_max - collector.memory_bytes_max / 5;
    Some(collector.memory_soft_bytes).filter(|soft| *soft != usual)
}

/// Where keys are, as far as it does not follow from where spans are.
fn key_path(settings: &Settings) -> &Path {
    let folder = match &settings.store {
        Some(StoreSettings::Sqlite { path, .. }) => path.parent(),
        _ => None,
    };
    let path = &settings.keys.path;
    folder.and_then(|folder| path.strip_prefix(folder).ok()).unwrap_or(path)
}

/// Who issues our tokens, as far as it does not follow from the control plane's port.
fn issuer(settings: &Settings) -> Option<&str> {
    let default = format!("http://localhost:{}", settings.control.addr.port());
    Some(settings.keys.issuer.as_str()).filter(|issuer| *issuer != default)
}

fn store_hash(store: Option<&StoreSettings>) -> u64 {
    fingerprint(store.map(|store| match store {
        StoreSettings::Sqlite { path, retention_days, bytes_max } => {
            fingerprint((path, retention_days, bytes_max))
        }
        StoreSettings::ClickHouse {
            url,
            database,
            user,
            password,
            ca_file,
            tables,
            retention_days,
            queue,
        } => {
            let password = password.as_ref().map(|secret| secret.expose());
            let ca_file = ca_file.as_ref().map(file_hash);
            let tables = (tables, retention_days);
            fingerprint((url, database, user, password, ca_file, tables, queue))
        }
    }))
}

fn redis_hash(redis: Option<&Redis>) -> u64 {
    fingerprint(redis.map(|redis| {
        let Redis { host, port, database, tls, ca_file, user, password, timeout, prefix } = redis;
        let password = password.as_ref().map(|secret| secret.expose());
        let ca_file = ca_file.as_ref().map(file_hash);
        fingerprint((host, port, database, tls, ca_file, user, password, timeout, prefix))
    }))
}

fn exporter_hash(otlp: Option<&OtlpSettings>) -> u64 {
    fingerprint(otlp.map(|otlp| {
        let OtlpSettings {
            traces,
            metrics,
            service_name,
            resource,
            queue_spans_max,
            sample_ratio,
            variables: _,
        } = otlp;
        let metrics =
            metrics.as_ref().map(|push| (connection_hash(&push.connection), push.interval));
        let ratio = sample_ratio.to_bits();
        fingerprint((
            connection_hash(traces),
            metrics,
            service_name,
            resource,
            queue_spans_max,
            ratio,
        ))
    }))
}

fn exporters_hash(exporters: &[GenAiExporter]) -> u64 {
    let each = exporters.iter().map(|exporter| {
        let GenAiExporter { name, profiles, otlp } = exporter;
        fingerprint((name, profiles, exporter_hash(Some(otlp))))
    });
    fingerprint(each.collect::<Vec<_>>())
}

/// Certificates count by their content.
fn connection_hash(connection: &OtlpConnection) -> u64 {
    let OtlpConnection { endpoint, protocol, headers, tls, gzip, timeout } = connection;
    let headers: Vec<_> =
        headers.iter().map(|(name, secret)| (name.as_str(), secret.expose())).collect();
    let identity =
        tls.identity.as_ref().map(|it| (file_hash(&it.cert_file), file_hash(&it.key_file)));
    let ca_file = tls.ca_file.as_ref().map(file_hash);
    fingerprint((endpoint, protocol, headers, ca_file, identity, gzip, timeout))
}

fn file_hash(path: &PathBuf) -> u64 {
    fingerprint((path, std::fs::read(path).ok()))
}
