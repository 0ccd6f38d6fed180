//! The three signals of OTLP: what the stages need to know of each.

mod logs;
mod metrics;
mod traces;

use std::future::Future;

use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;
use serde::de::DeserializeOwned;
use tollgate_store::{LogRow, MetricRow, SpanRow, SpanStore, StoreError};

use crate::batch::Batch;
use crate::convert::Converted;
use crate::limit::Limited;
use crate::pipeline::Batches;
use crate::weigh::Shape;
pub(crate) use logs::Logs;
pub(crate) use metrics::Metrics;
pub(crate) use traces::Traces;

/// One of the three signals, as the stages of the pipeline and both protocols see it.
pub(crate) trait Signal: Send + Sync + 'static {
    /// What a sender sends.
    type Request: Message + Default + DeserializeOwned + Limited + 'static;
    /// What it is answered.
    type Response: Message + Default + 'static;
    /// What the store keeps.
    type Row: Send + 'static;

    /// Which one.
    const KIND: SignalKind;
    /// What a request is in memory.
    const SHAPE: &'static Shape;
    /// What is sent, in the plural.
    const ITEMS: &'static str;
    /// What is wrong with those that are malformed.
    const MALFORMED: &'static str;
    /// How many were rejected, in the JSON of a partial success.
    const REJECTED: &'static str;

    /// The resources of a request.
    fn resources(request: &mut Self::Request) -> impl Iterator<Item = &mut Option<Resource>>;

    /// How many bytes the rows have beside what was sent.
    fn repeated_bytes(request: &Self::Request) -> usize;

    /// The rows of a request.
    fn convert(request: Self::Request) -> Converted<Self::Row>;

    /// The value of the resource's attribute `key`.
    fn resource_attribute<'r>(row: &'r Self::Row, key: &str) -> Option<&'r str>;

    /// Where its rows wait to be written.
    fn batch(batches: &Batches) -> &Batch<Self::Row>;

    /// Keeps the rows.
    fn insert(
        store: &dyn SpanStore,
        rows: Vec<Self::Row>,
    ) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// An answer; with a partial success if something was rejected.
    fn response(partial: Option<Partial>) -> Self::Response;

    /// The partial success of an answer.
    fn partial(response: &Self::Response) -> Option<Partial>;
}

/// Which signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignalKind {
    /// Spans.
    Traces,
    /// Points of metrics.
    Metrics,
    /// Log records.
    Logs,
}

/// What a partial success says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Partial {
    /// How many were rejected.
    pub(crate) rejected: i64,
    /// Why.
    pub(crate) message: String,
}

/// How many rows of `signal` a body becomes, and that a store takes them; `None` if it is no request.
/// Nothing is kept: for those who want to know what a body is, fuzzing first of all.
///
/// # Errors
/// [`StoreError::BadRow`], which would be a mistake of ours.
pub fn rows_in(
    signal: SignalKind,
    is_json: bool,
    body: &[u8],
) -> Option<Result<usize, StoreError>> {
    match signal {
        SignalKind::Traces => checked::<Traces>(is_json, body, SpanRow::check),
        SignalKind::Metrics => checked::<Metrics>(is_json, body, MetricRow::check),
        SignalKind::Logs => checked::<Logs>(is_json, body, LogRow::check),
    }
}

fn checked<S: Signal>(
    is_json: bool,
    body: &[u8],
    check: impl Fn(&S::Row) -> Result<(), StoreError>,
) -> Option<Result<usize, StoreError>> {
    let request: S::Request = match is_json {
        true => serde_json::from_slice(body).ok()?,
        false => S::Request::decode(body).ok()?,
    };
    let rows = S::convert(request).rows;
    Some(rows.iter().try_for_each(check).map(|()| rows.len()))
}

// === impl SignalKind ===

impl SignalKind {
    /// Every signal.
    pub const ALL: [Self; 3] = [Self::Traces, Self::Metrics, Self::Logs];

    /// Its name in OTLP's paths, and in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Metrics => "metrics",
            Self::Logs => "logs",
        }
    }
}
