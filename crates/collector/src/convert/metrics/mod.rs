//! Points of metrics as rows.

use std::sync::Arc;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets as SentBuckets;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogramDataPoint, HistogramDataPoint, NumberDataPoint, ResourceMetrics,
    SummaryDataPoint, exemplar, metric::Data, number_data_point,
};
use prost::Message;
use tollgate_store::{Buckets, Distribution, ExemplarRow, Metric, MetricRow, Origin, Point};

use super::origin::OfResource;
use super::{Converted, SPAN_ID_BYTES, TRACE_ID_BYTES, id, pairs, signed};

#[cfg(test)]
mod tests;

/// The flag of a point that says that there was nothing to record.
const NO_RECORDED_VALUE: u32 = 1;

/// What every kind of point has.
struct Head {
    attributes: Vec<KeyValue>,
    start_ns: u64,
    time_ns: u64,
    flags: u32,
}

/// The points of one metric, as they become rows.
struct Points<'c> {
    origin: &'c Arc<Origin>,
    metric: Arc<Metric>,
    converted: &'c mut Converted<MetricRow>,
}

/// Every point that has a time and a value.
pub(crate) fn rows(request: ExportMetricsServiceRequest) -> Converted<MetricRow> {
    let mut converted = Converted { rows: Vec::new(), malformed: 0 };
    for ResourceMetrics { resource, scope_metrics, schema_url } in request.resource_metrics {
        let resource = OfResource::new(resource, schema_url);
        for scope_metrics in scope_metrics {
            let origin = resource.scope(scope_metrics.scope, scope_metrics.schema_url);
            for metric in scope_metrics.metrics {
                let (name, description, unit) = (metric.name, metric.description, metric.unit);
                let metric_row = Arc::new(Metric { name, description, unit });
                let mut points =
                    Points { origin: &origin, metric: metric_row, converted: &mut converted };
                points.add(metric.data);
            }
        }
    }
    converted
}

/// How many bytes the rows have beside what was sent: each scope has its resource.
pub(crate) fn repeated_bytes(request: &ExportMetricsServiceRequest) -> usize {
    let mut bytes = 0_usize;
    for resource_metrics in &request.resource_metrics {
        let resource = resource_metrics.resource.as_ref().map_or(0, Message::encoded_len);
        for scope_metrics in &resource_metrics.scope_metrics {
            bytes = bytes.saturating_add(size_of::<Origin>() + resource);
            for metric in &scope_metrics.metrics {
                let rows = count(metric.data.as_ref()).saturating_mul(size_of::<MetricRow>());
                bytes = bytes.saturating_add(size_of::<Metric>()).saturating_add(rows);
            }
        }
    }
    bytes
}

fn count(data: Option<&Data>) -> usize {
    match data {
        None => 0,
        Some(Data::Gauge(gauge)) => gauge.data_points.len(),
        Some(Data::Sum(sum)) => sum.data_points.len(),
        Some(Data::Histogram(histogram)) => histogram.data_points.len(),
        Some(Data::ExponentialHistogram(histogram)) => histogram.data_points.len(),
        Some(Data::Summary(summary)) => summary.data_points.len(),
    }
}

// === impl Points ===

