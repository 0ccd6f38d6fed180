//! OTLP's messages: what each is in memory, and where others lie in it.
//!
//! Field numbers are those of opentelemetry-proto. A message that is not listed in its parent is
//! charged as the bytes that it is.

use opentelemetry_proto::tonic::common::v1::{AnyValue, EntityRef, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogramDataPoint, HistogramDataPoint, Metric, NumberDataPoint,
    ResourceMetrics, ScopeMetrics, SummaryDataPoint,
};
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};

use super::Field::{Message, Packed};
use super::Shape;

/// `ExportTraceServiceRequest`.
pub(crate) static TRACES: Shape = Shape { bytes: 0, fields: &[(1, Message(&RESOURCE_SPANS))] };
/// `ExportMetricsServiceRequest`.
pub(crate) static METRICS: Shape = Shape { bytes: 0, fields: &[(1, Message(&RESOURCE_METRICS))] };
/// `ExportLogsServiceRequest`.
pub(crate) static LOGS: Shape = Shape { bytes: 0, fields: &[(1, Message(&RESOURCE_LOGS))] };

static ATTRIBUTE: Shape = Shape { bytes: size_of::<KeyValue>(), fields: &[(2, Message(&VALUE))] };
/// A value inside what holds it.
static VALUE: Shape = Shape { bytes: 0, fields: &[(5, Message(&ARRAY)), (6, Message(&MAP))] };
static ELEMENT: Shape =
    Shape { bytes: size_of::<AnyValue>(), fields: &[(5, Message(&ARRAY)), (6, Message(&MAP))] };
static ARRAY: Shape = Shape { bytes: 0, fields: &[(1, Message(&ELEMENT))] };
static MAP: Shape = Shape { bytes: 0, fields: &[(1, Message(&ATTRIBUTE))] };
static RESOURCE: Shape =
    Shape { bytes: 0, fields: &[(1, Message(&ATTRIBUTE)), (3, Message(&ENTITY))] };
static ENTITY: Shape = Shape { bytes: size_of::<EntityRef>(), fields: &[] };
static SCOPE: Shape = Shape { bytes: 0, fields: &[(3, Message(&ATTRIBUTE))] };

static RESOURCE_SPANS: Shape = Shape {
    bytes: size_of::<ResourceSpans>(),
    fields: &[(1, Message(&RESOURCE)), (2, Message(&SCOPE_SPANS))],
};
static SCOPE_SPANS: Shape =
    Shape { bytes: size_of::<ScopeSpans>(), fields: &[(1, Message(&SCOPE)), (2, Message(&SPAN))] };
static SPAN: Shape = Shape {
    bytes: size_of::<Span>(),
    fields: &[(9, Message(&ATTRIBUTE)), (11, Message(&EVENT)), (13, Message(&LINK))],
};
static EVENT: Shape = Shape { bytes: size_of::<Event>(), fields: &[(3, Message(&ATTRIBUTE))] };
static LINK: Shape = Shape { bytes: size_of::<Link>(), fields: &[(4, Message(&ATTRIBUTE))] };

static RESOURCE_LOGS: Shape = Shape {
    bytes: size_of::<ResourceLogs>(),
    fields: &[(1, Message(&RESOURCE)), (2, Message(&SCOPE_LOGS))],
};
static SCOPE_LOGS: Shape = Shape {
    bytes: size_of::<ScopeLogs>(),
    fields: &[(1, Message(&SCOPE)), (2, Message(&LOG_RECORD))],
};
static LOG_RECORD: Shape = Shape {
    bytes: size_of::<LogRecord>(),
    fields: &[(5, Message(&VALUE)), (6, Message(&ATTRIBUTE))],
};

static RESOURCE_METRICS: Shape = Shape {
    bytes: size_of::<ResourceMetrics>(),
    fields: &[(1, Message(&RESOURCE)), (2, Message(&SCOPE_METRICS))],
};
static SCOPE_METRICS: Shape = Shape {
    bytes: size_of::<ScopeMetrics>(),
    fields: &[(1, Message(&SCOPE)), (2, Message(&METRIC))],
};
static METRIC: Shape = Shape {
    bytes: size_of::<Metric>(),
    fields: &[
        (5, Message(&NUMBERS)),
        (7, Message(&NUMBERS)),
        (9, Message(&HISTOGRAMS)),
        (10, Message(&EXPONENTIALS)),
        (11, Message(&SUMMARIES)),
        (12, Message(&ATTRIBUTE)),
    ],
};
static NUMBERS: Shape = Shape { bytes: 0, fields: &[(1, Message(&NUMBER_POINT))] };
static HISTOGRAMS: Shape = Shape { bytes: 0, fields: &[(1, Message(&HISTOGRAM_POINT))] };
static EXPONENTIALS: Shape = Shape { bytes: 0, fields: &[(1, Message(&EXPONENTIAL_POINT))] };
static SUMMARIES: Shape = Shape { bytes: 0, fields: &[(1, Message(&SUMMARY_POINT))] };
static NUMBER_POINT: Shape = Shape {
    bytes: size_of::<NumberDataPoint>(),
    fields: &[(5, Message(&EXEMPLAR)), (7, Message(&ATTRIBUTE))],
};
static HISTOGRAM_POINT: Shape = Shape {
    bytes: size_of::<HistogramDataPoint>(),
    fields: &[(6, Packed), (7, Packed), (8, Message(&EXEMPLAR)), (9, Message(&ATTRIBUTE))],
};
static EXPONENTIAL_POINT: Shape = Shape {
    bytes: size_of::<ExponentialHistogramDataPoint>(),
    fields: &[
        (1, Message(&ATTRIBUTE)),
        (8, Message(&BUCKETS)),
        (9, Message(&BUCKETS)),
        (11, Message(&EXEMPLAR)),
    ],
};
static BUCKETS: Shape = Shape { bytes: 0, fields: &[(2, Packed)] };
static SUMMARY_POINT: Shape = Shape {
    bytes: size_of::<SummaryDataPoint>(),
    fields: &[(6, Message(&QUANTILE)), (7, Message(&ATTRIBUTE))],
};
static QUANTILE: Shape = Shape { bytes: size_of::<ValueAtQuantile>(), fields: &[] };
static EXEMPLAR: Shape =
    Shape { bytes: size_of::<Exemplar>(), fields: &[(7, Message(&ATTRIBUTE))] };
