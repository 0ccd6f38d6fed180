//! Metrics and logs: the exporter's six tables beside that of spans, and how rows get there.

mod encode;
mod last_column;
mod tables;

use bytes::Bytes;

use self::tables::EVENT_NAME;
pub(crate) use self::tables::Kind;
use super::http::{Http, Statement};
use super::rowbinary::Writer;
use super::schema::{columns, differences, plain, warn_of_no_window};
use super::{ClickHouseSettings, insert_settings, quoted};
use crate::{LogRow, MetricRow, Point, Signal, StoreError};

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

/// What is there of a signal.
#[derive(Clone, Copy, Debug)]
pub(super) struct PreparedSignal {
    /// Whether the logs' table has a place for the events' names; older exporters made it without.
    has_event_name: bool,
}

/// Rows of one table as they are sent, and as they may wait for that. Log records always have their
/// events' names in there: what the server's table has may be known only when they are sent.
pub(crate) struct Encoded {
    pub(crate) kind: Kind,
    /// Rows.
    pub(crate) items: u32,
    pub(crate) data: Vec<u8>,
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

/// Creates what is absent of a signal's tables, and checks what is there.
pub(super) async fn prepare(
    http: &Http,
    settings: &ClickHouseSettings,
    signal: Signal,
) -> Result<PreparedSignal, StoreError> {
    let mut prepared = PreparedSignal { has_event_name: true };
    for kind in Kind::of(signal) {
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
            prepared = PreparedSignal { has_event_name };
        }
        let needed = kind.columns().into_iter().filter(|it| it.0 != EVENT_NAME || has_event_name);
        let needed: Vec<_> = needed.map(|(name, ty, _)| (name, plain(ty))).collect();
        let needed: Vec<_> = needed.iter().map(|(name, ty)| (*name, ty.as_str())).collect();
        if let Some(reason) = differences(&table, &needed, &found) {
            return Err(StoreError::Schema { reason });
        }
    }
    let names: Vec<_> = Kind::of(signal).map(|kind| settings.signal_tables.of(kind)).collect();
    warn_of_no_window(http, settings, &names).await?;
    Ok(prepared)
}

/// The points, table by table, without the tables that get none.
pub(super) fn encode_metrics(rows: &[MetricRow]) -> Vec<Encoded> {
    let of_kind = |kind| {
        let (mut writer, mut items) = (Writer::default(), 0);
        for row in rows.iter().filter(|row| Kind::of_point(&row.point) == kind) {
            encode::point(&mut writer, row);
            items += 1;
        }
        (items > 0).then_some(Encoded { kind, items, data: writer.0 })
    };
    Kind::of(Signal::Metrics).filter_map(of_kind).collect()
}

/// The log records; `None` if there are none.
pub(super) fn encode_logs(rows: &[LogRow]) -> Option<Encoded> {
    let mut writer = Writer::default();
    for row in rows {
        encode::log(&mut writer, row);
    }
    let items = u32::try_from(rows.len()).unwrap_or(u32::MAX);
    (items > 0).then_some(Encoded { kind: Kind::Logs, items, data: writer.0 })
}

/// Writes encoded rows into their table. Sent again after an error, those that are there already are
/// known by their token.
pub(super) async fn send(
    http: &Http,
    settings: &ClickHouseSettings,
    prepared: PreparedSignal,
    kind: Kind,
    data: Bytes,
) -> Result<(), StoreError> {
    let mut columns = kind.columns();
    // The token is that of the whole rows: it stays when somebody brings the table up to date.
    let insert_settings = insert_settings(&data);
    let data = if kind == Kind::Logs && !prepared.has_event_name {
        let Some(shorter) = last_column::without(&columns, &data) else {
            let reason = "these are no rows of log records".to_owned();
            return Err(StoreError::BadRow { reason });
        };
        columns.pop();
        Bytes::from(shorter)
    } else {
        data
    };
    let table = full(settings, kind);
    let columns: Vec<_> = columns.into_iter().map(|(name, ..)| quoted(name)).collect();
    let sql = format!("INSERT INTO {table} ({}) FORMAT RowBinary", columns.join(", "));
    let data = Some(data);
    http.run(Statement { sql: &sql, settings: insert_settings, data, time_max: None })
        .await
        .map(drop)
}

/// The table that a query calls by its usual name, where it has another one.
pub(super) fn renamed(settings: &ClickHouseSettings, usual: &str) -> Option<String> {
    let kind = Kind::ALL.into_iter().find(|kind| kind.usual_name() == usual)?;
    (settings.signal_tables.of(kind) != usual).then(|| full(settings, kind))
}

/// The signals other than spans that a query may be about.
pub(super) fn asked_for<'a>(
    settings: &'a ClickHouseSettings,
    text: &'a str,
) -> impl Iterator<Item = Signal> + 'a {
    [Signal::Metrics, Signal::Logs].into_iter().filter(|signal| {
        Kind::of(*signal).any(|kind| {
            text.contains(kind.usual_name()) || text.contains(settings.signal_tables.of(kind))
        })
    })
}

fn full(settings: &ClickHouseSettings, kind: Kind) -> String {
    format!("{}.{}", quoted(&settings.database), quoted(settings.signal_tables.of(kind)))
}

// === impl Kind ===

impl Kind {
    const fn of_point(point: &Point) -> Self {
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
