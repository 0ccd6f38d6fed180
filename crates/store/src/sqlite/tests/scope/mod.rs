//! Two projects never see each other's spans: generated queries over a store with both projects'
//! rows answer exactly as over a store that has only the one's.

mod queries;
mod tables;

use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use tokio::runtime::Runtime;

use self::queries::generated;
use super::query::asked;
use super::signals::points;
use super::{Fixture, START_NS, pairs};
use crate::sql::{Cell, Scope, SqlQuery, Table};
use crate::{
    EventRow, LinkRow, LogRow, Metric, MetricRow, Origin, Point, SpanKind, SpanRow, SpanStore,
    StatusCode,
};

const OURS: &str = "it's ours";
const THEIRS: &str = "theirs";
/// In every text of the other project's rows.
const MARKER: &str = "SECRET";

/// The same shape in both projects, in the same traces, so that every join finds the other's rows;
/// what there is to see differs.
fn span(project: &str, at: u64) -> SpanRow {
    let ours = project == OURS;
    let word = |text: &str| if ours { text.to_owned() } else { format!("{MARKER} {text}") };
    let number = if ours { at + 1 } else { 1_000_000 + at };
    let attributes = [
        ("gen_ai.provider.name", word("one")),
        ("gen_ai.request.model", word("m")),
        ("gen_ai.request.stream", "true".to_owned()),
        ("gen_ai.usage.input_tokens", number.to_string()),
        ("gen_ai.input.messages", word("hello")),
        ("note", word("n")),
    ];
    SpanRow {
        timestamp_ns: START_NS + i64::try_from(number).unwrap(),
        duration_ns: i64::try_from(number).unwrap(),
        trace_id: format!("{:032x}", at % 3 + 1),
        span_id: format!("{:016x}", at * 2 + u64::from(ours) + 1),
        parent_span_id: if at == 0 { String::new() } else { format!("{:016x}", at) },
        name: word(["a", "b"][at as usize % 2]),
        kind: SpanKind::Client,
        service_name: word("svc"),
        resource_attributes: pairs(&[("project.id", project), ("zone", &word("z"))]),
        trace_state: word("s"),
        scope_name: word("scope"),
        scope_version: word("v"),
        status: if at.is_multiple_of(4) { StatusCode::Error } else { StatusCode::Ok },
        status_message: word("said"),
        attributes: attributes.map(|(key, value)| (key.into(), value)).to_vec(),
        events: vec![EventRow { name: word("e"), timestamp_ns: START_NS, ..EventRow::default() }],
        links: vec![LinkRow { span_id: word("l"), ..LinkRow::default() }],
    }
}

/// The project's points, one of each kind, and a log record, of the same shape in both projects.
fn signals(project: &str, at: u64) -> (Vec<MetricRow>, Vec<LogRow>) {
    let ours = project == OURS;
    let word = |text: &str| if ours { text.to_owned() } else { format!("{MARKER} {text}") };
    let at_ns = START_NS + i64::try_from(at).unwrap();
    let origin = Arc::new(Origin {
        service_name: word("svc"),
        resource_attributes: pairs(&[("project.id", project), ("zone", &word("z"))]),
        scope_name: word("scope"),
        scope_version: word("v"),
        scope_attributes: pairs(&[("team", &word("t"))]),
        ..Origin::default()
    });
    let point = |point: Point| MetricRow {
        origin: Arc::clone(&origin),
        metric: Arc::new(Metric {
            name: word(["m", "n"][at as usize % 2]),
            unit: word("s"),
            ..Metric::default()
        }),
        attributes: pairs(&[("note", &word("n"))]),
        start_ns: START_NS,
        time_ns: at_ns,
        flags: 0,
        point,
        exemplars: Vec::new(),
    };
    let log = LogRow {
        origin: Arc::clone(&origin),
        timestamp_ns: at_ns,
        severity_text: word("INFO"),
        body: word("said"),
        attributes: pairs(&[("note", &word("n"))]),
        event_name: word("e"),
        ..LogRow::default()
    };
    (points().into_iter().map(point).collect(), vec![log])
}

struct Stores {
    runtime: Runtime,
    both: Fixture,
    ours: Fixture,
}

static STORES: LazyLock<Stores> = LazyLock::new(|| {
    let runtime = Runtime::new().unwrap();
    let (both, ours) = (Fixture::new(), Fixture::new());
    runtime.block_on(async {
        for at in 0..8 {
            both.insert(vec![span(THEIRS, at), span(OURS, at)]).await;
            ours.insert(vec![span(OURS, at)]).await;
        }
        for at in 0..4 {
            for (fixture, project) in [(&both, THEIRS), (&both, OURS), (&ours, OURS)] {
                let (points, logs) = signals(project, at);
                fixture.store.insert_metrics(points).await.unwrap();
                fixture.store.insert_logs(logs).await.unwrap();
            }
        }
    });
    Stores { runtime, both, ours }
});

impl Stores {
    fn ask(&self, store: &Fixture, text: &str, scope: Scope) -> Table {
        let query = SqlQuery { scope, rows_max: 100_000, ..asked(text) };
        let answer = self.runtime.block_on(store.store.query(&query));
        let mut table = answer.unwrap_or_else(|error| panic!("{text}: {error}"));
        table.rows.sort_by_key(|row| format!("{row:?}"));
        table
    }
}

fn shows_marker(table: &Table) -> bool {
    let marked = |cell: &Cell| match cell {
        Cell::Text(text) => text.contains(MARKER),
        _ => false,
    };
    table.rows.iter().flatten().any(marked)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_query_tells_a_project_anything_of_another(choices in any::<u64>()) {
        let text = generated(choices);
        let seen = STORES.ask(&STORES.both, &text, Scope::Project(OURS.to_owned()));
        prop_assert!(!shows_marker(&seen), "{text}\n{seen:?}");
        let alone = STORES.ask(&STORES.ours, &text, Scope::All);
        prop_assert_eq!(&seen.rows, &alone.rows, "{}", text);
    }
}

#[test]
fn the_queries_of_the_property_would_show_what_is_not_hidden() {
    let queries: Vec<_> = (0..200).map(generated).collect();
    let open =
        queries.iter().filter(|text| shows_marker(&STORES.ask(&STORES.both, text, Scope::All)));
    let open = open.count();
    assert!(open > 100, "only {open} of {} show the marker without a scope", queries.len());
    for part in
        ["UNION ALL", "WITH ", " JOIN ", "LEFT JOIN", "NOT IN (", "(SELECT max(", "GROUP BY"]
    {
        assert!(queries.iter().any(|text| text.contains(part)), "no query has {part}");
    }
}

#[test]
fn everything_of_a_row_is_hidden() {
    let text = "SELECT * FROM otel_traces";
    let all = STORES.ask(&STORES.both, text, Scope::All);
    assert_eq!(all.rows.len(), 16);
    let seen = STORES.ask(&STORES.both, text, Scope::Project(OURS.to_owned()));
    assert_eq!(seen.rows, STORES.ask(&STORES.ours, text, Scope::All).rows);
    for nobody in ["", "nobody", "it", "it's ours ", "' OR 1 = 1 --", "theirs\0", "\\' OR 1=1 --"] {
        let seen = STORES.ask(&STORES.both, text, Scope::Project(nobody.to_owned()));
        assert!(seen.rows.is_empty(), "{nobody:?}");
    }
}
