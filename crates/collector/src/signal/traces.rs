//! Spans.

use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use tollgate_store::{SpanRow, SpanStore, StoreError};

use super::{Partial, Signal, SignalKind};
use crate::batch::Batch;
use crate::convert::{self, Converted};
use crate::pipeline::Batches;
use crate::weigh::{Shape, TRACES};

/// The signal of spans.
pub(crate) struct Traces;

impl Signal for Traces {
    type Request = ExportTraceServiceRequest;
    type Response = ExportTraceServiceResponse;
    type Row = SpanRow;

    const KIND: SignalKind = SignalKind::Traces;
    const SHAPE: &'static Shape = &TRACES;
    const ITEMS: &'static str = "spans";
    const MALFORMED: &'static str = "have no valid trace id or span id";
    const REJECTED: &'static str = "rejectedSpans";

    fn resources(request: &mut Self::Request) -> impl Iterator<Item = &mut Option<Resource>> {
        request.resource_spans.iter_mut().map(|spans| &mut spans.resource)
    }

    fn repeated_bytes(request: &Self::Request) -> usize {
        convert::repeated_bytes(request)
    }

    fn convert(request: Self::Request) -> Converted<SpanRow> {
        convert::rows(request)
    }

    fn resource_attribute<'r>(row: &'r SpanRow, key: &str) -> Option<&'r str> {
        row.resource_attribute(key)
    }

    fn batch(batches: &Batches) -> &Batch<SpanRow> {
        &batches.traces
    }

    async fn insert(store: &dyn SpanStore, rows: Vec<SpanRow>) -> Result<u64, StoreError> {
        store.insert(rows).await
    }

    fn response(partial: Option<Partial>) -> Self::Response {
        let partial_success = partial.map(|Partial { rejected, message }| {
            ExportTracePartialSuccess { rejected_spans: rejected, error_message: message }
        });
        ExportTraceServiceResponse { partial_success }
    }

    fn partial(response: &Self::Response) -> Option<Partial> {
        let partial = response.partial_success.as_ref()?;
        Some(Partial { rejected: partial.rejected_spans, message: partial.error_message.clone() })
    }
}
