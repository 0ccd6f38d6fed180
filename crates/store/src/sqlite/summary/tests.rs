//! A trace's line does not depend on the order of its spans, and stays small.

use super::super::tests::{Fixture, START_NS, at, failed, llm_row, row, with};
use super::FACTS_MAX;
use crate::{SpanRow, SpanStore, TraceFilter, TraceSummary};

async fn line(batches: &[&[SpanRow]]) -> TraceSummary {
    let fixture = Fixture::new();
    for batch in batches {
        fixture.insert(batch.to_vec()).await;
    }
    fixture.store.recent(&TraceFilter::default()).await.unwrap().remove(0)
}

#[tokio::test]
async fn every_order_and_every_batching_gives_the_same_line() {
    let spans = [
        row(1, 0),
        with(llm_row(1, 1, "openai", "gpt-4o"), "gen_ai.session.id", "b"),
        with(failed(llm_row(1, 2, "anthropic", "claude")), "gen_ai.session.id", "a"),
        at(with(row(1, 3), "gen_ai.session.id", "a"), START_NS + 1_000_000),
    ];
    let expected = line(&[&spans]).await;
    assert_eq!(expected.root_name, "span 0");
    assert_eq!(expected.model.as_deref(), Some("gpt-4o"));
    assert_eq!(expected.session.as_deref(), Some("a"), "of two at one moment the smaller one");
    let mut orders = 0;
    for i in 0..4 {
        for j in (0..4).filter(|j| *j != i) {
            for k in (0..4).filter(|k| *k != i && *k != j) {
                let order = [i, j, k, 6 - i - j - k].map(|n| spans[n].clone());
                let (head, tail) = order.split_at(orders % 4);
                let batches: Vec<&[SpanRow]> =
                    [head, tail].into_iter().filter(|b| !b.is_empty()).collect();
                assert_eq!(line(&batches).await, expected, "{order:?}");
                orders += 1;
            }
        }
    }
    assert_eq!(orders, 24);
}

#[tokio::test]
async fn without_a_root_the_earliest_and_longest_span_gives_the_name() {
    let mut long = at(row(1, 2), START_NS);
    long.duration_ns += 1;
    let summary = line(&[&[at(row(1, 1), START_NS), long, row(1, 3)]]).await;
    assert_eq!(summary.root_name, "span 2");
    assert_eq!((summary.input_tokens, summary.provider, summary.ttft_seconds), (None, None, None));
}

#[tokio::test]
async fn counts_that_are_none_are_not_counted() {
    for bad in ["-1", "1.5", "many", "", "99999999999999999999"] {
        let mut row = row(1, 0);
        row.attributes.push(("gen_ai.usage.input_tokens".into(), bad.to_owned()));
        row.attributes.push(("gen_ai.server.time_to_first_token".into(), "NaN".to_owned()));
        let summary = line(&[&[row]]).await;
        assert_eq!((summary.input_tokens, summary.ttft_seconds), (None, None), "{bad}");
    }
    let huge = |span| with(row(1, span), "gen_ai.usage.output_tokens", &i64::MAX.to_string());
    assert_eq!(line(&[&[huge(0), huge(1)]]).await.output_tokens, Some(i64::MAX as u64));
}

#[tokio::test]
async fn a_trace_is_found_by_so_many_values_and_no_more() {
    let fixture = Fixture::new();
    let rows = (0..=FACTS_MAX as u64).map(|n| with(row(1, n), "gen_ai.user.id", &format!("u{n}")));
    fixture.insert(rows.collect()).await;
    let found = async |n: usize| {
        let user = Some(format!("u{n}"));
        let filter = TraceFilter { user, ..TraceFilter::default() };
        fixture.store.recent(&filter).await.unwrap().len()
    };
    assert_eq!(found(FACTS_MAX - 1).await, 1);
    assert_eq!(found(FACTS_MAX).await, 0);
    // A session has its own allowance.
    fixture.insert(vec![with(row(1, 1000), "gen_ai.session.id", "s")]).await;
    let filter = TraceFilter { session: Some("s".to_owned()), ..TraceFilter::default() };
    assert_eq!(fixture.store.recent(&filter).await.unwrap().len(), 1);
}
