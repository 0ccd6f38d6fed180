//! `server`, `control`, `cache`, `redis`.

use tollgate_providers::SecretSource;

use crate::fields::{Fields, Located};
use crate::log::Log;

/// The most worker threads.
const THREADS_MAX: u64 = 1024;
/// The largest cache, in bytes.
const CACHE_BYTES_MAX: u64 = 1 << 40;
/// The longest life of a cache entry, in seconds: thirty days.
const CACHE_TTL_SECS_MAX: u64 = 30 * 24 * 60 * 60;
/// The longest wait for Redis, in milliseconds: what is slower is of no help.
const REDIS_TIMEOUT_MS_MAX: u64 = 10_000;
/// The longest drain at shutdown, in seconds: one hour.
const DRAIN_SECS_MAX: u64 = 60 * 60;

/// `server`.
#[derive(Debug, Default)]
pub(crate) struct ServerEntry {
    pub(crate) host: Option<Located<String>>,
    pub(crate) port: Option<Located<u16>>,
    pub(crate) tls: Option<TlsEntry>,
    pub(crate) threads: Option<usize>,
    pub(crate) h2c: Option<bool>,
    pub(crate) work_stealing: Option<bool>,
    pub(crate) drain_secs: Option<u64>,
    pub(crate) route_header: bool,
    pub(crate) log: Log,
}

/// `server.tls`.
#[derive(Debug)]
pub(crate) struct TlsEntry {
    pub(crate) cert_file: Option<Located<String>>,
    pub(crate) key_file: Option<Located<String>>,
}

/// `control`.
#[derive(Debug, Default)]
pub(crate) struct ControlEntry {
    pub(crate) host: Option<Located<String>>,
    pub(crate) port: Option<Located<u16>>,
}

/// `cache`.
#[derive(Debug, Default)]
pub(crate) struct CacheEntry {
    pub(crate) enabled: bool,
    pub(crate) ttl_secs: Option<u64>,
    pub(crate) bytes_max: Option<usize>,
    pub(crate) streams: bool,
}

/// `redis`.
#[derive(Debug)]
pub(crate) struct RedisEntry {
    pub(crate) url: Option<Located<String>>,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<Located<SecretSource>>,
    pub(crate) ca_file: Option<Located<String>>,
    pub(crate) timeout_ms: Option<u64>,
    pub(crate) prefix: Option<String>,
}

pub(super) fn server(fields: &mut Fields<'_, '_>) -> ServerEntry {
    ServerEntry {
        host: fields.text("host"),
        port: super::port(fields, "port"),
        tls: fields.section("tls", tls).map(|tls| tls.value),
        threads: super::count(fields, "threads", THREADS_MAX, ""),
        h2c: fields.flag("h2c").map(|h2c| h2c.value),
        work_stealing: fields.flag("work_stealing").map(|stealing| stealing.value),
        drain_secs: fields.integer("drain_secs", 0..=DRAIN_SECS_MAX, "s").map(|it| it.value),
        route_header: fields.flag("route_header").is_some_and(|flag| flag.value),
        log: fields.section("log", Log::read).map(|log| log.value).unwrap_or_default(),
    }
}

fn tls(fields: &mut Fields<'_, '_>) -> TlsEntry {
    let tls = TlsEntry { cert_file: fields.text("cert_file"), key_file: fields.text("key_file") };
    fields.require("cert_file", "the path of a PEM file with the certificate chain");
    fields.require("key_file", "the path of a PEM file with the private key");
    tls
}

pub(super) fn control(fields: &mut Fields<'_, '_>) -> ControlEntry {
    ControlEntry { host: fields.text("host"), port: super::port(fields, "port") }
}

pub(super) fn cache(fields: &mut Fields<'_, '_>) -> CacheEntry {
    CacheEntry {
        enabled: fields.flag("enabled").is_some_and(|flag| flag.value),
        ttl_secs: fields.integer("ttl_secs", 1..=CACHE_TTL_SECS_MAX, "s").map(|ttl| ttl.value),
        bytes_max: super::count(fields, "max_bytes", CACHE_BYTES_MAX, "bytes"),
        streams: fields.flag("streams").is_some_and(|flag| flag.value),
    }
}

pub(super) fn redis(fields: &mut Fields<'_, '_>) -> RedisEntry {
    let redis = RedisEntry {
        url: fields.text("url"),
        user: fields.text("user").map(|user| user.value),
        password: fields.secret("password"),
        ca_file: fields.text("ca_file"),
        timeout_ms: fields
            .integer("timeout_ms", 1..=REDIS_TIMEOUT_MS_MAX, "ms")
            .map(|timeout| timeout.value),
        prefix: fields.text("prefix").map(|prefix| prefix.value),
    };
    fields.require("url", "for example `redis://localhost:6379`");
    redis
}
