//! Opens the span store that the configuration names.
//!
//! A server that is away is no reason not to start: requests do not need it, and rows wait in the
//! disk queue, or in memory where there is none. Settings or tables with which it can never work end
//! the start.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tollgate_config::{StoreQueue, StoreSettings};
use tollgate_store::{
    ClickHouse, ClickHouseSettings, Lane, Password, QueuedStore, Recovered, SignalTableNames,
    SpanStore, Sqlite, SqliteSettings, StoreError,
};
use tollgate_telemetry::metrics::StoreQueueCounts;

/// How long the start waits for the server.
const FIND_MAX: Duration = Duration::from_secs(5);
/// How often a server that was not there is looked for.
const FIND_EVERY: Duration = Duration::from_secs(2);

/// `SIGXFSZ` on Linux: a file is as long as it may be. Without a handler that ends the process.
const FILE_SIZE_SIGNAL: i32 = 25;

/// The store, if one is configured.
pub(crate) struct Opened {
    pub(crate) store: Option<Arc<dyn SpanStore>>,
    /// The disk queue, if the store has one.
    pub(crate) queue: Option<Arc<QueuedStore>>,
    /// Whether spans can be taken, or why not.
    pub(crate) ready: Ready,
}

/// Asked whenever somebody wants to know whether the gateway is ready.
pub(crate) type Ready = Arc<dyn Fn() -> Result<(), &'static str> + Send + Sync>;

// === impl Opened ===

impl Opened {
    fn plain(store: Option<Arc<dyn SpanStore>>) -> Self {
        Self { store, queue: None, ready: Arc::new(|| Ok(())) }
    }
}

/// Opens the store, or says why it cannot be.
pub(crate) fn open(settings: Option<&StoreSettings>, runtime: &Runtime) -> Result<Opened, String> {
    let Some(settings) = settings else {
        return Ok(Opened::plain(None));
    };
    if let StoreSettings::Sqlite { path, retention_days, bytes_max } = settings {
        let settings = SqliteSettings {
            retention_days: *retention_days,
            bytes_max: bytes_max.unwrap_or(0),
            ..SqliteSettings::default()
        };
        let store = Sqlite::open(path, settings)
            .map_err(|error| format!("cannot open the store {}: {error}", path.display()))?;
        return Ok(Opened::plain(Some(Arc::new(store))));
    }
    let failed = |error: StoreError| format!("cannot use the store: {error}");
    let store = clickhouse(settings).map_err(failed)?;
    let Some(store) = store else { return Ok(Opened::plain(None)) };
    let queue = match settings {
        StoreSettings::ClickHouse { queue, .. } => queue.as_ref(),
        StoreSettings::Sqlite { .. } => None,
    };
    match queue {
        Some(queue) => queued(queue, store, runtime),
        None => unqueued(store, runtime),
    }
}

/// ClickHouse behind its disk queue: whether it is there is the queue's business.
fn queued(queue: &StoreQueue, store: ClickHouse, runtime: &Runtime) -> Result<Opened, String> {
    let failed = |error: StoreError| format!("cannot use the store: {error}");
    let (store, forwarders) = QueuedStore::open(&queue.path, queue.bytes_max, store)
        .map_err(|error| format!("cannot use the store's queue: {error}"))?;
    store.lanes().into_iter().for_each(report);
    outlive_file_sizes(runtime);
    let prepare = async { tokio::time::timeout(FIND_MAX, store.store().prepare()).await };
    match runtime.block_on(prepare) {
        Ok(Ok(())) => {}
        Ok(Err(error)) if !error.is_retryable() => return Err(failed(error)),
        Ok(Err(error)) => tracing::warn!(%error, "rows wait on the disk for the store"),
        Err(_) => tracing::warn!("no answer from the store yet: rows wait on the disk for it"),
    }
    for forwarder in forwarders {
        // It blocks on the disk, which the runtime's threads must not.
        let handle = runtime.handle().clone();
        std::thread::Builder::new()
            .name(format!("queue-{}", forwarder.signal().as_str()))
            .spawn(move || handle.block_on(forwarder.run()))
            .map_err(|error| format!("cannot start the queue's thread: {error}"))?;
    }
    let store = Arc::new(store);
    let asked = Arc::clone(&store);
    // Metrics and logs are refused by themselves: no reason to send calls elsewhere.
    let ready = move || match asked.has_room() {
        true => Ok(()),
        false => Err("the store's queue is full"),
    };
    let queue = Some(Arc::clone(&store));
    Ok(Opened { store: Some(store), queue, ready: Arc::new(ready) })
}

