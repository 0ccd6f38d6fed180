//! The list of traces: what matches, in which order, how many.

use super::{Fixture, START_NS, at, failed, llm_row, row, with};
use crate::{LIMIT_DEFAULT, LIMIT_MAX, SpanStore, StatusCode, TraceFilter, TraceSummary};

const SECOND_NS: i64 = 1_000_000_000;

/// Ten traces, one a second: the even ones by openai, the odd ones by anthropic; every third failed
/// in its child; session `s{n % 5}`, user `u{n}`.
async fn ten() -> Fixture {
    let fixture = Fixture::new();
    for n in 0..10_u8 {
        let start = START_NS + i64::from(n) * SECOND_NS;
        let root = at(row(u128::from(n) + 1, 0), start);
        let (provider, model) =
            if n % 2 == 0 { ("openai", "gpt-4o") } else { ("anthropic", "claude") };
        let llm = at(llm_row(u128::from(n) + 1, 1, provider, model), start + 5);
        let llm = with(llm, "gen_ai.session.id", &format!("s{}", n % 5));
        let llm = with(llm, "gen_ai.user.id", &format!("u{n}"));
        let llm = if n % 3 == 0 { failed(llm) } else { llm };
        // Children come before their parents, as batches bring them.
        fixture.insert(vec![llm]).await;
        fixture.insert(vec![if n == 9 { failed(root) } else { root }]).await;
    }
    fixture
}

fn numbers(traces: &[TraceSummary]) -> Vec<u8> {
    traces.iter().map(|trace| u8::from_str_radix(&trace.trace_id, 16).unwrap() - 1).collect()
}

async fn found(fixture: &Fixture, change: impl FnOnce(&mut TraceFilter)) -> Vec<u8> {
    let mut filter = TraceFilter::default();
    change(&mut filter);
    numbers(&fixture.store.recent(&filter).await.unwrap())
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[tokio::test]
async fn a_line_says_what_its_spans_say() {
    let fixture = ten().await;
    let traces = fixture.store.recent(&TraceFilter::default()).await.unwrap();
    let expected = TraceSummary {
        trace_id: super::trace_id(10),
        started_ns: START_NS + 9 * SECOND_NS,
        duration_ns: 10_000_005,
        root_name: "span 0".to_owned(),
        spans: 2,
        errors: 2,
        provider: some("anthropic"),
        model: some("claude"),
        input_tokens: Some(100),
        output_tokens: Some(20),
        ttft_seconds: Some(0.25),
        status: StatusCode::Error,
        session: some("s4"),
    };
    assert_eq!(traces[0], expected);
    assert_eq!(numbers(&traces), [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
}

#[tokio::test]
async fn each_condition_alone() {
    let fixture = ten().await;
    assert_eq!(found(&fixture, |f| f.provider = some("openai")).await, [8, 6, 4, 2, 0]);
    assert_eq!(found(&fixture, |f| f.model = some("claude")).await, [9, 7, 5, 3, 1]);
    assert_eq!(found(&fixture, |f| f.session = some("s3")).await, [8, 3]);
    assert_eq!(found(&fixture, |f| f.user = some("u7")).await, [7]);
    assert_eq!(found(&fixture, |f| f.errors_only = true).await, [9, 6, 3, 0]);
    assert_eq!(found(&fixture, |f| f.status = some("error")).await, [9]);
    assert_eq!(found(&fixture, |f| f.status = some("Unset")).await, [8, 7, 6, 5, 4, 3, 2, 1, 0]);
    assert_eq!(found(&fixture, |f| f.status = some("fine")).await, [0; 0]);
    assert_eq!(found(&fixture, |f| f.model = some("gpt")).await, [0; 0]);
    assert_eq!(found(&fixture, |f| f.model = some("' OR 1=1 --")).await, [0; 0]);
}

#[tokio::test]
async fn conditions_together() {
    let fixture = ten().await;
    let openai = |f: &mut TraceFilter| f.provider = some("openai");
    let pair = found(&fixture, |f| {
        openai(f);
        f.errors_only = true;
    });
    assert_eq!(pair.await, [6, 0]);
    let pair = found(&fixture, |f| {
        openai(f);
        f.session = some("s3");
    });
    assert_eq!(pair.await, [8]);
    let every = found(&fixture, |f| {
        f.provider = some("anthropic");
        f.model = some("claude");
        f.session = some("s4");
        f.user = some("u9");
        f.status = some("Error");
        f.errors_only = true;
        f.since_ns = Some(START_NS);
        f.before_ns = Some(START_NS + 10 * SECOND_NS);
    });
    assert_eq!(every.await, [9]);
    let none = found(&fixture, |f| {
        openai(f);
        f.model = some("claude");
    });
    assert_eq!(none.await, [0; 0]);
}

#[tokio::test]
async fn time_ranges_include_their_start_and_not_their_end() {
    let fixture = ten().await;
    let range = |f: &mut TraceFilter| {
        f.since_ns = Some(START_NS + 2 * SECOND_NS);
        f.before_ns = Some(START_NS + 6 * SECOND_NS);
    };
    assert_eq!(found(&fixture, range).await, [5, 4, 3, 2]);
    let with_provider = |f: &mut TraceFilter| {
        range(f);
        f.provider = some("openai");
    };
    assert_eq!(found(&fixture, with_provider).await, [4, 2]);
}

#[tokio::test]
async fn pages_follow_each_other() {
    let fixture = ten().await;
    let mut filter = TraceFilter { limit: 4, ..TraceFilter::default() };
    let mut seen = Vec::new();
    loop {
        let page = fixture.store.recent(&filter).await.unwrap();
        let Some(last) = page.last() else { break };
        filter.before_ns = Some(last.started_ns);
        seen.extend(numbers(&page));
    }
    assert_eq!(seen, [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
}

#[tokio::test]
async fn lists_have_a_default_and_a_largest_length() {
    let fixture = Fixture::new();
    let count = u128::try_from(LIMIT_MAX).unwrap() + 1;
    fixture.insert((0..count).map(|trace| row(trace, 0)).collect()).await;
    let length = async |limit| {
        let filter = TraceFilter { limit, ..TraceFilter::default() };
        fixture.store.recent(&filter).await.unwrap().len()
    };
    assert_eq!(length(LIMIT_MAX).await, LIMIT_MAX);
    assert_eq!(length(LIMIT_MAX + 1).await, LIMIT_MAX);
    assert_eq!(length(usize::MAX).await, LIMIT_MAX);
    assert_eq!(length(0).await, 0);
    let default = fixture.store.recent(&TraceFilter::default()).await.unwrap();
    assert_eq!(default.len(), LIMIT_DEFAULT);
}

#[tokio::test]
async fn a_trace_is_found_under_its_new_start_when_an_earlier_span_arrives() {
    let fixture = Fixture::new();
    fixture.insert(vec![at(llm_row(1, 1, "openai", "gpt-4o"), START_NS + SECOND_NS)]).await;
    fixture.insert(vec![at(row(1, 0), START_NS)]).await;
    let by_model = |f: &mut TraceFilter| f.model = some("gpt-4o");
    assert_eq!(found(&fixture, by_model).await, [0]);
    let at_start = |f: &mut TraceFilter| {
        by_model(f);
        f.before_ns = Some(START_NS + 1);
    };
    assert_eq!(found(&fixture, at_start).await, [0]);
}
