//! `collector`, `store`, `pricing`.

use tollgate_providers::SecretSource;

use crate::error::Problem;
use crate::fields::{Fields, Located};
use crate::model::AuthEntry;

/// The longest retention, in days: ten years.
const RETENTION_DAYS_MAX: u64 = 3650;
/// Below 16 MiB little more than the schema would be kept; 1 PiB is more than SQLite can hold.
const STORE_BYTES: std::ops::RangeInclusive<u64> = 16 << 20..=1 << 50;
/// The largest memory limit of the collector, in MiB.
const MEMORY_LIMIT_MIB_MAX: u64 = 1024 * 1024;
/// The highest price for a million tokens.
const PRICE_MAX: f64 = 1_000_000.0;

/// `collector`.
#[derive(Debug)]
pub(crate) struct CollectorEntry {
    pub(crate) enabled: bool,
    pub(crate) host: Option<Located<String>>,
    pub(crate) grpc_port: Option<Located<u16>>,
    pub(crate) http_port: Option<Located<u16>>,
    pub(crate) memory_limit_mib: Option<usize>,
    pub(crate) auth: AuthEntry,
}

/// Which back end the store has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum StoreKind {
    #[default]
    Sqlite,
    ClickHouse,
    None,
}

/// `store`.
#[derive(Debug, Default)]
pub(crate) struct StoreEntry {
    pub(crate) kind: StoreKind,
    pub(crate) retention_days: Option<u32>,
    pub(crate) bytes_max: Option<u64>,
    pub(crate) path: Option<String>,
    pub(crate) url: Option<Located<String>>,
    pub(crate) database: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<Located<SecretSource>>,
    pub(crate) ca_file: Option<Located<String>>,
    pub(crate) traces_table: Option<String>,
}

/// `pricing.<model>`, for a million tokens.
#[derive(Clone, Debug, Default)]
pub(crate) struct PriceEntry {
    pub(crate) input: Option<f64>,
    pub(crate) output: Option<f64>,
    pub(crate) cache_read: Option<f64>,
    pub(crate) cache_write: Option<f64>,
    pub(crate) cache_write_1h: Option<f64>,
    pub(crate) reasoning: Option<f64>,
    pub(crate) currency: Option<Located<String>>,
}

pub(super) fn collector(fields: &mut Fields<'_, '_>) -> CollectorEntry {
    CollectorEntry {
        enabled: fields.flag("enabled").is_none_or(|flag| flag.value),
        host: fields.text("host"),
        grpc_port: super::port(fields, "grpc_port"),
        http_port: super::port(fields, "http_port"),
        memory_limit_mib: super::count(fields, "memory_limit_mib", MEMORY_LIMIT_MIB_MAX, "MiB"),
        auth: super::auth::collector(fields),
    }
}

pub(super) fn store(fields: &mut Fields<'_, '_>) -> StoreEntry {
    let kinds = [
        ("sqlite", StoreKind::Sqlite),
        ("clickhouse", StoreKind::ClickHouse),
        ("none", StoreKind::None),
    ];
    let kind = fields.choice("kind", &kinds);
    let store = StoreEntry {
        kind: kind.as_ref().map(|kind| kind.value).unwrap_or_default(),
        retention_days: fields
            .integer("retention_days", 1..=RETENTION_DAYS_MAX, "days")
            .and_then(|days| u32::try_from(days.value).ok()),
        bytes_max: fields.integer("bytes_max", STORE_BYTES, "bytes").map(|bytes| bytes.value),
        path: fields.text("path").map(|path| path.value),
        url: fields.text("url"),
        database: fields.text("database").map(|database| database.value),
        user: fields.text("user").map(|user| user.value),
        password: fields.secret("password"),
        ca_file: fields.text("ca_file"),
        traces_table: fields
            .section("tables", |tables| tables.text("traces").map(|name| name.value))
            .and_then(|tables| tables.value),
    };
    if kind.is_none() && fields.has("kind") {
        // Its fields cannot be judged while the kind is unknown.
        return store;
    }
    let clickhouse = ["url", "database", "user", "password", "ca_file", "tables"];
    match store.kind {
        StoreKind::Sqlite => foreign(fields, &clickhouse, "clickhouse"),
        StoreKind::ClickHouse => {
            foreign(fields, &["path", "bytes_max"], "sqlite");
            fields.require("url", "its HTTP interface, for example `http://localhost:8123`");
        }
        StoreKind::None => {}
    }
    store
}

fn foreign(fields: &mut Fields<'_, '_>, names: &[&str], kind: &str) {
    for name in names.iter().filter(|name| fields.has(name)).collect::<Vec<_>>() {
        let problem = Problem::new(fields.place(), format!("`{name}` is for `kind: {kind}`"));
        fields.report(problem.hint(format!("remove it, or write `kind: {kind}`")));
    }
}

pub(super) fn price(fields: &mut Fields<'_, '_>) -> PriceEntry {
    let mut price = |name| {
        let price = fields.decimal(name, 0.0..=PRICE_MAX, "for a million tokens");
        price.map(|price| price.value)
    };
    PriceEntry {
        input: price("input"),
        output: price("output"),
        cache_read: price("cache_read"),
        cache_write: price("cache_write"),
        cache_write_1h: price("cache_write_1h"),
        reasoning: price("reasoning"),
        currency: fields.text("currency"),
    }
}
