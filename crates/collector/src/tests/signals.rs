//! Metrics and logs over both protocols: stored, stamped, counted, answered in kind.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric::Data, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;
use serde_json::json;
use tollgate_store::sql::{Cell, Scope, SqlQuery};
use tonic::Code;
use tonic::codec::CompressionEncoding;

use super::grpc::connect;
use super::http::{JSON, PROTOBUF, post_to};
use super::{Refusing, Running, attribute, bad_row, disk_full};
use crate::auth::Sender;
use crate::signal::{Logs, Metrics};
use crate::weigh::{LOGS, METRICS, weigh};
use crate::{CollectorSettings, Counters, Limits, MemoryLimits, SignalKind};

fn resource(project: Option<&str>) -> Option<Resource> {
    let attributes = project.map(|id| attribute("project.id", id)).into_iter().collect();
    Some(Resource { attributes, ..Resource::default() })
}

fn metrics(values: &[Option<f64>], project: Option<&str>) -> ExportMetricsServiceRequest {
    let point = |(at, value): (usize, &Option<f64>)| NumberDataPoint {
        time_unix_nano: at as u64 + 1,
        value: value.map(number_data_point::Value::AsDouble),
        ..NumberDataPoint::default()
    };
    let data_points = values.iter().enumerate().map(point).collect();
    let data = Some(Data::Gauge(Gauge { data_points }));
    let metrics = vec![Metric { name: "queue".to_owned(), data, ..Metric::default() }];
    let scope_metrics = vec![ScopeMetrics { metrics, ..ScopeMetrics::default() }];
    let resource = resource(project);
    let resource_metrics =
        vec![ResourceMetrics { resource, scope_metrics, ..ResourceMetrics::default() }];
    ExportMetricsServiceRequest { resource_metrics }
}

fn logs(count: usize, project: Option<&str>) -> ExportLogsServiceRequest {
    let record = |at| LogRecord { time_unix_nano: at as u64 + 1, ..LogRecord::default() };
    let log_records = (0..count).map(record).collect();
    let scope_logs = vec![ScopeLogs { log_records, ..ScopeLogs::default() }];
    let resource = resource(project);
    let resource_logs = vec![ResourceLogs { resource, scope_logs, ..ResourceLogs::default() }];
    ExportLogsServiceRequest { resource_logs }
}

