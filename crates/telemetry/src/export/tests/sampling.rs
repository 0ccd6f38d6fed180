//! Whole traces are kept or left out, by their ids alone.

use std::sync::Arc;

use super::{exporters, settings, span};
use crate::export::{Counts, Queue, QueueSettings};
use crate::span::{Pipeline, Span, TraceId};

fn queue(sample_ratio: f64) -> Arc<Queue> {
    Queue::new("q", QueueSettings { sample_ratio, ..settings(100_000) })
}

fn of_trace(trace: u128) -> Span {
    Span { trace_id: TraceId::new(trace), ..span(1, Pipeline::GenAi) }
}

fn counts(ratio: f64, traces: &[u128]) -> Counts {
    let queue = queue(ratio);
    exporters(&queue, None).submit(traces.iter().copied().map(of_trace).collect());
    queue.counts()
}

#[test]
fn every_trace_none_or_its_share_is_taken_and_the_rest_is_no_loss() {
    let traces: Vec<u128> = (0_u128..10_000)
        .map(|id| (id + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
        .collect();
    let all = Counts { queued: 10_000, ..Counts::default() };
    assert_eq!(counts(1.0, &traces), all);
    assert_eq!(counts(0.0, &traces), Counts { unsampled: 10_000, ..Counts::default() });
    let tenth = counts(0.1, &traces);
    assert_eq!(tenth.queued as u64 + tenth.unsampled, 10_000);
    assert!((900..1_100).contains(&tenth.queued), "{tenth:?}");
    assert_eq!(tenth.dropped_full + tenth.dropped_refused, 0);
}

#[test]
fn the_decision_is_the_sdks_the_lower_63_bits_below_the_share_of_them() {
    // The last bit and the upper half do not count.
    let last_in = (0x3fff_ffff_ffff_f000_u128 << 1) | 1;
    let first_out = 0x4000_0000_0000_0000_u128 << 1;
    for upper in [0, u128::from(u64::MAX) << 64] {
        assert_eq!(counts(0.5, &[upper | last_in]).queued, 1);
        assert_eq!(counts(0.5, &[upper | first_out]).unsampled, 1);
    }
}

#[test]
fn all_spans_of_a_trace_share_its_fate_in_every_queue_of_the_same_share() {
    for trace in (1_u128..200).map(|id| id << 57 | id) {
        let pair = [trace, trace];
        let (one, other) = (counts(0.5, &pair), counts(0.5, &pair));
        assert_eq!(one, other);
        assert!(one.queued == 2 || one.unsampled == 2, "{one:?}");
    }
}
