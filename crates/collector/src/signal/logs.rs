//! Log records.

use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use tollgate_store::{LogRow, SpanStore, StoreError};

use super::{Partial, Signal, SignalKind};
use crate::batch::Batch;
use crate::convert::{Converted, logs};
use crate::pipeline::Batches;
use crate::weigh::{LOGS, Shape};

/// The signal of logs.
pub(crate) struct Logs;

impl Signal for Logs {
    type Request = ExportLogsServiceRequest;
    type Response = ExportLogsServiceResponse;
    type Row = LogRow;

    const KIND: SignalKind = SignalKind::Logs;
    const SHAPE: &'static Shape = &LOGS;
    const ITEMS: &'static str = "log records";
    const MALFORMED: &'static str = "are malformed";
    const REJECTED: &'static str = "rejectedLogRecords";

    fn resources(request: &mut Self::Request) -> impl Iterator<Item = &mut Option<Resource>> {
        request.resource_logs.iter_mut().map(|logs| &mut logs.resource)
    }

    fn repeated_bytes(request: &Self::Request) -> usize {
        logs::repeated_bytes(request)
    }

    fn convert(request: Self::Request) -> Converted<LogRow> {
        logs::rows(request)
    }

    fn resource_attribute<'r>(row: &'r LogRow, key: &str) -> Option<&'r str> {
        row.origin.resource_attribute(key)
    }

    fn batch(batches: &Batches) -> &Batch<LogRow> {
        &batches.logs
    }

    async fn insert(store: &dyn SpanStore, rows: Vec<LogRow>) -> Result<u64, StoreError> {
        store.insert_logs(rows).await
    }

    fn response(partial: Option<Partial>) -> Self::Response {
        let partial_success = partial.map(|Partial { rejected, message }| {
            ExportLogsPartialSuccess { rejected_log_records: rejected, error_message: message }
        });
        ExportLogsServiceResponse { partial_success }
    }

    fn partial(response: &Self::Response) -> Option<Partial> {
        let partial = response.partial_success.as_ref()?;
        Some(Partial {
            rejected: partial.rejected_log_records,
            message: partial.error_message.clone(),
        })
    }
}
