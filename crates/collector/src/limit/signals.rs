//! Where in each signal's request the items, attributes and texts lie.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{Exemplar, Metric};
use opentelemetry_proto::tonic::trace::v1::Span;

use super::{Cut, Limiter};
use crate::Limits;

/// A request of any signal.
pub(crate) trait Limited {
    /// Cuts what is too much, and says how much that was.
    fn limit(&mut self, limits: &Limits) -> Cut;
}

impl Limited for ExportTraceServiceRequest {
    fn limit(&mut self, limits: &Limits) -> Cut {
        let mut limiter = Limiter::new(limits);
        for resource_spans in &mut self.resource_spans {
            limiter.resource(&mut resource_spans.resource);
            for scope_spans in &mut resource_spans.scope_spans {
                limiter.scope(&mut scope_spans.scope);
                limiter.items(&mut scope_spans.spans);
                scope_spans.spans.iter_mut().for_each(|span| limiter.span(span));
            }
        }
        limiter.cut
    }
}

impl Limited for ExportMetricsServiceRequest {
    fn limit(&mut self, limits: &Limits) -> Cut {
        let mut limiter = Limiter::new(limits);
        for resource_metrics in &mut self.resource_metrics {
            limiter.resource(&mut resource_metrics.resource);
            for scope_metrics in &mut resource_metrics.scope_metrics {
                limiter.scope(&mut scope_metrics.scope);
                scope_metrics.metrics.iter_mut().for_each(|metric| limiter.metric(metric));
            }
        }
        limiter.cut
    }
}

impl Limited for ExportLogsServiceRequest {
    fn limit(&mut self, limits: &Limits) -> Cut {
        let mut limiter = Limiter::new(limits);
        for resource_logs in &mut self.resource_logs {
            limiter.resource(&mut resource_logs.resource);
            for scope_logs in &mut resource_logs.scope_logs {
                limiter.scope(&mut scope_logs.scope);
                limiter.items(&mut scope_logs.log_records);
                scope_logs.log_records.iter_mut().for_each(|record| limiter.record(record));
            }
        }
        limiter.cut
    }
}

// === impl Limiter ===

impl Limiter<'_> {
    fn span(&mut self, span: &mut Span) {
        self.text(&mut span.name);
        self.text(&mut span.trace_state);
        if let Some(status) = &mut span.status {
            self.text(&mut status.message);
        }
        self.attributes(&mut span.attributes, &mut span.dropped_attributes_count);
        self.events(&mut span.events, &mut span.dropped_events_count);
        for event in &mut span.events {
            self.text(&mut event.name);
            self.attributes(&mut event.attributes, &mut event.dropped_attributes_count);
        }
        self.events(&mut span.links, &mut span.dropped_links_count);
        for link in &mut span.links {
            self.text(&mut link.trace_state);
            self.attributes(&mut link.attributes, &mut link.dropped_attributes_count);
        }
    }

    fn record(&mut self, record: &mut LogRecord) {
        self.text(&mut record.severity_text);
        self.text(&mut record.event_name);
        if let Some(body) = &mut record.body {
            self.value(body);
        }
        self.attributes(&mut record.attributes, &mut record.dropped_attributes_count);
    }

    fn metric(&mut self, metric: &mut Metric) {
        self.text(&mut metric.name);
        self.text(&mut metric.description);
        self.text(&mut metric.unit);
        self.uncounted(&mut metric.metadata);
        match &mut metric.data {
            Some(Data::Gauge(gauge)) => self
                .points(&mut gauge.data_points, |it| (&mut it.attributes, Some(&mut it.exemplars))),
            Some(Data::Sum(sum)) => self
                .points(&mut sum.data_points, |it| (&mut it.attributes, Some(&mut it.exemplars))),
            Some(Data::Histogram(histogram)) => self.points(&mut histogram.data_points, |it| {
                (&mut it.attributes, Some(&mut it.exemplars))
            }),
            Some(Data::ExponentialHistogram(histogram)) => {
                self.points(&mut histogram.data_points, |it| {
                    (&mut it.attributes, Some(&mut it.exemplars))
                });
            }
            Some(Data::Summary(summary)) => {
                self.points(&mut summary.data_points, |it| (&mut it.attributes, None));
            }
            None => {}
        }
    }

    fn points<P>(
        &mut self,
        points: &mut Vec<P>,
        parts: impl for<'p> Fn(&'p mut P) -> (&'p mut Attributes, Option<&'p mut Vec<Exemplar>>),
    ) {
        self.items(points);
        for point in points {
            let (attributes, exemplars) = parts(point);
            self.uncounted(attributes);
            let Some(exemplars) = exemplars else { continue };
            self.events(exemplars, &mut 0);
            for exemplar in exemplars {
                self.uncounted(&mut exemplar.filtered_attributes);
            }
        }
    }

    /// Attributes of messages that have no place for how many were dropped.
    fn uncounted(&mut self, attributes: &mut Attributes) {
        self.attributes(attributes, &mut 0);
    }
}

type Attributes = Vec<opentelemetry_proto::tonic::common::v1::KeyValue>;
