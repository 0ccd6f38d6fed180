//! Metrics that are pushed: each pipeline's own, with the exporter's resource.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::export::{MetricsPush, OtlpProtocol};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::{AggregationTemporality, metric::Data};

use super::PATIENCE;
use super::backend::{Backend, otlp};
use crate::export::{Exporters, end_metrics, metrics_reader};
use crate::metrics::{Metrics, Reload};
use crate::span::Pipeline;

fn names(request: &ExportMetricsServiceRequest) -> BTreeSet<String> {
    let scopes = request.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics);
    scopes.flat_map(|scope| &scope.metrics).map(|metric| metric.name.clone()).collect()
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
        let read = metrics.render();
        let line = read.lines().find(|line| line.starts_with("gateway_in_flight")).unwrap();
        assert!(line.ends_with(" 3"), "and read all the same: {line}");
    }
}
