//! The same over every table there is: spans, five kinds of points, log records, and joins of them.

use proptest::prelude::*;

use super::{MARKER, OURS, STORES, shows_marker};
use crate::sql::Scope;

const METRIC_TEXTS: &[&str] = &[
    "MetricName",
    "MetricUnit",
    "Attributes['note']",
    "toString(StartTimeUnix)",
    "ScopeVersion",
    "ScopeAttributes['team']",
];
const LOG_TEXTS: &[&str] =
    &["Body", "SeverityText", "LogAttributes['note']", "EventName", "ScopeAttributes['team']"];
const TABLES: [(&str, &[&str]); 7] = [
    ("otel_traces", &["SpanName", "StatusMessage", "SpanAttributes['note']"]),
    ("otel_metrics_gauge", METRIC_TEXTS),
    ("otel_metrics_sum", METRIC_TEXTS),
    ("otel_metrics_histogram", METRIC_TEXTS),
    ("otel_metrics_exponential_histogram", METRIC_TEXTS),
    ("otel_metrics_summary", METRIC_TEXTS),
    ("otel_logs", LOG_TEXTS),
];
/// Every table has these.
const COMMON: [&str; 4] =
    ["ServiceName", "ScopeName", "ResourceAttributes['zone']", "ResourceAttributes['project.id']"];

/// A generator of queries with two texts, `s` and `p`; the choices are its numbers.
struct Queries(u64);

impl Queries {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        usize::try_from((self.0 >> 33) % end as u64).unwrap()
    }

    fn table(&mut self) -> (String, String) {
        let (table, texts) = TABLES[self.below(TABLES.len())];
        let text = match self.below(3) {
            0 => COMMON[self.below(COMMON.len())],
            _ => texts[self.below(texts.len())],
        };
        let database = ["", "otel."][self.below(2)];
        (format!("{database}{table}"), text.to_owned())
    }

    fn query(&mut self, depth: usize) -> String {
        let Some(depth) = depth.checked_sub(1) else { return self.simple() };
        match self.below(9) {
            0 => self.simple(),
            1 => format!("SELECT s, p FROM ({})", self.query(depth)),
            2 => {
                let join = ["JOIN", "LEFT JOIN"][self.below(2)];
                let on = ["a.p = b.p", "a.s != b.s", "a.s = b.s"][self.below(3)];
                let (a, b) = (self.query(depth), self.query(depth));
                format!("SELECT a.s AS s, b.p AS p FROM ({a}) AS a {join} ({b}) AS b ON {on}")
            }
            3 => {
                let (a, b) = (self.query(depth), self.query(depth));
                format!("SELECT s, p FROM ({a}) UNION ALL SELECT s, p FROM ({b})")
            }
            4 => format!(
                "WITH w AS ({}) SELECT x.s AS s, y.p AS p FROM w AS x JOIN w AS y ON x.p = y.p",
                self.query(depth)
            ),
            5 => {
                let not = ["", "NOT "][self.below(2)];
                let (a, b) = (self.query(depth), self.query(depth));
                format!("SELECT s, p FROM ({a}) AS q WHERE s {not}IN (SELECT s FROM ({b}) AS r)")
            }
            6 => format!(
                "SELECT s, (SELECT max(s) FROM ({}) AS m) AS p FROM ({}) AS q",
                self.query(depth),
                self.query(depth)
            ),
            7 => {
                format!("SELECT s, toString(count()) AS p FROM ({}) GROUP BY s", self.query(depth))
            }
            _ => self.tables(),
        }
    }

    fn simple(&mut self) -> String {
        let (table, text) = self.table();
        let condition = ["", " WHERE ServiceName != ''", " WHERE ScopeName LIKE '%s%'"];
        let condition = condition[self.below(condition.len())];
        format!("SELECT {text} AS s, ResourceAttributes['project.id'] AS p FROM {table}{condition}")
    }

    /// Two tables joined as they are.
    fn tables(&mut self) -> String {
        let ((a, text), (b, _)) = (self.table(), self.table());
        let join = ["JOIN", "LEFT JOIN"][self.below(2)];
        let on = ["a.ServiceName = b.ServiceName", "a.ServiceName != b.ServiceName"][self.below(2)];
        format!(
            "SELECT a.{text} AS s, b.ServiceName AS p FROM {a} AS a {join} {b} AS b ON {on}",
            // A function's argument has no table before it here.
            text = if text.contains('(') { "ScopeName" } else { &text },
        )
    }
}

fn generated(choices: u64) -> String {
    Queries(choices).query(3)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_query_of_any_table_tells_a_project_anything_of_another(choices in any::<u64>()) {
        let text = generated(choices);
        let seen = STORES.ask(&STORES.both, &text, Scope::Project(OURS.to_owned()));
        prop_assert!(!shows_marker(&seen), "{text}\n{seen:?}");
        let alone = STORES.ask(&STORES.ours, &text, Scope::All);
        prop_assert_eq!(&seen.rows, &alone.rows, "{}", text);
    }
}

#[test]
fn the_queries_of_the_property_would_show_what_is_not_hidden_in_every_table() {
    let queries: Vec<_> = (0..400).map(generated).collect();
    for (table, _) in TABLES {
        let mut of_table = queries.iter().filter(|text| text.contains(table));
        let shown = of_table.any(|text| shows_marker(&STORES.ask(&STORES.both, text, Scope::All)));
        assert!(shown, "nothing of {table} shows {MARKER} without a scope");
    }
}

#[test]
fn everything_of_a_point_or_a_log_record_is_hidden() {
    for (table, _) in TABLES {
        let text = format!("SELECT * FROM {table}");
        let all = STORES.ask(&STORES.both, &text, Scope::All);
        assert!(shows_marker(&all), "{table}");
        let seen = STORES.ask(&STORES.both, &text, Scope::Project(OURS.to_owned()));
        assert_eq!(seen.rows, STORES.ask(&STORES.ours, &text, Scope::All).rows, "{table}");
        for nobody in ["", "nobody", "it", "' OR 1 = 1 --", "theirs\0", "\\' OR 1=1 --"] {
            let seen = STORES.ask(&STORES.both, &text, Scope::Project(nobody.to_owned()));
            assert!(seen.rows.is_empty(), "{table} {nobody:?}");
        }
    }
}
