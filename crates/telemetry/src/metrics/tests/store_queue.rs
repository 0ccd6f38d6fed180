//! What `/metrics` says of the store's disk queue.

use std::time::Duration;

use crate::export::Exporters;
use crate::metrics::{Metrics, StoreQueueCounts};

#[test]
fn every_count_of_the_disk_queue_is_a_series_and_none_is_there_without_a_queue() {
    let metrics = Metrics::new(|| 0, Exporters::default()).unwrap();
    assert!(!metrics.render().contains("store_queue"));
    metrics.observe_store_queue(|| StoreQueueCounts {
        bytes: 11,
        waiting_records: 12,
        waiting_rows: 13,
        oldest: Duration::from_millis(1_500),
        appended_rows: 21,
        sent_rows: 22,
        dropped_rows: 23,
        retries: 24,
        refused_full: 31,
        refused_disk: 32,
        cut_bytes: 41,
        damaged_bytes: 42,
    });
    let text = metrics.render();
    for (name, label, value) in [
        ("bytes", "", "11"),
        ("waiting_records", "", "12"),
        ("waiting", "", "13"),
        ("oldest_age_seconds", "", "1.5"),
        ("rows_total", "result=\"appended\"", "21"),
        ("rows_total", "result=\"sent\"", "22"),
        ("rows_total", "result=\"dropped\"", "23"),
        ("retries_total", "", "24"),
        ("refusals_total", "reason=\"full\"", "31"),
        ("refusals_total", "reason=\"disk\"", "32"),
        ("lost_total", "reason=\"cut\"", "41"),
        ("lost_total", "reason=\"damaged\"", "42"),
    ] {
        let start = format!("gateway_store_queue_{name}{{");
        let found: Vec<_> =
            text.lines().filter(|it| it.starts_with(&start) && it.contains(label)).collect();
        assert_eq!(found.len(), 1, "{name} {label}\n{text}");
        assert!(found[0].ends_with(&format!(" {value}")), "{found:?} and not {value}");
    }
}