impl Points<'_> {
    fn add(&mut self, data: Option<Data>) {
        match data {
            // A kind of a later OTLP, or what its JSON could not be read as.
            None => self.converted.malformed += 1,
            Some(Data::Gauge(gauge)) => {
                for point in gauge.data_points {
                    let value = value(&point);
                    self.number(point, value.map(|value| Point::Gauge { value }));
                }
            }
            Some(Data::Sum(sum)) => {
                let (temporality, is_monotonic) = (sum.aggregation_temporality, sum.is_monotonic);
                for point in sum.data_points {
                    let value = value(&point);
                    let point_row =
                        value.map(|value| Point::Sum { value, temporality, is_monotonic });
                    self.number(point, point_row);
                }
            }
            Some(Data::Histogram(histogram)) => {
                let temporality = histogram.aggregation_temporality;
                histogram.data_points.into_iter().for_each(|it| self.histogram(it, temporality));
            }
            Some(Data::ExponentialHistogram(histogram)) => {
                let temporality = histogram.aggregation_temporality;
                histogram.data_points.into_iter().for_each(|it| self.exponential(it, temporality));
            }
            Some(Data::Summary(summary)) => {
                summary.data_points.into_iter().for_each(|it| self.summary(it));
            }
        }
    }

    fn number(&mut self, point: NumberDataPoint, value: Option<Point>) {
        let head = Head {
            attributes: point.attributes,
            start_ns: point.start_time_unix_nano,
            time_ns: point.time_unix_nano,
            flags: point.flags,
        };
        self.push(head, value, point.exemplars);
    }

    fn histogram(&mut self, point: HistogramDataPoint, temporality: i32) {
        let head = Head {
            attributes: point.attributes,
            start_ns: point.start_time_unix_nano,
            time_ns: point.time_unix_nano,
            flags: point.flags,
        };
        let row = Point::Histogram {
            summary: distribution(point.count, point.sum, point.min, point.max),
            bucket_counts: point.bucket_counts,
            explicit_bounds: point.explicit_bounds,
            temporality,
        };
        self.push(head, Some(row), point.exemplars);
    }

    fn exponential(&mut self, point: ExponentialHistogramDataPoint, temporality: i32) {
        let head = Head {
            attributes: point.attributes,
            start_ns: point.start_time_unix_nano,
            time_ns: point.time_unix_nano,
            flags: point.flags,
        };
        let row = Point::ExponentialHistogram {
            summary: distribution(point.count, point.sum, point.min, point.max),
            scale: point.scale,
            zero_count: point.zero_count,
            positive: buckets(point.positive),
            negative: buckets(point.negative),
            temporality,
        };
        self.push(head, Some(row), point.exemplars);
    }

    fn summary(&mut self, point: SummaryDataPoint) {
        let head = Head {
            attributes: point.attributes,
            start_ns: point.start_time_unix_nano,
            time_ns: point.time_unix_nano,
            flags: point.flags,
        };
        let quantiles = point.quantile_values.into_iter().map(|it| (it.quantile, it.value));
        let row =
            Point::Summary { count: point.count, sum: point.sum, quantiles: quantiles.collect() };
        self.push(head, Some(row), Vec::new());
    }

    fn push(&mut self, head: Head, point: Option<Point>, exemplars: Vec<Exemplar>) {
        let Some(point) = point.filter(|_| head.time_ns > 0) else {
            self.converted.malformed += 1;
            return;
        };
        let row = MetricRow {
            origin: Arc::clone(self.origin),
            metric: Arc::clone(&self.metric),
            attributes: pairs(head.attributes),
            start_ns: signed(head.start_ns),
            time_ns: signed(head.time_ns),
            flags: head.flags,
            point,
            exemplars: exemplars.into_iter().filter_map(exemplar_row).collect(),
        };
        match row.check() {
            Ok(()) => self.converted.rows.push(row),
            Err(_) => self.converted.malformed += 1,
        }
    }
}

/// What the exporter writes too: whole numbers as fractions, and 0 where there was nothing to record.
fn value(point: &NumberDataPoint) -> Option<f64> {
    match point.value {
        Some(number_data_point::Value::AsDouble(value)) => Some(value),
        Some(number_data_point::Value::AsInt(value)) => Some(value as f64),
        None => (point.flags & NO_RECORDED_VALUE != 0).then_some(0.0),
    }
}

fn distribution(count: u64, sum: Option<f64>, min: Option<f64>, max: Option<f64>) -> Distribution {
    let (sum, min, max) = (sum.unwrap_or(0.0), min.unwrap_or(0.0), max.unwrap_or(0.0));
    Distribution { count, sum, min, max }
}

fn buckets(sent: Option<SentBuckets>) -> Buckets {
    let SentBuckets { offset, bucket_counts: counts } = sent.unwrap_or_default();
    Buckets { offset, counts }
}

/// One without a measurement says nothing.
fn exemplar_row(sent: Exemplar) -> Option<ExemplarRow> {
    let value = match sent.value? {
        exemplar::Value::AsDouble(value) => value,
        exemplar::Value::AsInt(value) => value as f64,
    };
    Some(ExemplarRow {
        attributes: pairs(sent.filtered_attributes),
        time_ns: signed(sent.time_unix_nano),
        value,
        span_id: id(&sent.span_id, SPAN_ID_BYTES).unwrap_or_default(),
        trace_id: id(&sent.trace_id, TRACE_ID_BYTES).unwrap_or_default(),
    })
}
