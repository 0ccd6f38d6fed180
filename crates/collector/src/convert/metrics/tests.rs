//! What a point becomes.

use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue};
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::metrics::v1::{
    ExponentialHistogram, Gauge, Histogram, Metric as SentMetric, ScopeMetrics, Sum, Summary,
};
use opentelemetry_proto::tonic::resource::v1::Resource;

use super::*;

fn attribute(key: &str, value: Value) -> KeyValue {
    let value = Some(AnyValue { value: Some(value) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

fn request(metrics: Vec<Option<Data>>) -> ExportMetricsServiceRequest {
    let project = attribute("project.id", Value::StringValue("p".to_owned()));
    let resource = Some(Resource { attributes: vec![project], ..Resource::default() });
    let scope = Some(InstrumentationScope { name: "scope".to_owned(), ..Default::default() });
    let metrics = metrics.into_iter().map(|data| SentMetric {
        name: "m".to_owned(),
        description: "d".to_owned(),
        unit: "By".to_owned(),
        data,
        ..SentMetric::default()
    });
    let scope_metrics =
        vec![ScopeMetrics { scope, metrics: metrics.collect(), ..ScopeMetrics::default() }];
    let resource_metrics =
        vec![ResourceMetrics { resource, scope_metrics, ..ResourceMetrics::default() }];
    ExportMetricsServiceRequest { resource_metrics }
}

fn one(data: Data) -> MetricRow {
    let Converted { mut rows, malformed } = rows(request(vec![Some(data)]));
    assert_eq!((rows.len(), malformed), (1, 0));
    rows.remove(0)
}

fn malformed(data: Option<Data>) -> usize {
    let Converted { rows, malformed } = rows(request(vec![data]));
    assert_eq!(rows.len(), 0);
    malformed
}

fn number(value: Option<number_data_point::Value>) -> NumberDataPoint {
    NumberDataPoint { time_unix_nano: 9, value, ..NumberDataPoint::default() }
}

fn gauge(point: NumberDataPoint) -> Data {
    Data::Gauge(Gauge { data_points: vec![point] })
}

const HALF: Option<number_data_point::Value> = Some(number_data_point::Value::AsDouble(0.5));

#[test]
fn a_point_becomes_a_row_with_all_that_it_has() {
    let list = vec![AnyValue { value: Some(Value::BoolValue(true)) }];
    let row = one(gauge(NumberDataPoint {
        attributes: vec![
            attribute("n", Value::DoubleValue(2.0)),
            attribute("list", Value::ArrayValue(ArrayValue { values: list })),
        ],
        start_time_unix_nano: 3,
        flags: 2,
        exemplars: vec![
            Exemplar {
                filtered_attributes: vec![attribute("b", Value::BytesValue(vec![1]))],
                time_unix_nano: 7,
                span_id: vec![2; 8],
                trace_id: vec![1; 16],
                value: Some(exemplar::Value::AsInt(4)),
            },
            // Of no use.
            Exemplar { time_unix_nano: 7, ..Exemplar::default() },
        ],
        ..number(HALF)
    }));
    let pair = |key: &'static str, value: &str| (key.into(), value.to_owned());
    assert_eq!(row.origin.resource_attributes, [pair("project.id", "p")]);
    assert_eq!(row.origin.scope_name, "scope");
    let metric =
        Metric { name: "m".to_owned(), description: "d".to_owned(), unit: "By".to_owned() };
    assert_eq!(*row.metric, metric);
    assert_eq!(row.attributes, [pair("n", "2"), pair("list", "[true]")]);
    assert_eq!((row.start_ns, row.time_ns, row.flags), (3, 9, 2));
    assert_eq!(row.point, Point::Gauge { value: 0.5 });
    let exemplar = ExemplarRow {
        attributes: vec![pair("b", "AQ==")],
        time_ns: 7,
        value: 4.0,
        span_id: "02".repeat(8),
        trace_id: "01".repeat(16),
    };
    assert_eq!(row.exemplars, [exemplar]);
}

#[test]
fn each_kind_becomes_its_own() {
    let sum = Sum {
        data_points: vec![number(Some(number_data_point::Value::AsInt(-3)))],
        aggregation_temporality: 2,
        is_monotonic: true,
    };
    let expected = Point::Sum { value: -3.0, temporality: 2, is_monotonic: true };
    assert_eq!(one(Data::Sum(sum)).point, expected);

    let histogram = HistogramDataPoint {
        time_unix_nano: 9,
        count: 4,
        sum: Some(1.5),
        bucket_counts: vec![1, 3],
        explicit_bounds: vec![0.5],
        max: Some(0.75),
        ..HistogramDataPoint::default()
    };
    let summary = Distribution { count: 4, sum: 1.5, min: 0.0, max: 0.75 };
    let expected = Point::Histogram {
        summary,
        bucket_counts: vec![1, 3],
        explicit_bounds: vec![0.5],
        temporality: 1,
    };
    let sent = Histogram { data_points: vec![histogram], aggregation_temporality: 1 };
    assert_eq!(one(Data::Histogram(sent)).point, expected);

    let exponential = ExponentialHistogramDataPoint {
        time_unix_nano: 9,
        count: 4,
        sum: Some(1.5),
        scale: -2,
        zero_count: 1,
        positive: Some(SentBuckets { offset: -7, bucket_counts: vec![1, 2] }),
        max: Some(0.75),
        ..ExponentialHistogramDataPoint::default()
    };
    let expected = Point::ExponentialHistogram {
        summary,
        scale: -2,
        zero_count: 1,
        positive: Buckets { offset: -7, counts: vec![1, 2] },
        negative: Buckets::default(),
        temporality: 2,
    };
    let sent = ExponentialHistogram { data_points: vec![exponential], aggregation_temporality: 2 };
    assert_eq!(one(Data::ExponentialHistogram(sent)).point, expected);

    let summary = SummaryDataPoint {
        time_unix_nano: 9,
        count: 4,
        sum: 1.5,
        quantile_values: vec![ValueAtQuantile { quantile: 0.5, value: 0.25 }],
        ..SummaryDataPoint::default()
    };
    let expected = Point::Summary { count: 4, sum: 1.5, quantiles: vec![(0.5, 0.25)] };
    let sent = Summary { data_points: vec![summary] };
    assert_eq!(one(Data::Summary(sent)).point, expected);
}

#[test]
fn what_says_nothing_is_counted() {
    assert_eq!(malformed(None), 1, "a metric of no kind that is known");
    assert_eq!(malformed(Some(gauge(number(None)))), 1, "no value");
    assert_eq!(malformed(Some(gauge(NumberDataPoint { time_unix_nano: 0, ..number(HALF) }))), 1);
    assert_eq!(malformed(Some(Data::Gauge(Gauge::default()))), 0, "no points are no harm");
    let point = |count| HistogramDataPoint { time_unix_nano: 9, count, ..Default::default() };
    let sent = |count| {
        Data::Histogram(Histogram { data_points: vec![point(count)], aggregation_temporality: 1 })
    };
    one(sent(i64::MAX as u64));
    assert_eq!(malformed(Some(sent(i64::MAX as u64 + 1))), 1);
}

#[test]
fn a_point_that_says_that_there_was_nothing_to_record_is_kept_with_its_flag() {
    let row = one(gauge(NumberDataPoint { flags: NO_RECORDED_VALUE, ..number(None) }));
    assert_eq!((row.flags, row.point), (1, Point::Gauge { value: 0.0 }));
}

#[test]
fn what_rows_repeat_is_foreseen() {
    let bytes = |points: usize| {
        let gauge = Gauge { data_points: vec![number(HALF); points] };
        repeated_bytes(&request(vec![Some(Data::Gauge(gauge)), None]))
    };
    assert_eq!(bytes(7) - bytes(6), size_of::<MetricRow>());
    assert!(bytes(0) > size_of::<Origin>());
}
