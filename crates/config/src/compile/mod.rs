//! Last phase: the document, found sound, becomes settings. Runs only when there is no problem.

mod routing;
mod security;
mod telemetry;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;
use tollgate_filters::cache;
use tollgate_providers::{AuthStyle, Capabilities, Dialect, Provider, catalog};
use tollgate_routing::{Deadlines, Layer};

use crate::auth::Keys;
use crate::collector::Collector;
use crate::fields::Entry;
use crate::fingerprint::Fingerprint;
use crate::limits::{CURRENCY, Limits};
use crate::listeners;
use crate::model::{
    AuthType, Document, ProviderEntry, ServerEntry, StoreEntry, StoreKind, TablesEntry,
};
use crate::redis::Redis;
use crate::registry::{base_url, dialect, models_of};
use crate::settings::{
    Cache, Control, Price, Server, Settings, StoreQueue, StoreSettings, Tables, TlsFiles,
};
use crate::variables::Variables;
use crate::vault::Vault;

const DRAIN: Duration = Duration::from_secs(30);
const STORE_PATH: &str = "data/tollgate.db";
const RETENTION_DAYS: u32 = 90;
const CLICKHOUSE_DATABASE: &str = "otel";
const CLICKHOUSE_USER: &str = "default";
const QUEUE_PATH: &str = "data/queue";
const QUEUE_BYTES_MAX: u64 = 2 << 30;
const CACHE_TTL_SECS: u64 = 600;
const CACHE_BYTES_MAX: usize = 256 * 1024 * 1024;
const CACHE_ENTRY_BYTES_MAX: usize = 1024 * 1024;
const CACHE_WAIT: Duration = Duration::from_secs(30);
const AUTH_HEADER: HeaderName = HeaderName::from_static("api-key");
const AUTH_HEADER_OF_MESSAGES: HeaderName = HeaderName::from_static("x-api-key");
const AUTH_HEADER_OF_GEMINI: HeaderName = HeaderName::from_static("x-goog-api-key");
const AUTH_QUERY_PARAM: &str = "key";

/// Builds the settings. `capture_content` overrides the file.
pub(crate) fn settings(
    document: &Document,
    vault: &Vault,
    capture_content: Option<bool>,
    variables: &Variables,
) -> Settings {
    let exporters = telemetry::Sources { document, vault, variables };
    let providers: Vec<Arc<Provider>> =
        document.providers.iter().filter_map(|it| provider(it, document, vault)).collect();
    let routing::Compiled { table, credential_sources } =
        routing::table(document, &providers, vault);
    let addrs: Vec<_> = listeners::of(document).iter().map(listeners::Listener::addr).collect();
    let addr = |index: usize| addrs.get(index).copied();
    let loopback = || std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    let collector = addr(2).zip(addr(3));
    let collector = collector.map(|(grpc, http)| Collector::of(document, grpc, http));
    let store = store(&document.store, vault);
    Settings {
        server: server(&document.server, addr(0).unwrap_or_else(loopback)),
        control: Control { addr: addr(1).unwrap_or_else(loopback) },
        providers,
        table: Arc::new(table),
        credential_sources,
        limits: Limits::of(&document.limits),
        service_name: exporters.service_name(),
        telemetry: exporters.application(),
        genai: exporters.genai(capture_content),
        keys: Keys::of(document, store.as_ref()),
        store,
        collector,
        security: security::security(&document.security, vault),
        cache: cache(document),
        redis: Redis::of(document.redis.as_ref(), vault),
        pricing: pricing(document),
        fingerprint: Fingerprint { text: 0, environment: 0 },
        version: [0; 32],
    }
}

fn provider(
    entry: &Entry<ProviderEntry>,
    document: &Document,
    vault: &Vault,
) -> Option<Arc<Provider>> {
    let known = catalog::find(&entry.name);
    let dialect = dialect(entry);
    let timeout_ms = entry.value.timeout_ms.or(document.provider_timeout_ms);
    // What an API takes is known of the one that the catalogue means.
    let same = known.filter(|known| known.dialect == dialect);
    let capabilities = same.map_or(Capabilities::assumed(dialect), |known| known.capabilities);
    let credential = entry.value.credential.as_ref();
    Some(Arc::new(Provider {
        name: entry.name.as_str().into(),
        base_url: base_url(entry)?,
        auth: auth(&entry.value, known.map(known_auth), dialect),
        credential: credential.and_then(|source| vault.get(&source.value)),
        models: models_of(entry).map(|model| model.value.as_str().into()).collect(),
        dialect,
        capabilities,
        ca_file: entry.value.ca_file.as_ref().map(|file| file.value.clone().into()),
        timeout: timeout_ms.map_or(Deadlines::HEAD, Duration::from_millis),
    }))
}

/// A server that wants no key takes the one that it is given as others do.
fn known_auth(row: &catalog::Row) -> AuthStyle {
    match row.auth() {
        AuthStyle::None => AuthStyle::Bearer,
        style => style,
    }
}

