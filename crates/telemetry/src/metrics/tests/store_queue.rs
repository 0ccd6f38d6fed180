//! What `/metrics` says of the store's disk queue.

use std::time::Duration;

use crate::export::Exporters;
use crate::metrics::{Metrics, StoreQueueCounts};

#[test]
fn every_count_of_every_lane_is_a_series_and_none_is_there_without_a_queue() {
    let metrics = Metrics::new(|| 0, Exporters::default()).unwrap();
    assert!(!metrics.render().contains("store_queue"));
    let traces = StoreQueueCounts {
        signal: "traces",
        bytes: 11,
        waiting_records: 12,
        waiting_rows: 13,
        oldest: Duration::from_millis(1_500),
        appended_rows: 21,
        sent_rows: 22,
        dropped_rows: 23,
        set_aside_rows: 25,
        retries: 24,
        refused_full: 31,
        refused_disk: 32,
        cut_bytes: 41,
        damaged_bytes: 42,
    };
    let logs = StoreQueueCounts { signal: "logs", bytes: 7, retries: 8, ..Default::default() };
    metrics.observe_store_queue(move || [traces, logs]);
    let text = metrics.render();
    for (name, label, signal, value) in [
        ("bytes", "", "traces", "11"),
        ("bytes", "", "logs", "7"),
        ("waiting_records", "", "traces", "12"),
        ("waiting", "", "traces", "13"),
        ("waiting", "", "logs", "0"),
        ("oldest_age_seconds", "", "traces", "1.5"),
        ("oldest_age_seconds", "", "logs", "0"),
        ("rows_total", "result=\"appended\"", "traces", "21"),
        ("rows_total", "result=\"sent\"", "traces", "22"),
        ("rows_total", "result=\"dropped\"", "traces", "23"),
        ("rows_total", "result=\"set_aside\"", "traces", "25"),
        ("rows_total", "result=\"set_aside\"", "logs", "0"),
        ("retries_total", "", "traces", "24"),
        ("retries_total", "", "logs", "8"),
        ("refusals_total", "reason=\"full\"", "traces", "31"),
        ("refusals_total", "reason=\"disk\"", "traces", "32"),
        ("lost_total", "reason=\"cut\"", "traces", "41"),
        ("lost_total", "reason=\"damaged\"", "traces", "42"),
    ] {
        let start = format!("gateway_store_queue_{name}{{");
        let signal = format!("signal=\"{signal}\"");
        let is_it =
            |it: &&str| it.starts_with(&start) && it.contains(label) && it.contains(&signal);
        let found: Vec<_> = text.lines().filter(is_it).collect();
        assert_eq!(found.len(), 1, "{name} {label} {signal}\n{text}");
        assert!(found[0].ends_with(&format!(" {value}")), "{found:?} and not {value}");
    }
}
