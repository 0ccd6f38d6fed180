//! What a store takes, at the last value that it does and the first that it does not.

use super::*;
use crate::StoreError;

fn point(point: Point) -> MetricRow {
    MetricRow {
        origin: Arc::default(),
        metric: Arc::default(),
        attributes: Vec::new(),
        start_ns: 0,
        time_ns: 0,
        flags: 0,
        point,
        exemplars: Vec::new(),
    }
}

fn is_bad(checked: &Result<(), StoreError>) -> bool {
    matches!(checked, Err(StoreError::BadRow { .. }))
}

#[test]
fn a_count_has_at_most_63_bits() {
    let most = i64::MAX as u64;
    for (count, bad) in [(0, false), (most, false), (most + 1, true)] {
        let summary = Distribution { count, ..Distribution::default() };
        let histogram = Point::Histogram {
            summary,
            bucket_counts: vec![u64::MAX],
            explicit_bounds: Vec::new(),
            temporality: 2,
        };
        let exponential = |summary, zero_count| Point::ExponentialHistogram {
            summary,
            scale: 0,
            zero_count,
            positive: Buckets::default(),
            negative: Buckets::default(),
            temporality: 1,
        };
        for kind in [
            histogram,
            exponential(summary, 0),
            exponential(Distribution::default(), count),
            Point::Summary { count, sum: 0.0, quantiles: Vec::new() },
        ] {
            assert_eq!(is_bad(&point(kind).check()), bad, "{count}");
        }
    }
}

#[test]
fn times_are_not_before_1970() {
    for (time_ns, start_ns, bad) in [(0, 0, false), (-1, 0, true), (0, -1, true)] {
        let row = MetricRow { time_ns, start_ns, ..point(Point::Gauge { value: 1.0 }) };
        assert_eq!(is_bad(&row.check()), bad);
    }
    assert!(is_bad(&LogRow { timestamp_ns: -1, ..LogRow::default() }.check()));
}

#[test]
fn ids_are_lower_case_hexadecimal_digits_or_empty() {
    let (trace, span) = ("0a".repeat(16), "0b".repeat(8));
    for (trace_id, span_id, bad) in [
        ("", "", false),
        (trace.as_str(), span.as_str(), false),
        (&trace[1..], "", true),
        ("", &span.to_uppercase(), true),
    ] {
        let (trace_id, span_id) = (trace_id.to_owned(), span_id.to_owned());
        let log =
            LogRow { trace_id: trace_id.clone(), span_id: span_id.clone(), ..LogRow::default() };
        assert_eq!(is_bad(&log.check()), bad);
        let exemplars = vec![ExemplarRow { trace_id, span_id, ..ExemplarRow::default() }];
        let row = MetricRow { exemplars, ..point(Point::Gauge { value: 1.0 }) };
        assert_eq!(is_bad(&row.check()), bad);
    }
}
