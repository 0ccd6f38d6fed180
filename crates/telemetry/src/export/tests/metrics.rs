//! Metrics that are pushed: each pipeline's own, with the exporter's resource.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::export::{MetricsPush, OtlpProtocol};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::{AggregationTemporality, metric::Data};

use super::PATIENCE;
use super::backend::{Backend, otlp};
use crate::export::{Exporters, end_metrics, metrics_reader};
use crate::genai::{Call, GenAi, Http, Outcome, StreamTiming};
use crate::metrics::{Metrics, Reload, Retries};
use crate::span::{Pipeline, SpanId};
use crate::trace_context::TraceContext;

fn names(request: &ExportMetricsServiceRequest) -> BTreeSet<String> {
    let scopes = request.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics);
    scopes.flat_map(|scope| &scope.metrics).map(|metric| metric.name.clone()).collect()
}

/// A call with gaps of two lengths.
fn stream() -> Call {
    let genai = GenAi {
        operation: "chat",
        request_model: "m".into(),
        stream: true,
        outcome: Outcome::Complete,
        timing: Some(StreamTiming {
            first_content: Some(Duration::from_secs(1)),
            ..StreamTiming::default()
        }),
        gaps: vec![(Duration::from_millis(3), 40), (Duration::from_secs(3), 2)],
        ..GenAi::default()
    };
    Call {
        trace: TraceContext::root(1),
        http_span: SpanId::new(1),
        genai_span: SpanId::new(2),
        start_ns: 0,
        end_ns: 1,
        http: Http { route: "/v1/chat/completions", ..Http::default() },
        genai: Some(Box::new(genai)),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_gateways_metrics_are_pushed_with_its_resource_and_once_more_at_the_end() {
    for protocol in [OtlpProtocol::Grpc, OtlpProtocol::Http] {
        let backend = Backend::default();
        let base = format!("http://{}", backend.start(None).await);
        let mut settings = otlp(protocol, &base);
        assert!(metrics_reader("q", &settings, Pipeline::Application).unwrap().is_none(), "off");
        let mut connection = settings.traces.clone();
        connection.endpoint = connection.endpoint.replace("traces", "metrics");
        settings.metrics = Some(MetricsPush { connection, interval: Duration::from_millis(100) });
        let reader = metrics_reader("q", &settings, Pipeline::Application).unwrap().unwrap();
        let metrics = Metrics::pushing(|| 3, Exporters::default(), vec![reader.clone()]).unwrap();
        let until = Instant::now() + PATIENCE;
        while backend.metrics.lock().unwrap().len() < 2 {
            assert!(Instant::now() < until, "{protocol:?}: nothing is pushed");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        metrics.reloaded(Reload::Applied);
        metrics.record(&stream(), &Retries::default());
        let ended = tokio::task::spawn_blocking(move || end_metrics(&reader, PATIENCE)).await;
        ended.unwrap().unwrap();
        let requests = backend.metrics.lock().unwrap();
        let (first, last) = (&requests[0], requests.last().unwrap());
        assert!(names(first).contains("gateway.in_flight"), "{:?}", names(first));
        assert!(names(last).iter().all(|name| name.starts_with("gateway.")), "{:?}", names(last));
        let resource = last.resource_metrics[0].resource.as_ref().unwrap();
        let keys: Vec<_> = resource.attributes.iter().map(|it| it.key.as_str()).collect();
        for key in ["service.name", "service.version", "deployment.environment.name"] {
            assert!(keys.contains(&key), "{keys:?}");
        }
        for metric in &last.resource_metrics[0].scope_metrics[0].metrics {
            if let Some(Data::Sum(sum)) = &metric.data {
                assert_eq!(sum.aggregation_temporality(), AggregationTemporality::Cumulative);
            }
        }
        let all = &last.resource_metrics[0].scope_metrics[0].metrics;
        let Some(Data::Histogram(gaps)) =
            all.iter().find(|it| it.name == "gateway.stream.gap").and_then(|it| it.data.clone())
        else {
            panic!("no gaps: {:?}", names(last));
        };
        assert_eq!(gaps.aggregation_temporality(), AggregationTemporality::Cumulative);
        let point = &gaps.data_points[0];
        assert_eq!((gaps.data_points.len(), point.count), (1, 42));
        assert_eq!((point.min, point.max), (Some(0.003), Some(3.0)));
        assert!((point.sum.unwrap() - 6.12).abs() < 1e-9, "{:?}", point.sum);
        assert_eq!(point.bucket_counts.len(), point.explicit_bounds.len() + 1);
        assert_eq!((point.bucket_counts[2], point.bucket_counts[12]), (40, 2));
        assert!(point.attributes.iter().any(|it| it.key == "gen_ai.request.model"));
        assert!(point.start_time_unix_nano <= point.time_unix_nano);
        let read = metrics.render();
        let line = read.lines().find(|line| line.starts_with("gateway_in_flight")).unwrap();
        assert!(line.ends_with(" 3"), "and read all the same: {line}");
    }
}
