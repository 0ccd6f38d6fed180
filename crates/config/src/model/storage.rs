//! `store`, `pricing`.

use tollgate_providers::SecretSource;

use crate::error::Problem;
use crate::fields::{Fields, Located};

/// The longest retention, in days: ten years.
const RETENTION_DAYS_MAX: u64 = 3650;
/// Below 16 MiB little more than the schema would be kept; 1 PiB is more than SQLite can hold.
const STORE_BYTES: std::ops::RangeInclusive<u64> = 16 << 20..=1 << 50;
/// The disk queue's bounds, in bytes: 1 MiB to 1 TiB.
const QUEUE_BYTES: std::ops::RangeInclusive<u64> = 1 << 20..=1 << 40;
/// The highest price for a million tokens.
const PRICE_MAX: f64 = 1_000_000.0;

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
    pub(crate) tables: TablesEntry,
    pub(crate) queue: QueueEntry,
}

/// `store.queue`.
#[derive(Debug)]
pub(crate) struct QueueEntry {
    pub(crate) enabled: bool,
    pub(crate) path: Option<String>,
    pub(crate) bytes_max: Option<u64>,
}

/// `store.tables`.
#[derive(Debug, Default)]
pub(crate) struct TablesEntry {
    pub(crate) traces: Option<String>,
    pub(crate) metrics_gauge: Option<String>,
    pub(crate) metrics_sum: Option<String>,
    pub(crate) metrics_histogram: Option<String>,
    pub(crate) metrics_exponential_histogram: Option<String>,
    pub(crate) metrics_summary: Option<String>,
    pub(crate) logs: Option<String>,
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
        tables: fields.section("tables", tables).map(|tables| tables.value).unwrap_or_default(),
        queue: fields.section("queue", queue).map(|queue| queue.value).unwrap_or_default(),
    };
    if kind.is_none() && fields.has("kind") {
        // Its fields cannot be judged while the kind is unknown.
        return store;
    }
    let clickhouse = ["url", "database", "user", "password", "ca_file", "tables", "queue"];
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

fn tables(fields: &mut Fields<'_, '_>) -> TablesEntry {
    let mut name = |field| fields.text(field).map(|name| name.value);
    TablesEntry {
        traces: name("traces"),
        metrics_gauge: name("metrics_gauge"),
        metrics_sum: name("metrics_sum"),
        metrics_histogram: name("metrics_histogram"),
        metrics_exponential_histogram: name("metrics_exponential_histogram"),
        metrics_summary: name("metrics_summary"),
        logs: name("logs"),
    }
}

fn queue(fields: &mut Fields<'_, '_>) -> QueueEntry {
    QueueEntry {
        enabled: fields.flag("enabled").is_none_or(|flag| flag.value),
        path: fields.text("path").map(|path| path.value),
        bytes_max: fields.integer("bytes_max", QUEUE_BYTES, "bytes").map(|bytes| bytes.value),
    }
}

// === impl QueueEntry ===

impl Default for QueueEntry {
    fn default() -> Self {
        Self { enabled: true, path: None, bytes_max: None }
    }
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
