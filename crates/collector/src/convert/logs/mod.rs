//! Log records as rows.

use std::sync::Arc;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs};
use prost::Message;
use tollgate_store::{LogRow, Origin};

use super::origin::OfResource;
use super::{Converted, DROPPED, SPAN_ID_BYTES, TRACE_ID_BYTES, id, pairs, signed, text};

#[cfg(test)]
mod tests;

/// The highest severity.
const FATAL4: u8 = 24;
/// The part of a record's flags that W3C has defined.
const TRACE_FLAGS: u32 = 0xff;

/// Every record: nothing about one can be so wrong that it is no use.
pub(crate) fn rows(request: ExportLogsServiceRequest) -> Converted<LogRow> {
    let mut rows = Vec::new();
    // One that does not say when it happened is seen now.
    let now_ns = tollgate_store::now_ns();
    for ResourceLogs { resource, scope_logs, schema_url } in request.resource_logs {
        let resource = OfResource::new(resource, schema_url);
        for scope_logs in scope_logs {
            let origin = resource.scope(scope_logs.scope, scope_logs.schema_url);
            rows.extend(scope_logs.log_records.into_iter().map(|it| row(it, &origin, now_ns)));
        }
    }
    Converted { rows, malformed: 0 }
}

/// How many bytes the rows have beside what was sent: each scope has its resource.
pub(crate) fn repeated_bytes(request: &ExportLogsServiceRequest) -> usize {
    let mut bytes = 0_usize;
    for resource_logs in &request.resource_logs {
        let resource = resource_logs.resource.as_ref().map_or(0, Message::encoded_len);
        for scope_logs in &resource_logs.scope_logs {
            let rows = scope_logs.log_records.len().saturating_mul(size_of::<LogRow>());
            let origin = size_of::<Origin>() + resource;
            bytes = bytes.saturating_add(rows).saturating_add(origin);
        }
    }
    bytes
}

fn row(record: LogRecord, origin: &Arc<Origin>, now_ns: i64) -> LogRow {
    let timestamp_ns = [record.time_unix_nano, record.observed_time_unix_nano]
        .into_iter()
        .find(|ns| *ns > 0)
        .map_or(now_ns, signed);
    let mut attributes = pairs(record.attributes);
    if record.dropped_attributes_count > 0 {
        let [name, ..] = DROPPED;
        attributes.push((name.into(), record.dropped_attributes_count.to_string()));
    }
    let severity = u8::try_from(record.severity_number).unwrap_or_default();
    LogRow {
        origin: Arc::clone(origin),
        timestamp_ns,
        trace_id: id(&record.trace_id, TRACE_ID_BYTES).unwrap_or_default(),
        span_id: id(&record.span_id, SPAN_ID_BYTES).unwrap_or_default(),
        trace_flags: u8::try_from(record.flags & TRACE_FLAGS).unwrap_or_default(),
        severity_text: record.severity_text,
        severity_number: if severity > FATAL4 { 0 } else { severity },
        body: text(record.body),
        attributes,
        event_name: record.event_name,
    }
}
