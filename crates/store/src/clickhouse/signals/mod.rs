//! Metrics and logs: the exporter's six tables beside that of spans, and how rows get there.

mod encode;
mod tables;

use bytes::Bytes;

use self::tables::{EVENT_NAME, Kind};
use super::http::{Http, Statement};
use super::rowbinary::Writer;
use super::schema::{columns, differences, plain, warn_of_no_window};
use super::{ClickHouseSettings, insert_settings, quoted};
use crate::{LogRow, MetricRow, Point, StoreError};

#[cfg(test)]
mod tests;

/// The names of the tables of metrics and logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignalTableNames {
    /// `otel_metrics_gauge` by default.
    pub gauge: String,
    /// `otel_metrics_sum` by default.
    pub sum: String,
    /// `otel_metrics_histogram` by default.
    pub histogram: String,
    /// `otel_metrics_exponential_histogram` by default.
    pub exponential_histogram: String,
    /// `otel_metrics_summary` by default.
    pub summary: String,
    /// `otel_logs` by default.
    pub logs: String,
}

/// What is there.
#[derive(Clone, Copy, Debug)]
pub(super) struct PreparedSignals {
    /// Whether the logs' table has a place for the events' names; older exporters made it without.
    has_event_name: bool,
}

/// Two kinds of rows in one table would be neither's.
///
/// # Errors
/// [`StoreError::Schema`].
pub(super) fn check_names(settings: &ClickHouseSettings) -> Result<(), StoreError> {
    let names = Kind::ALL.into_iter().map(|kind| settings.signal_tables.of(kind));
    let mut names: Vec<_> = names.chain([settings.traces_table.as_str()]).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair.first() == pair.last()).and_then(|pair| pair.first()) {
        Some(twice) => {
            let reason = format!("two of the store's tables are called `{twice}`");
            Err(StoreError::Schema { reason })
        }
        None => Ok(()),
    }
}

/// Creates what is absent and checks what is there.
pub(super) async fn prepare(
    http: &Http,
    settings: &ClickHouseSettings,
) -> Result<PreparedSignals, StoreError> {
    let mut prepared = PreparedSignals { has_event_name: true };
    for kind in Kind::ALL {
        let name = settings.signal_tables.of(kind);
        let mut found = columns(http, settings, name).await?;
        let table = full(settings, kind);
        if found.is_empty() {
            let sql = kind.create(&table, settings.retention_days);
            http.run(Statement { sql: &sql, settings: Vec::new(), data: None, time_max: None })
                .await?;
            found = columns(http, settings, name).await?;
        }
        let has_event_name = found.iter().any(|(name, _)| name == EVENT_NAME);
        if kind == Kind::Logs {
            prepared = PreparedSignals { has_event_name };
        }
        let needed = kind.columns().into_iter().filter(|it| it.0 != EVENT_NAME || has_event_name);
        let needed: Vec<_> = needed.map(|(name, ty, _)| (name, plain(ty))).collect();
        let needed: Vec<_> = needed.iter().map(|(name, ty)| (*name, ty.as_str())).collect();
        if let Some(reason) = differences(&table, &needed, &found) {
            return Err(StoreError::Schema { reason });
        }
    }
    let names: Vec<_> = Kind::ALL.into_iter().map(|kind| settings.signal_tables.of(kind)).collect();
    warn_of_no_window(http, settings, &names).await?;
    Ok(prepared)
}

/// Writes the points, a table after the other. Sent again after an error, those that are there
/// already are known by their token.
pub(super) async fn insert_metrics(
    http: &Http,
    settings: &ClickHouseSettings,
    rows: &[MetricRow],
) -> Result<(), StoreError> {
    for kind in Kind::ALL {
        let mut writer = Writer::default();
        for row in rows.iter().filter(|row| Kind::of(&row.point) == kind) {
            encode::point(&mut writer, row);
        }
        let columns = kind.columns().into_iter().map(|(name, ..)| name).collect();
        insert(http, &full(settings, kind), columns, writer.0).await?;
    }
    Ok(())
}

/// Writes the log records.
pub(super) async fn insert_logs(
    http: &Http,
    settings: &ClickHouseSettings,
    prepared: PreparedSignals,
    rows: &[LogRow],
) -> Result<(), StoreError> {
    let PreparedSignals { has_event_name } = prepared;
    let mut writer = Writer::default();
    for row in rows {
        encode::log(&mut writer, row, has_event_name);
    }
    let columns = Kind::Logs.columns().into_iter().map(|(name, ..)| name);
    let columns = columns.filter(|name| *name != EVENT_NAME || has_event_name).collect();
    insert(http, &full(settings, Kind::Logs), columns, writer.0).await
}

/// The table that a query calls by its usual name, where it has another one.
pub(super) fn renamed(settings: &ClickHouseSettings, usual: &str) -> Option<String> {
    let kind = Kind::ALL.into_iter().find(|kind| kind.usual_name() == usual)?;
    (settings.signal_tables.of(kind) != usual).then(|| full(settings, kind))
}

/// Whether a query may be about metrics or logs.
pub(super) fn are_asked_for(settings: &ClickHouseSettings, text: &str) -> bool {
    Kind::ALL.into_iter().any(|kind| {
        text.contains(kind.usual_name()) || text.contains(settings.signal_tables.of(kind))
    })
}

async fn insert(
    http: &Http,
    table: &str,
    columns: Vec<&str>,
    data: Vec<u8>,
) -> Result<(), StoreError> {
    if data.is_empty() {
        return Ok(());
    }
    let columns: Vec<_> = columns.into_iter().map(quoted).collect();
    let sql = format!("INSERT INTO {table} ({}) FORMAT RowBinary", columns.join(", "));
    let settings = insert_settings(&data);
    let data = Some(Bytes::from(data));
    http.run(Statement { sql: &sql, settings, data, time_max: None }).await.map(drop)
}

fn full(settings: &ClickHouseSettings, kind: Kind) -> String {
    format!("{}.{}", quoted(&settings.database), quoted(settings.signal_tables.of(kind)))
}

// === impl Kind ===

impl Kind {
    const fn of(point: &Point) -> Self {
        match point {
            Point::Gauge { .. } => Self::Gauge,
            Point::Sum { .. } => Self::Sum,
            Point::Histogram { .. } => Self::Histogram,
            Point::ExponentialHistogram { .. } => Self::ExponentialHistogram,
            Point::Summary { .. } => Self::Summary,
        }
    }
}

// === impl SignalTableNames ===

impl SignalTableNames {
    fn of(&self, kind: Kind) -> &str {
        match kind {
            Kind::Gauge => &self.gauge,
            Kind::Sum => &self.sum,
            Kind::Histogram => &self.histogram,
            Kind::ExponentialHistogram => &self.exponential_histogram,
            Kind::Summary => &self.summary,
            Kind::Logs => &self.logs,
        }
    }
}

impl Default for SignalTableNames {
    fn default() -> Self {
        let usual = |kind: Kind| kind.usual_name().to_owned();
        Self {
            gauge: usual(Kind::Gauge),
            sum: usual(Kind::Sum),
            histogram: usual(Kind::Histogram),
            exponential_histogram: usual(Kind::ExponentialHistogram),
            summary: usual(Kind::Summary),
            logs: usual(Kind::Logs),
        }
    }
}