/// How many rows of a project a table has.
async fn stored(running: &Running, table: &str, project: &str) -> u64 {
    let query = SqlQuery {
        text: format!("SELECT count() FROM {table}"),
        scope: Scope::Project(project.to_owned()),
        rows_max: 1,
        time_max: Duration::from_secs(10),
    };
    match running.store.query(&query).await.unwrap().rows[0][0] {
        Cell::UInt(count) => count,
        Cell::Int(count) => u64::try_from(count).unwrap(),
        ref other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn http_takes_both_encodings_and_answers_in_kind() {
    let running = Running::new(CollectorSettings::default()).await;
    let (gauges, records) = (metrics(&[Some(0.5), Some(1.0)], Some("p")), logs(3, Some("p")));
    for (path, protobuf, json) in [
        ("/v1/metrics", gauges.encode_to_vec(), serde_json::to_vec(&gauges).unwrap()),
        ("/v1/logs", records.encode_to_vec(), serde_json::to_vec(&records).unwrap()),
    ] {
        let answer = post_to(running.http, path, PROTOBUF, &protobuf).await;
        assert_eq!((answer.status, answer.body.as_slice()), (200, &b""[..]), "{path}");
        assert!(answer.head.contains(PROTOBUF), "{}", answer.head);
        let answer = post_to(running.http, path, JSON, &json).await;
        assert_eq!((answer.status, answer.json()), (200, json!({})), "{path}");
        for (headers, body) in
            [(PROTOBUF, &b"\xff"[..]), (JSON, b"{\"resourceMetrics\":7,\"resourceLogs\":7}")]
        {
            let answer = post_to(running.http, path, headers, body).await;
            assert_eq!(answer.status, 400, "{path}");
        }
    }
    assert_eq!(
        stored(&running, "otel_metrics_gauge", "p").await,
        2,
        "the same points are there once"
    );
    assert_eq!(stored(&running, "otel_logs", "p").await, 6);
    let counters = |count| Counters { received: count, stored: count, ..Counters::default() };
    assert_eq!(running.collector.counters(SignalKind::Metrics), counters(4));
    assert_eq!(running.collector.counters(SignalKind::Logs), counters(6));
    assert_eq!(running.collector.counters(SignalKind::Traces), Counters::default());
}

#[tokio::test]
async fn grpc_takes_every_compression() {
    let running = Running::new(CollectorSettings::default()).await;
    let channel = connect(&running).await;
    for compression in [None, Some(CompressionEncoding::Gzip), Some(CompressionEncoding::Zstd)] {
        let (mut metrics_client, mut logs_client) =
            (MetricsServiceClient::new(channel.clone()), LogsServiceClient::new(channel.clone()));
        if let Some(compression) = compression {
            metrics_client = metrics_client.send_compressed(compression);
            logs_client = logs_client.send_compressed(compression);
        }
        let answer = metrics_client.export(metrics(&[Some(0.5)], Some("p"))).await.unwrap();
        assert_eq!(answer.into_inner().partial_success, None);
        let answer = logs_client.export(logs(1, Some("p"))).await.unwrap();
        assert_eq!(answer.into_inner().partial_success, None);
    }
    assert_eq!(stored(&running, "otel_metrics_gauge", "p").await, 1);
    assert_eq!(stored(&running, "otel_logs", "p").await, 3);
}

#[tokio::test]
async fn what_is_dropped_is_counted_and_reported() {
    let running = Running::new(CollectorSettings::default()).await;
    let mut gauges = metrics(&[Some(0.5), None, None], Some("p"));
    gauges.resource_metrics.extend(metrics(&[Some(1.0)], None).resource_metrics);
    let mut records = logs(1, Some("p"));
    records.resource_logs.extend(logs(2, Some("")).resource_logs);

    let answer = post_to(running.http, "/v1/metrics", PROTOBUF, &gauges.encode_to_vec()).await;
    let partial = ExportMetricsServiceResponse::decode(&answer.body[..]).unwrap().partial_success;
    let partial = partial.unwrap();
    assert_eq!(partial.rejected_data_points, 3);
    assert_eq!(
        partial.error_message,
        "1 data points lack the resource attribute project.id; 2 data points have no time, no \
         value or a count above 2^63"
    );
    let body = serde_json::to_vec(&gauges).unwrap();
    let answer = post_to(running.http, "/v1/metrics", JSON, &body).await;
    assert_eq!(answer.json()["partialSuccess"]["rejectedDataPoints"], "3");

    let answer = post_to(running.http, "/v1/logs", PROTOBUF, &records.encode_to_vec()).await;
    let partial = ExportLogsServiceResponse::decode(&answer.body[..]).unwrap().partial_success;
    assert_eq!(partial.unwrap().rejected_log_records, 2);
    let body = serde_json::to_vec(&records).unwrap();
    let answer = post_to(running.http, "/v1/logs", JSON, &body).await;
    assert_eq!(answer.json()["partialSuccess"]["rejectedLogRecords"], "2");

    let channel = connect(&running).await;
    let answer = MetricsServiceClient::new(channel).export(gauges).await.unwrap().into_inner();
    assert_eq!(answer.partial_success.unwrap().rejected_data_points, 3);
    let expected = Counters {
        received: 12,
        stored: 3,
        dropped_by_filter: 3,
        dropped_malformed: 6,
        ..Counters::default()
    };
    assert_eq!(running.collector.counters(SignalKind::Metrics), expected);
    let expected = Counters { received: 6, stored: 2, dropped_by_filter: 4, ..Counters::default() };
    assert_eq!(running.collector.counters(SignalKind::Logs), expected);
}

#[tokio::test]
async fn a_json_value_that_cannot_be_read_is_reported_and_never_just_gone() {
    let running = Running::new(CollectorSettings::default()).await;
    let point = |value: serde_json::Value| {
        let mut point = json!({ "timeUnixNano": "5" });
        point.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
        point
    };
    let body = json!({ "resourceMetrics": [{
        "resource": { "attributes": [{ "key": "project.id", "value": { "stringValue": "p" } }] },
        "scopeMetrics": [{ "metrics": [
            { "name": "g", "gauge": { "dataPoints": [
                point(json!({ "asDouble": 1 })),
                point(json!({ "asInt": "9007199254740993" })),
                point(json!({ "asInt": 7 })),
                point(json!({ "asDouble": "many" })),
                point(json!({ "asDouble": null })),
            ] } },
            { "name": "later", "kindOfTheFuture": { "dataPoints": [{}] } },
            { "name": "h", "histogram": { "aggregationTemporality": 2, "dataPoints": [
                point(json!({ "count": 3, "sum": 2, "bucketCounts": ["1", 2], "explicitBounds": [1] })),
            ] } },
        ] }],
    }] });
    let answer = post_to(running.http, "/v1/metrics", JSON, body.to_string().as_bytes()).await;
    assert_eq!(answer.json()["partialSuccess"]["rejectedDataPoints"], "3", "{:?}", answer.json());
    assert_eq!(stored(&running, "otel_metrics_gauge", "p").await, 3);
    assert_eq!(stored(&running, "otel_metrics_histogram", "p").await, 1);
}

#[tokio::test]
async fn the_senders_project_is_written_over_what_it_says() {
    let running = Running::new(CollectorSettings::default()).await;
    let sender = Sender::Of("mine".into());
    let pipeline = &running.collector.pipeline;
    for claimed in [Some("theirs"), None] {
        let request = metrics(&[Some(1.0)], claimed);
        pipeline.take::<Metrics>(Some(&sender), request, pipeline.reserve()).await.unwrap();
        let request = logs(1, claimed);
        pipeline.take::<Logs>(Some(&sender), request, pipeline.reserve()).await.unwrap();
    }
    assert_eq!(stored(&running, "otel_metrics_gauge", "mine").await, 1);
    assert_eq!(stored(&running, "otel_logs", "mine").await, 2);
    for table in ["otel_metrics_gauge", "otel_logs"] {
        assert_eq!(stored(&running, table, "theirs").await, 0);
    }
    // Whoever was not looked at has nothing taken.
    let request = logs(1, Some("p"));
    assert!(pipeline.take::<Logs>(None, request, pipeline.reserve()).await.is_err());
}

#[tokio::test]
async fn a_store_that_fails_is_worth_another_try_and_one_that_refuses_is_not() {
    for (error, status, code) in
        [(disk_full(), 503, Code::Unavailable), (bad_row(), 400, Code::InvalidArgument)]
    {
        let store = Arc::new(Refusing(error));
        let running = Running::over(CollectorSettings::default(), store).await;
        let body = metrics(&[Some(1.0)], Some("p")).encode_to_vec();
        let answer = post_to(running.http, "/v1/metrics", PROTOBUF, &body).await;
        assert_eq!((answer.status, answer.rpc_status().code), (status, code as i32));
        assert_eq!(answer.head.contains("retry-after: 1"), status == 503);
        let channel = connect(&running).await;
        let refused = LogsServiceClient::new(channel).export(logs(2, Some("p"))).await;
        assert_eq!(refused.unwrap_err().code(), code);
        let counters = running.collector.counters(SignalKind::Metrics);
        assert_eq!((counters.stored, counters.refused_by_store), (0, 1));
        assert_eq!(running.collector.counters(SignalKind::Logs).refused_by_store, 2);
    }
}

#[tokio::test]
async fn what_a_request_becomes_is_counted_in_before_it_is_made() {
    let (gauges, records) = (metrics(&[Some(0.5); 50], Some("p")), logs(50, Some("p")));
    let (gauge_bytes, record_bytes) = (gauges.encode_to_vec(), records.encode_to_vec());
    let repeated = (
        crate::convert::metrics::repeated_bytes(&gauges),
        crate::convert::logs::repeated_bytes(&records),
    );
    for (path, body, shape, repeated) in [
        ("/v1/metrics", gauge_bytes, &METRICS, repeated.0),
        ("/v1/logs", record_bytes, &LOGS, repeated.1),
    ] {
        let needed = weigh(&body, shape, usize::MAX) + body.len().max(repeated);
        for (hard_bytes, status) in [(needed, 200), (needed - 1, 413)] {
            let memory = MemoryLimits { soft_bytes: hard_bytes, hard_bytes, poll_every: None };
            let settings = CollectorSettings { memory, ..CollectorSettings::default() };
            let running = Running::new(settings).await;
            let answer = post_to(running.http, path, PROTOBUF, &body).await;
            assert_eq!(answer.status, status, "{path}");
        }
    }
}

#[tokio::test]
async fn points_and_records_beyond_the_limit_are_rejected_and_the_others_kept() {
    let limits = Limits { items_max: 3, ..Limits::default() };
    let settings = CollectorSettings { limits, ..CollectorSettings::default() };
    for (items, rejected) in [(3, 0), (4, 1)] {
        let running = Running::new(settings).await;
        let gauges = serde_json::to_vec(&metrics(&vec![Some(0.5); items], Some("p"))).unwrap();
        let records = serde_json::to_vec(&logs(items, Some("p"))).unwrap();
        for (path, body, field, signal) in [
            ("/v1/metrics", gauges, "rejectedDataPoints", SignalKind::Metrics),
            ("/v1/logs", records, "rejectedLogRecords", SignalKind::Logs),
        ] {
            let answer = post_to(running.http, path, JSON, &body).await.json();
            let told = answer["partialSuccess"][field].as_str().unwrap_or("0").to_owned();
            assert_eq!(told, rejected.to_string(), "{path}");
            let counters = running.collector.counters(signal);
            assert_eq!((counters.stored, counters.dropped_by_limit), (3, rejected), "{path}");
        }
    }
}
