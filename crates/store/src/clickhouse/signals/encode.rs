//! Points and log records as `RowBinary`, in the order of their tables' columns.

use crate::clickhouse::rowbinary::Writer;
use crate::{Buckets, ExemplarRow, LogRow, MetricRow, Point};

pub(super) fn point(writer: &mut Writer, row: &MetricRow) {
    head(writer, row);
    match &row.point {
        Point::Gauge { value } | Point::Sum { value, .. } => {
            writer.float(*value);
            writer.unsigned_32(row.flags);
        }
        Point::Histogram { summary, bucket_counts, explicit_bounds, .. } => {
            writer.unsigned(summary.count);
            writer.float(summary.sum);
            writer.list(bucket_counts, |writer, count| writer.unsigned(*count));
            writer.list(explicit_bounds, |writer, bound| writer.float(*bound));
        }
        Point::ExponentialHistogram { summary, scale, zero_count, positive, negative, .. } => {
            writer.unsigned(summary.count);
            writer.float(summary.sum);
            writer.signed_32(*scale);
            writer.unsigned(*zero_count);
            for Buckets { offset, counts } in [positive, negative] {
                writer.signed_32(*offset);
                writer.list(counts, |writer, count| writer.unsigned(*count));
            }
        }
        Point::Summary { count, sum, quantiles } => {
            writer.unsigned(*count);
            writer.float(*sum);
            writer.list(quantiles, |writer, (quantile, _)| writer.float(*quantile));
            writer.list(quantiles, |writer, (_, value)| writer.float(*value));
            writer.unsigned_32(row.flags);
            return;
        }
    }
    exemplars(writer, &row.exemplars);
    match &row.point {
        Point::Sum { temporality, is_monotonic, .. } => {
            writer.signed_32(*temporality);
            writer.flag(*is_monotonic);
        }
        Point::Histogram { summary, temporality, .. }
        | Point::ExponentialHistogram { summary, temporality, .. } => {
            writer.unsigned_32(row.flags);
            writer.float(summary.min);
            writer.float(summary.max);
            writer.signed_32(*temporality);
        }
        Point::Gauge { .. } | Point::Summary { .. } => {}
    }
}

pub(super) fn log(writer: &mut Writer, row: &LogRow) {
    let origin = &row.origin;
    writer.signed(row.timestamp_ns);
    writer.text(&row.trace_id);
    writer.text(&row.span_id);
    writer.byte(row.trace_flags);
    writer.text(&row.severity_text);
    writer.byte(row.severity_number);
    writer.text(&origin.service_name);
    writer.text(&row.body);
    writer.text(&origin.resource_schema_url);
    writer.map(&origin.resource_attributes);
    writer.text(&origin.scope_schema_url);
    writer.text(&origin.scope_name);
    writer.text(&origin.scope_version);
    writer.map(&origin.scope_attributes);
    writer.map(&row.attributes);
    writer.text(&row.event_name);
}

fn head(writer: &mut Writer, row: &MetricRow) {
    let MetricRow { origin, metric, .. } = row;
    writer.map(&origin.resource_attributes);
    writer.text(&origin.resource_schema_url);
    writer.text(&origin.scope_name);
    writer.text(&origin.scope_version);
    writer.map(&origin.scope_attributes);
    writer.unsigned_32(origin.scope_dropped_attributes_count);
    writer.text(&origin.scope_schema_url);
    writer.text(&origin.service_name);
    writer.text(&metric.name);
    writer.text(&metric.description);
    writer.text(&metric.unit);
    writer.map(&row.attributes);
    writer.signed(row.start_ns);
    writer.signed(row.time_ns);
}

fn exemplars(writer: &mut Writer, exemplars: &[ExemplarRow]) {
    writer.list(exemplars, |writer, exemplar| writer.map(&exemplar.attributes));
    writer.list(exemplars, |writer, exemplar| writer.signed(exemplar.time_ns));
    writer.list(exemplars, |writer, exemplar| writer.float(exemplar.value));
    writer.list(exemplars, |writer, exemplar| writer.text(&exemplar.span_id));
    writer.list(exemplars, |writer, exemplar| writer.text(&exemplar.trace_id));
}