/// How the queue's lanes are doing, for their metrics.
pub(crate) fn counts(queue: &QueuedStore) -> [StoreQueueCounts; 3] {
    queue.lanes().map(|lane| {
        let (stats, sent) = (lane.stats(), lane.sent());
        let oldest_ns = stats.oldest_ms.map(|ms| i64::try_from(ms).unwrap_or(0) * 1_000_000);
        StoreQueueCounts {
            signal: lane.signal().as_str(),
            bytes: stats.bytes,
            waiting_records: stats.waiting_records,
            waiting_rows: stats.waiting_items,
            oldest: oldest_ns.map_or(Duration::ZERO, age),
            appended_rows: stats.appended_items,
            sent_rows: sent.rows,
            dropped_rows: sent.dropped_rows,
            set_aside_rows: sent.set_aside_rows,
            retries: sent.retries,
            refused_full: stats.refused_full,
            refused_disk: stats.refused_disk,
            cut_bytes: stats.cut_bytes,
            damaged_bytes: stats.damaged_bytes,
        }
    })
}

fn age(since_ns: i64) -> Duration {
    let age_ns = tollgate_store::now_ns().saturating_sub(since_ns);
    Duration::from_nanos(u64::try_from(age_ns).unwrap_or_default())
}

/// A file that may not grow is a full disk, which is no reason to end.
fn outlive_file_sizes(runtime: &Runtime) {
    let _inside = runtime.enter();
    // The handler stays when the stream of signals is dropped.
    if let Err(error) = signal(SignalKind::from_raw(FILE_SIZE_SIGNAL)) {
        tracing::warn!(%error, "a limit of file sizes would end the process");
    }
}

fn report(lane: &Lane) {
    let signal = lane.signal().as_str();
    let Recovered { records, items, cut_bytes, missing_segments, is_cursor_lost } =
        lane.recovered();
    if records > 0 {
        tracing::info!(signal, records, rows = items, "rows of the last run wait for the store");
    }
    if cut_bytes > 0 {
        tracing::warn!(
            signal,
            cut_bytes,
            "a write to the store's queue was cut short and never acknowledged"
        );
    }
    if missing_segments > 0 {
        tracing::error!(
            signal,
            missing_segments,
            "files of the store's queue are missing: rows are lost"
        );
    }
    if is_cursor_lost {
        tracing::error!(signal, "the store's queue has lost its place: rows may be stored twice");
    }
}

/// ClickHouse alone: what it does not take waits in memory.
fn unqueued(store: ClickHouse, runtime: &Runtime) -> Result<Opened, String> {
    let failed = |error: StoreError| format!("cannot use the store: {error}");
    let store = Arc::new(store);
    let first = async { tokio::time::timeout(FIND_MAX, store.prepare()).await };
    match runtime.block_on(first) {
        Ok(Ok(())) => {}
        Ok(Err(error)) if !error.is_retryable() => return Err(failed(error)),
        Ok(Err(error)) => {
            tracing::warn!(%error, "spans wait for the store");
            runtime.spawn(find(Arc::clone(&store)));
        }
        Err(_) => {
            tracing::warn!("no answer from the store yet: spans wait for it");
            runtime.spawn(find(Arc::clone(&store)));
        }
    }
    let found = Arc::clone(&store);
    let ready = move || match found.is_prepared() {
        true => Ok(()),
        false => Err("waiting for the store"),
    };
    Ok(Opened { store: Some(store), queue: None, ready: Arc::new(ready) })
}

/// ClickHouse, if it is what the configuration names. Connects to nothing.
///
/// # Errors
/// [`StoreError::Schema`].
pub(crate) fn clickhouse(settings: &StoreSettings) -> Result<Option<ClickHouse>, StoreError> {
    let StoreSettings::ClickHouse {
        url,
        database,
        user,
        password,
        ca_file,
        tables,
        retention_days,
        queue: _,
    } = settings
    else {
        return Ok(None);
    };
    ClickHouse::new(ClickHouseSettings {
        url: url.clone(),
        database: database.clone(),
        user: user.clone(),
        password: password.as_ref().map(|secret| Password::from(secret.expose().to_owned())),
        ca_file: ca_file.clone(),
        traces_table: tables.traces.clone(),
        signal_tables: SignalTableNames {
            gauge: tables.metrics_gauge.clone(),
            sum: tables.metrics_sum.clone(),
            histogram: tables.metrics_histogram.clone(),
            exponential_histogram: tables.metrics_exponential_histogram.clone(),
            summary: tables.metrics_summary.clone(),
            logs: tables.logs.clone(),
        },
        retention_days: *retention_days,
        ..ClickHouseSettings::default()
    })
    .map(Some)
}

/// Looks for the server until it is there, or closed.
async fn find(store: Arc<ClickHouse>) {
    let mut told = String::new();
    loop {
        tokio::time::sleep(FIND_EVERY).await;
        match store.prepare().await {
            Ok(()) => {
                tracing::info!("the store is there");
                return;
            }
            Err(StoreError::Closed) => return,
            Err(error) => {
                // The same every time is said once.
                let text = error.to_string();
                if text != told {
                    tracing::warn!(%error, "the store cannot be used");
                    told = text;
                }
            }
        }
    }
}
