//! Opens the span store that the configuration names.
//!
//! A server that is away is no reason not to start: requests do not need it, and it is looked for
//! until it is there. Settings or tables with which it can never work end the start.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;
use tollgate_config::StoreSettings;
use tollgate_store::{
    ClickHouse, ClickHouseSettings, Password, SpanStore, Sqlite, SqliteSettings, StoreError,
};

/// How long the start waits for the server.
const FIND_MAX: Duration = Duration::from_secs(5);
/// How often a server that was not there is looked for.
const FIND_EVERY: Duration = Duration::from_secs(2);

/// The store, if one is configured.
pub(crate) struct Opened {
    pub(crate) store: Option<Arc<dyn SpanStore>>,
    /// Whether it has been found since the start. It may be away again.
    pub(crate) is_found: Arc<dyn Fn() -> bool + Send + Sync>,
}

/// Opens the store, or says why it cannot be.
pub(crate) fn open(settings: Option<&StoreSettings>, runtime: &Runtime) -> Result<Opened, String> {
    let Some(settings) = settings else {
        return Ok(Opened { store: None, is_found: Arc::new(|| true) });
    };
    if let StoreSettings::Sqlite { path, retention_days, bytes_max } = settings {
        let settings = SqliteSettings {
            retention_days: *retention_days,
            bytes_max: bytes_max.unwrap_or(0),
            ..SqliteSettings::default()
        };
        let store = Sqlite::open(path, settings)
            .map_err(|error| format!("cannot open the store {}: {error}", path.display()))?;
        return Ok(Opened { store: Some(Arc::new(store)), is_found: Arc::new(|| true) });
    }
    let failed = |error: StoreError| format!("cannot use the store: {error}");
    let store = clickhouse(settings).map_err(failed)?;
    let Some(store) = store.map(Arc::new) else {
        return Ok(Opened { store: None, is_found: Arc::new(|| true) });
    };
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
    Ok(Opened { store: Some(store), is_found: Arc::new(move || found.is_prepared()) })
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
        traces_table,
        retention_days,
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
        traces_table: traces_table.clone(),
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
