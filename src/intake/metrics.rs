//! What the collector counts, in Prometheus' text format. Names as in the catalogue of metrics.

use std::fmt::Write;

use tollgate_collector::{Collector, Counters, MemoryUse, SignalKind};
use tollgate_telemetry::metrics::catalog::{Instrument, Metric};

/// One line: its labels, names and values, and its number.
type Row<const L: usize> = ([(&'static str, &'static str); L], u64);

/// A signal's label, and what became of it.
type OfSignal = ((&'static str, &'static str), Counters);

/// Appends the collector's metrics to `text`.
pub(super) fn write(text: &mut String, collector: &Collector) {
    let of = |signal: SignalKind| (("signal", signal.name()), collector.counters(signal));
    let signals = SignalKind::ALL.map(of);
    let rows: Vec<_> = signals.iter().flat_map(items).collect();
    family(text, "gateway.collector.items", &rows);
    let rows: Vec<_> = signals.iter().flat_map(dropped).collect();
    family(text, "gateway.collector.dropped", &rows);
    let rows: Vec<_> = signals.iter().flat_map(cut).collect();
    family(text, "gateway.collector.cut", &rows);
    let refused = collector.refusals().into_iter();
    let refused = refused.map(|(stage, why, count)| ([("stage", stage), ("reason", why)], count));
    family(text, "gateway.collector.requests_refused", &refused.collect::<Vec<_>>());
    let writes = collector.writes().map(|(cause, count)| ([("cause", cause)], count));
    family(text, "gateway.collector.writes", &writes);
    let MemoryUse { in_work_bytes, process_bytes, .. } = collector.memory();
    let memory = [("in_work", in_work_bytes), ("process", process_bytes)];
    let memory = memory.map(|(of, bytes)| ([("of", of)], bytes as u64));
    family(text, "gateway.collector.memory_bytes", &memory);
}

fn items((signal, counters): &OfSignal) -> [Row<2>; 3] {
    [
        ("received", counters.received),
        ("stored", counters.stored),
        ("refused", counters.refused_by_store),
    ]
    .map(|(result, count)| ([*signal, ("result", result)], count))
}

fn dropped((signal, counters): &OfSignal) -> [Row<3>; 3] {
    [
        ("limits", "items_max", counters.dropped_by_limit),
        ("receiver", "malformed", counters.dropped_malformed),
        ("filter", "no_project", counters.dropped_by_filter),
    ]
    .map(|(stage, reason, count)| ([*signal, ("stage", stage), ("reason", reason)], count))
}

fn cut((signal, counters): &OfSignal) -> [Row<2>; 4] {
    [
        ("attributes_max", counters.cut_attributes),
        ("events_max", counters.cut_events),
        ("value_bytes_max", counters.cut_values),
        ("value_depth_max", counters.cut_depths),
    ]
    .map(|(limit, count)| ([*signal, ("limit", limit)], count))
}

fn family<const L: usize>(text: &mut String, name: &str, rows: &[Row<L>]) {
    let Some(metric) = Metric::named(name) else { return };
    let (name, note) = (metric.prometheus_name(), metric.note);
    let kind = if metric.instrument == Instrument::Gauge { "gauge" } else { "counter" };
    // `write!` to a String cannot fail.
    let _ = writeln!(text, "# HELP {name} {note}\n# TYPE {name} {kind}");
    for (labels, count) in rows {
        let labels: Vec<_> =
            labels.iter().map(|(label, value)| format!("{label}=\"{value}\"")).collect();
        let _ = writeln!(text, "{name}{{{}}} {count}", labels.join(","));
    }
}
