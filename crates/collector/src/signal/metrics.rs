//! Points of metrics.

use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use tollgate_store::{MetricRow, SpanStore, StoreError};

use super::{Partial, Signal, SignalKind};
use crate::batch::Batch;
use crate::convert::{Converted, metrics};
use crate::pipeline::Batches;
use crate::weigh::{METRICS, Shape};

/// The signal of metrics.
pub(crate) struct Metrics;

impl Signal for Metrics {
    type Request = ExportMetricsServiceRequest;
    type Response = ExportMetricsServiceResponse;
    type Row = MetricRow;

    const KIND: SignalKind = SignalKind::Metrics;
    const SHAPE: &'static Shape = &METRICS;
    const ITEMS: &'static str = "data points";
    const MALFORMED: &'static str = "have no time, no value or a count above 2^63";
    const REJECTED: &'static str = "rejectedDataPoints";

    fn resources(request: &mut Self::Request) -> impl Iterator<Item = &mut Option<Resource>> {
        request.resource_metrics.iter_mut().map(|metrics| &mut metrics.resource)
    }

    fn repeated_bytes(request: &Self::Request) -> usize {
        metrics::repeated_bytes(request)
    }

    fn convert(request: Self::Request) -> Converted<MetricRow> {
        metrics::rows(request)
    }

    fn resource_attribute<'r>(row: &'r MetricRow, key: &str) -> Option<&'r str> {
        row.origin.resource_attribute(key)
    }

    fn batch(batches: &Batches) -> &Batch<MetricRow> {
        &batches.metrics
    }

    async fn insert(store: &dyn SpanStore, rows: Vec<MetricRow>) -> Result<u64, StoreError> {
        store.insert_metrics(rows).await
    }

    fn response(partial: Option<Partial>) -> Self::Response {
        let partial_success = partial.map(|Partial { rejected, message }| {
            ExportMetricsPartialSuccess { rejected_data_points: rejected, error_message: message }
        });
        ExportMetricsServiceResponse { partial_success }
    }

    fn partial(response: &Self::Response) -> Option<Partial> {
        let partial = response.partial_success.as_ref()?;
        Some(Partial {
            rejected: partial.rejected_data_points,
            message: partial.error_message.clone(),
        })
    }
}
