//! Traces are found by provider and model exactly, whatever stretch they began in.

use rusqlite::Connection;

use super::super::super::{Sqlite, SqliteSettings};
use super::{STRETCH_NS, from_ns};
use crate::sqlite::tests::{Fixture, START_NS, at, llm_row, row, trace_id, with};
use crate::{SpanStore, TraceFilter};

const BEGIN_NS: i64 = from_ns(START_NS) + STRETCH_NS;

fn by_model(model: &str) -> TraceFilter {
    TraceFilter { model: Some(model.to_owned()), ..TraceFilter::default() }
}

async fn found(store: &Sqlite, filter: &TraceFilter) -> Vec<String> {
    let traces = store.recent(filter).await.unwrap();
    traces.into_iter().map(|trace| trace.trace_id).collect()
}

fn ids(traces: &[u128]) -> Vec<String> {
    traces.iter().map(|trace| trace_id(*trace)).collect()
}

fn stretches(fixture: &Fixture) -> i64 {
    let database = Connection::open(fixture.path()).unwrap();
    database.query_row("SELECT count(*) FROM trace_stretches", [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn every_trace_is_found_at_the_edges_of_stretches_latest_first() {
    let fixture = Fixture::new();
    let starts = [-1, 0, 1, STRETCH_NS - 1, STRETCH_NS, 5 * STRETCH_NS].map(|ns| BEGIN_NS + ns);
    for (n, start) in (1..).zip(starts) {
        let other = at(llm_row(n + 100, 0, "p", "other"), start);
        fixture.insert(vec![at(llm_row(n, 0, "p", "m"), start), other]).await;
    }
    assert_eq!(found(&fixture.store, &by_model("m")).await, ids(&[6, 5, 4, 3, 2, 1]));
    assert_eq!(found(&fixture.store, &by_model("none")).await, ids(&[]));
    for (since, before, expected) in [
        (BEGIN_NS, BEGIN_NS + STRETCH_NS, &[4, 3, 2][..]),
        (BEGIN_NS + 1, BEGIN_NS + STRETCH_NS - 1, &[3]),
        (BEGIN_NS + 2, BEGIN_NS + STRETCH_NS - 1, &[]),
        (i64::MIN, BEGIN_NS, &[1]),
        (BEGIN_NS + STRETCH_NS + 1, i64::MAX, &[6]),
    ] {
        let range = (Some(since), Some(before));
        let filter = TraceFilter { since_ns: range.0, before_ns: range.1, ..by_model("m") };
        assert_eq!(found(&fixture.store, &filter).await, ids(expected), "{filter:?}");
    }
    let filter = TraceFilter { limit: 4, ..by_model("m") };
    assert_eq!(found(&fixture.store, &filter).await, ids(&[6, 5, 4, 3]));
    let both = TraceFilter { provider: Some("p".to_owned()), ..by_model("m") };
    assert_eq!(found(&fixture.store, &both).await.len(), 6);
}

#[tokio::test]
async fn traces_of_one_stretch_share_its_line() {
    let fixture = Fixture::new();
    for half in [0, 50] {
        let rows = half..half + 50;
        let row = |n: u128| at(llm_row(n, 0, "p", "m"), BEGIN_NS + i64::try_from(n).unwrap());
        fixture.insert(rows.map(row).collect()).await;
    }
    assert_eq!(stretches(&fixture), 2, "one of the provider and one of the model");
    let filter = TraceFilter { limit: 1_000, ..by_model("m") };
    assert_eq!(found(&fixture.store, &filter).await.len(), 100);
}

#[tokio::test]
async fn a_trace_whose_start_moves_is_found_where_it_begins_now() {
    let fixture = Fixture::new();
    let (late, early) = (BEGIN_NS + 3 * STRETCH_NS, BEGIN_NS);
    fixture.insert(vec![at(llm_row(1, 1, "p", "m"), late)]).await;
    fixture.insert(vec![at(row(1, 0), early)]).await;
    assert_eq!(found(&fixture.store, &by_model("m")).await, ids(&[1]));
    let filter = TraceFilter { before_ns: Some(early + 1), ..by_model("m") };
    assert_eq!(found(&fixture.store, &filter).await, ids(&[1]));
    let filter = TraceFilter { since_ns: Some(early + 1), ..by_model("m") };
    assert_eq!(found(&fixture.store, &filter).await, ids(&[]));
}

#[tokio::test]
async fn conditions_on_facts_hold_together() {
    let fixture = Fixture::new();
    let rows = (1..4).map(|n| {
        let row = llm_row(n, 0, "p", ["m", "mm", "m"][usize::try_from(n).unwrap() - 1]);
        with(row, "gen_ai.user.id", ["a", "a", "b"][usize::try_from(n).unwrap() - 1])
    });
    fixture.insert(rows.collect()).await;
    let user = |user: &str| TraceFilter { user: Some(user.to_owned()), ..by_model("m") };
    assert_eq!(found(&fixture.store, &user("a")).await, ids(&[1]));
    assert_eq!(found(&fixture.store, &user("b")).await, ids(&[3]));
}

#[tokio::test]
async fn stretches_before_the_first_trace_are_swept() {
    let day_ns = 86_400 * 1_000_000_000;
    let settings = SqliteSettings { retention_days: 1, ..SqliteSettings::default() };
    let fixture = Fixture::with(settings);
    let (old, new) = (llm_row(1, 0, "p", "m"), at(llm_row(2, 0, "p", "m"), START_NS + day_ns));
    fixture.insert(vec![old, new.clone()]).await;
    assert_eq!(stretches(&fixture), 4);
    assert_eq!(fixture.store.prune(START_NS + day_ns + 1).await, Ok(1));
    assert_eq!(stretches(&fixture), 2);
    assert_eq!(found(&fixture.store, &by_model("m")).await, ids(&[2]));
    // What the writer knew by heart is written again.
    assert_eq!(fixture.store.prune(START_NS + 3 * day_ns).await, Ok(1));
    assert_eq!(stretches(&fixture), 0);
    fixture.insert(vec![new]).await;
    assert_eq!(stretches(&fixture), 2);
    assert_eq!(found(&fixture.store, &by_model("m")).await, ids(&[2]));
}

#[test]
fn the_schema_has_the_same_stretches() {
    let migration = include_str!("../../schema/004_stretches.sql");
    assert!(migration.contains(&format!("started_ns & ~{}\n", STRETCH_NS - 1)));
    let search = include_str!("../../read.rs");
    assert!(search.contains(&format!("min(f.from_ns + {STRETCH_NS}, ?)")));
    assert_eq!(from_ns(BEGIN_NS + STRETCH_NS - 1), BEGIN_NS);
    assert_eq!(from_ns(i64::MIN), i64::MIN);
}
