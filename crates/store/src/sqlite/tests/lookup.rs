//! One trace by its id or the beginning of it.

use super::super::{Sqlite, SqliteSettings};
use super::{Fixture, row, trace_id};
use crate::{PREFIX_HEX_MIN, SpanStore, StoreError};

const A: u128 = 0xabcd_0000_0000_0000_0000_0000_0000_0001;
const B: u128 = 0xabce_0000_0000_0000_0000_0000_0000_0002;
const C: u128 = 0xabce_0000_0000_0000_0000_0000_0000_0003;

async fn three() -> Fixture {
    let fixture = Fixture::new();
    fixture.insert(vec![row(A, 1), row(A, 0), row(B, 0), row(C, 0)]).await;
    fixture
}

#[tokio::test]
async fn an_unambiguous_prefix_finds_its_trace_in_order_of_start() {
    let fixture = three().await;
    for prefix in ["abcd", "ABCD", "abcd0000", &trace_id(A)] {
        let spans = fixture.store.trace(prefix).await.unwrap();
        let names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
        assert_eq!(names, ["span 0", "span 1"], "{prefix}");
    }
    assert_eq!(fixture.store.trace("abcf").await, Ok(Vec::new()));
    assert_eq!(fixture.store.trace(&trace_id(A + 1)).await, Ok(Vec::new()));
}

#[tokio::test]
async fn an_ambiguous_prefix_names_the_candidates() {
    let fixture = three().await;
    let error = fixture.store.trace("abce").await.unwrap_err();
    let expected = StoreError::AmbiguousTraceId {
        prefix: "abce".to_owned(),
        candidates: vec![trace_id(B), trace_id(C)],
        more: false,
    };
    assert_eq!(error, expected);
    assert!(error.to_string().contains(&trace_id(C)));
}

#[tokio::test]
async fn of_many_candidates_five_are_named() {
    let fixture = Fixture::new();
    fixture.insert((0..5).map(|n| row(A + n, 0)).collect()).await;
    let named = async || match fixture.store.trace("abcd").await {
        Err(StoreError::AmbiguousTraceId { candidates, more, .. }) => (candidates.len(), more),
        other => panic!("{other:?}"),
    };
    assert_eq!(named().await, (5, false));
    fixture.insert(vec![row(A + 5, 0)]).await;
    assert_eq!(named().await, (5, true));
}

#[tokio::test]
async fn what_is_no_prefix_is_refused() {
    let fixture = three().await;
    let too_long = format!("{}0", trace_id(A));
    for bad in ["", "abc", "abcg", "abc%", too_long.as_str()] {
        let expected = Err(StoreError::BadTraceId { min: PREFIX_HEX_MIN });
        assert_eq!(fixture.store.trace(bad).await, expected, "{bad:?}");
    }
}

#[tokio::test]
async fn of_an_immense_trace_the_first_spans_are_read() {
    let fixture = Fixture::with(SqliteSettings { trace_spans_max: 3, ..SqliteSettings::default() });
    fixture.insert((0..3).rev().map(|span| row(A, span)).collect()).await;
    assert_eq!(fixture.store.trace("abcd").await.unwrap().len(), 3);
    fixture.insert(vec![row(A, 3)]).await;
    let names: Vec<_> =
        fixture.store.trace("abcd").await.unwrap().into_iter().map(|span| span.name).collect();
    assert_eq!(names, ["span 0", "span 1", "span 2"]);
}

#[tokio::test]
async fn a_second_process_can_read_along_and_change_nothing() {
    let fixture = three().await;
    let read_only = SqliteSettings { read_only: true, ..SqliteSettings::default() };
    let onlooker = Sqlite::open(&fixture.path(), read_only.clone()).unwrap();
    assert_eq!(onlooker.trace("abcd").await.unwrap().len(), 2);
    fixture.insert(vec![row(A, 2)]).await;
    assert_eq!(onlooker.trace("abcd").await.unwrap().len(), 3);
    assert!(matches!(onlooker.insert(vec![row(A, 3)]).await, Err(StoreError::ReadOnly { .. })));
    assert!(matches!(onlooker.prune(i64::MAX).await, Err(StoreError::ReadOnly { .. })));
    onlooker.close().await;

    // The gateway has stopped, and its log is gone.
    fixture.store.close().await;
    let onlooker = Sqlite::open(&fixture.path(), read_only.clone()).unwrap();
    assert_eq!(onlooker.trace("abcd").await.unwrap().len(), 3);
    let nowhere = fixture.folder.path().join("none.db");
    let refused = Sqlite::open(&nowhere, read_only).unwrap_err();
    assert!(matches!(refused, StoreError::Unusable { .. }), "{refused}");
    assert!(!nowhere.exists());
}
