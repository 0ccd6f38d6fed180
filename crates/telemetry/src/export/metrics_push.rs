//! Metrics to an OTLP backend, every so often, besides being read at `/metrics`.
//!
//! Cumulative: an export that fails loses nothing that the next one does not tell.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::reader::MetricReader as _;
use opentelemetry_sdk::metrics::{PeriodicReader, Temporality};
use tokio::runtime::Handle;

use super::connection::Connection;
use super::otlp::resource;
use super::{ExportError, OtlpSettings};
use crate::metrics::Gaps;
use crate::span::Pipeline;

/// The method of the metrics service.
const METHOD: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
/// What the names of metrics about model calls begin with.
const GENAI: &str = "gen_ai.";

/// A reader of metrics that exports them.
#[derive(Clone)]
pub struct MetricsReader {
    periodic: PeriodicReader<MetricsExporter>,
    besides: Besides,
}

/// What is pushed beside the SDK's instruments, once it is known.
type Besides = Arc<OnceLock<Gaps>>;

/// Exports the metrics of one pipeline to an OTLP backend.
pub(crate) struct MetricsExporter {
    name: String,
    besides: Besides,
    connection: Connection,
    resource: Resource,
    pipeline: Pipeline,
    runtime: Handle,
}

/// The reader for what `settings` say, if they want metrics; needs a tokio runtime. `name` is the
/// exporter's in logs.
///
/// # Errors
/// An endpoint, header or certificate that cannot be used.
pub fn metrics_reader(
    name: &str,
    settings: &OtlpSettings,
    pipeline: Pipeline,
) -> Result<Option<MetricsReader>, ExportError> {
    let Some(push) = &settings.metrics else { return Ok(None) };
    let besides = Besides::default();
    let exporter = MetricsExporter {
        name: name.to_owned(),
        besides: Arc::clone(&besides),
        connection: Connection::new(&push.connection)?,
        resource: (&resource(settings)).into(),
        pipeline,
        runtime: Handle::current(),
    };
    let periodic = PeriodicReader::builder(exporter).with_interval(push.interval).build();
    Ok(Some(MetricsReader { periodic, besides }))
}

/// Exports once more, for at most `max`, and never again. Blocks; not for a runtime's thread.
///
/// # Errors
/// The last metrics were not taken.
pub fn end_metrics(reader: &MetricsReader, max: Duration) -> Result<(), ExportError> {
    reader.periodic.shutdown_with_timeout(max).map_err(ExportError::unavailable)
}

// === impl MetricsReader ===

impl MetricsReader {
    /// From now on `gaps` are pushed, too.
    pub(crate) fn push_besides(&self, gaps: &Gaps) {
        // Those of the first metrics that it reads stay.
        let _known = self.besides.set(gaps.clone());
    }

    /// As the SDK knows it.
    pub(crate) fn into_periodic(self) -> PeriodicReader<MetricsExporter> {
        self.periodic
    }
}

// === impl MetricsExporter ===

impl MetricsExporter {
    /// The pipeline's own metrics, as the backend takes them.
    fn request(&self, metrics: &ResourceMetrics) -> ExportMetricsServiceRequest {
        let mut request = ExportMetricsServiceRequest::from(metrics);
        for of_resource in &mut request.resource_metrics {
            of_resource.resource = Some(self.resource.clone());
            // All instruments have one scope.
            if let Some(scope) = of_resource.scope_metrics.first_mut() {
                scope.metrics.extend(self.besides.get().and_then(Gaps::otlp));
            }
            for scope in &mut of_resource.scope_metrics {
                let genai = self.pipeline == Pipeline::GenAi;
                scope.metrics.retain(|metric| metric.name.starts_with(GENAI) == genai);
            }
            of_resource.scope_metrics.retain(|scope| !scope.metrics.is_empty());
        }
        request.resource_metrics.retain(|of_resource| !of_resource.scope_metrics.is_empty());
        request
    }
}

impl PushMetricExporter for MetricsExporter {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let request = self.request(metrics);
        if request.resource_metrics.is_empty() {
            return Ok(());
        }
        let connection = self.connection.clone();
        // The reader's thread has no runtime; the connection needs one.
        let sent = self.runtime.spawn(async move {
            connection.send::<ExportMetricsServiceResponse>(METHOD, request).await
        });
        let failed = match sent.await {
            Ok(Ok(answer)) => match answer.partial_success {
                Some(part) if part.rejected_data_points > 0 => {
                    format!("{} points refused: {}", part.rejected_data_points, part.error_message)
                }
                _ => return Ok(()),
            },
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        tracing::warn!(exporter = self.name, error = failed, "metrics were not taken");
        Err(OTelSdkError::InternalFailure(failed))
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn temporality(&self) -> Temporality {
        Temporality::Cumulative
    }
}