fn auth(entry: &ProviderEntry, known: Option<AuthStyle>, dialect: Dialect) -> AuthStyle {
    let usual_header = match (&known, dialect) {
        (Some(AuthStyle::ApiKeyHeader(header)), _) => header.clone(),
        (_, Dialect::Messages) => AUTH_HEADER_OF_MESSAGES,
        (_, Dialect::Gemini) => AUTH_HEADER_OF_GEMINI,
        _ => AUTH_HEADER,
    };
    let Some(auth_type) = entry.auth_type.as_ref() else {
        return known.unwrap_or(match dialect {
            Dialect::Messages => AuthStyle::ApiKeyHeader(usual_header),
            Dialect::Gemini => AuthStyle::ApiKeyHeader(AUTH_HEADER_OF_GEMINI),
            Dialect::Chat | Dialect::Responses | Dialect::Cohere => AuthStyle::Bearer,
        });
    };
    match auth_type.value {
        AuthType::Bearer => AuthStyle::Bearer,
        AuthType::None => AuthStyle::None,
        AuthType::ApiKeyHeader => {
            let written = entry.auth_header_name.as_ref();
            let written = written.and_then(|header| header.value.parse().ok());
            AuthStyle::ApiKeyHeader(written.unwrap_or(usual_header))
        }
        AuthType::QueryParam => {
            let written = entry.auth_query_param.as_ref().map(|param| param.value.clone());
            AuthStyle::QueryParam(written.unwrap_or_else(|| AUTH_QUERY_PARAM.to_owned()))
        }
    }
}

fn server(entry: &ServerEntry, addr: std::net::SocketAddr) -> Server {
    let tls = entry.tls.as_ref().and_then(|tls| {
        let cert_file = tls.cert_file.as_ref()?.value.clone().into();
        Some(TlsFiles { cert_file, key_file: tls.key_file.as_ref()?.value.clone().into() })
    });
    Server {
        addr,
        tls,
        threads: entry.threads,
        h2c: entry.h2c.unwrap_or(true),
        work_stealing: entry.work_stealing.unwrap_or(false),
        drain: entry.drain_secs.map_or(DRAIN, Duration::from_secs),
        route_header: entry.route_header,
        log: entry.log,
    }
}

fn store(entry: &StoreEntry, vault: &Vault) -> Option<StoreSettings> {
    let retention_days = entry.retention_days.unwrap_or(RETENTION_DAYS);
    let or = |written: &Option<String>, default: &str| {
        written.clone().unwrap_or_else(|| default.to_owned())
    };
    match entry.kind {
        StoreKind::None => None,
        StoreKind::Sqlite => {
            let path = or(&entry.path, STORE_PATH).into();
            Some(StoreSettings::Sqlite { path, retention_days, bytes_max: entry.bytes_max })
        }
        StoreKind::ClickHouse => Some(StoreSettings::ClickHouse {
            url: entry.url.as_ref()?.value.clone(),
            database: or(&entry.database, CLICKHOUSE_DATABASE),
            user: or(&entry.user, CLICKHOUSE_USER),
            password: entry.password.as_ref().and_then(|source| vault.get(&source.value)),
            ca_file: entry.ca_file.as_ref().map(|file| file.value.clone().into()),
            tables: Box::new(tables(&entry.tables)),
            retention_days,
            queue: entry.queue.enabled.then(|| StoreQueue {
                path: or(&entry.queue.path, QUEUE_PATH).into(),
                bytes_max: entry.queue.bytes_max.unwrap_or(QUEUE_BYTES_MAX),
            }),
        }),
    }
}

fn tables(entry: &TablesEntry) -> Tables {
    let or = |written: &Option<String>, default: &str| {
        written.clone().unwrap_or_else(|| default.to_owned())
    };
    Tables {
        traces: or(&entry.traces, "otel_traces"),
        metrics_gauge: or(&entry.metrics_gauge, "otel_metrics_gauge"),
        metrics_sum: or(&entry.metrics_sum, "otel_metrics_sum"),
        metrics_histogram: or(&entry.metrics_histogram, "otel_metrics_histogram"),
        metrics_exponential_histogram: or(
            &entry.metrics_exponential_histogram,
            "otel_metrics_exponential_histogram",
        ),
        metrics_summary: or(&entry.metrics_summary, "otel_metrics_summary"),
        logs: or(&entry.logs, "otel_logs"),
    }
}

fn cache(document: &Document) -> Option<Cache> {
    let entry = &document.cache;
    let bytes_max = entry.bytes_max.unwrap_or(CACHE_BYTES_MAX);
    let written = entry.entry_bytes_max.as_ref();
    let entry_bytes_max = written.map(|it| usize::try_from(it.value).unwrap_or(usize::MAX));
    let routes = document.routes.iter().map(|it| (Layer::Route, &it.name, it.value.cache));
    let functions = document.functions.iter().map(|it| (Layer::Function, &it.name, it.value.cache));
    let own = routes.chain(functions);
    let modes = own.filter_map(|(layer, name, mode)| Some(((layer, name.as_str().into()), mode?)));
    entry.enabled.then(|| Cache {
        kind: entry.kind.as_ref().map(|kind| kind.value).unwrap_or_default(),
        settings: cache::Settings {
            ttl: Duration::from_secs(entry.ttl_secs.unwrap_or(CACHE_TTL_SECS)),
            bytes_max,
            entry_bytes_max: entry_bytes_max.unwrap_or(CACHE_ENTRY_BYTES_MAX).min(bytes_max),
            streams: entry.streams,
            pace: entry.replay.unwrap_or_default(),
            mode: entry.mode.unwrap_or_default(),
            modes: modes.collect(),
            wait: entry.wait_ms.map_or(CACHE_WAIT, Duration::from_millis),
            // As that of all settings, once it is known.
            version: [0; 32],
        },
    })
}

fn pricing(document: &Document) -> BTreeMap<Arc<str>, Price> {
    let price = |entry: &Entry<crate::model::PriceEntry>| {
        let written = &entry.value;
        let currency = written.currency.as_ref().map_or(CURRENCY, |currency| &currency.value);
        let price = Price {
            currency: currency.into(),
            input: written.input,
            output: written.output,
            cache_read: written.cache_read,
            cache_write: written.cache_write,
            cache_write_1h: written.cache_write_1h,
            reasoning: written.reasoning,
        };
        (entry.name.as_str().into(), price)
    };
    document.pricing.iter().map(price).collect()
}
