//! The gaps of streams, in a histogram of our own: the SDK's takes one value at a time, and a stream has
//! hundreds of gaps of a few lengths. It is shown and pushed beside the SDK's, with the same labels.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::KeyValue;
use opentelemetry_proto::tonic::metrics::v1 as otlp;
use prometheus::core::{Collector, Desc};
use prometheus::proto::{self, LabelPair, MetricFamily, MetricType};

use super::bounds::GAPS;
use super::catalog::Metric;
use super::{METER, SERIES_MAX};

/// The label that the SDK gives the series for all that is too much.
const OVERFLOW: &str = "otel.metric.overflow";
/// The label that says whose instrument it is.
const SCOPE: &str = "otel_scope_name";

/// The histogram: clones are the same one.
#[derive(Clone)]
pub(crate) struct Gaps {
    metric: Metric,
    desc: Arc<Desc>,
    since: SystemTime,
    by_labels: Arc<Mutex<HashMap<Vec<KeyValue>, Arc<GapSeries>>>>,
}

/// The gaps of one set of labels.
#[derive(Default)]
pub(super) struct GapSeries(Mutex<Counted>);

#[derive(Clone, Copy)]
struct Counted {
    /// One for each bound, and one for what is above them.
    buckets: [u64; GAPS.len() + 1],
    count: u64,
    sum: f64,
    min: f64,
    max: f64,
}

// === impl Counted ===

impl Default for Counted {
    fn default() -> Self {
        let buckets = [0; GAPS.len() + 1];
        Self { buckets, count: 0, sum: 0.0, min: f64::MAX, max: f64::MIN }
    }
}

// === impl GapSeries ===

impl GapSeries {
    /// Each length of gap, with how often it was.
    pub(super) fn record(&self, gaps: impl Iterator<Item = (Duration, u64)>) {
        let mut counted = self.lock();
        for (gap, times) in gaps {
            let seconds = gap.as_secs_f64();
            let bucket = GAPS.partition_point(|bound| *bound < seconds);
            if let Some(bucket) = counted.buckets.get_mut(bucket) {
                *bucket += times;
            }
            counted.count += times;
            counted.sum += seconds * times as f64;
            counted.min = counted.min.min(seconds);
            counted.max = counted.max.max(seconds);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Gaps ===

impl Gaps {
    /// With nothing in it.
    ///
    /// # Errors
    /// A name that Prometheus does not take.
    pub(super) fn new() -> Result<Self, String> {
        let metric = Metric::own("gateway.stream.gap");
        let (name, note) = (metric.prometheus_name(), metric.note.to_owned());
        let desc = Desc::new(name, note, Vec::new(), HashMap::new());
        let desc = desc.map_err(|error| error.to_string())?;
        let by_labels = Arc::default();
        Ok(Self { metric, desc: Arc::new(desc), since: SystemTime::now(), by_labels })
    }

    /// The series of these labels, or the one for all that is too much.
    pub(super) fn of(&self, labels: &[KeyValue]) -> Arc<GapSeries> {
        let mut known = self.lock();
        if let Some(series) = known.get(labels) {
            return Arc::clone(series);
        }
        let overflow = || vec![KeyValue::new(OVERFLOW, true)];
        let labels = if known.len() < SERIES_MAX - 1 { labels.to_vec() } else { overflow() };
        Arc::clone(known.entry(labels).or_default())
    }

    /// As OTLP has it; `None` before there was any gap.
    pub(crate) fn otlp(&self) -> Option<otlp::Metric> {
        let (start, now) = (unix_ns(self.since), unix_ns(SystemTime::now()));
        let point = |(labels, counted): (Vec<KeyValue>, Counted)| otlp::HistogramDataPoint {
            attributes: labels.iter().map(Into::into).collect(),
            start_time_unix_nano: start,
            time_unix_nano: now,
            count: counted.count,
            sum: Some(counted.sum),
            bucket_counts: counted.buckets.to_vec(),
            explicit_bounds: GAPS.to_vec(),
            min: Some(counted.min),
            max: Some(counted.max),
            ..Default::default()
        };
        let data_points: Vec<_> = self.counted().into_iter().map(point).collect();
        (!data_points.is_empty()).then(|| otlp::Metric {
            name: self.metric.name.to_owned(),
            description: self.metric.note.to_owned(),
            unit: self.metric.unit.to_owned(),
            data: Some(otlp::metric::Data::Histogram(otlp::Histogram {
                data_points,
                aggregation_temporality: otlp::AggregationTemporality::Cumulative.into(),
            })),
            ..Default::default()
        })
    }

    /// Each series as it is now.
    fn counted(&self) -> Vec<(Vec<KeyValue>, Counted)> {
        let known = self.lock();
        known.iter().map(|(labels, series)| (labels.clone(), *series.lock())).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Vec<KeyValue>, Arc<GapSeries>>> {
        self.by_labels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Collector for Gaps {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let metrics: Vec<_> = self.counted().into_iter().map(prometheus).collect();
        if metrics.is_empty() {
            return Vec::new();
        }
        let mut family = MetricFamily::default();
        family.set_name(self.desc.fq_name.clone());
        family.set_help(self.desc.help.clone());
        family.set_field_type(MetricType::HISTOGRAM);
        family.set_metric(metrics);
        vec![family]
    }
}

fn prometheus((labels, counted): (Vec<KeyValue>, Counted)) -> proto::Metric {
    let mut below = 0;
    let bucket = |(bound, count): (&f64, &u64)| {
        below += count;
        let mut bucket = proto::Bucket::default();
        bucket.set_upper_bound(*bound);
        bucket.set_cumulative_count(below);
        bucket
    };
    let mut histogram = proto::Histogram::default();
    histogram.set_bucket(GAPS.iter().zip(&counted.buckets).map(bucket).collect());
    histogram.set_sample_count(counted.count);
    histogram.set_sample_sum(counted.sum);
    let mut pairs: Vec<_> = labels.iter().map(|it| pair(it.key.as_str(), &it.value)).collect();
    pairs.sort_by(|one, other| one.name().cmp(other.name()));
    pairs.push(pair(SCOPE, &METER));
    let mut metric = proto::Metric::default();
    metric.set_label(pairs);
    metric.set_histogram(histogram);
    metric
}

fn pair(name: &str, value: &impl Display) -> LabelPair {
    let mut pair = LabelPair::default();
    pair.set_name(name.replace('.', "_"));
    pair.set_value(value.to_string());
    pair
}

fn unix_ns(at: SystemTime) -> u64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
