//! How long things take, printed and not judged: machines differ. Run with `--no-capture`; how
//! many spans is set by `STORE_SPEED_SPANS`.

use std::time::{Duration, Instant};

use super::{Fixture, START_NS, at, llm_row, pairs, row, trace_id};
use crate::{Pairs, SpanRow, SpanStore, TraceFilter};

const SPANS_DEFAULT: u64 = 100_000;
const BATCH_SPANS: usize = 2048;

type Change = fn(&mut TraceFilter);

/// Four spans to a trace, one trace a millisecond, twenty-odd attributes on the GenAI span.
fn span(n: u64) -> SpanRow {
    // Scattered ids, as they are in life.
    let trace = u128::from(n / 4 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    let start = START_NS + i64::try_from(n / 4).unwrap() * 1_000_000;
    if n % 4 != 1 {
        return at(row(trace, n % 4), start);
    }
    let (provider, model) =
        [("openai", "gpt-4o"), ("anthropic", "claude")][usize::from(n % 8 == 1)];
    let mut row = at(llm_row(trace, 1, provider, model), start);
    row.attributes.extend(pairs::<Pairs>(&[
        ("gen_ai.session.id", &format!("session-{}", n / 400)),
        ("gen_ai.user.id", &format!("user-{}", n % 997)),
    ]));
    row.attributes
        .extend((0..12).map(|k| (format!("gateway.attribute.{k}").into(), format!("value {n}"))));
    row
}

#[tokio::test]
async fn a_large_store_answers_fast() {
    let spans = std::env::var("STORE_SPEED_SPANS").ok().and_then(|spans| spans.parse().ok());
    let spans: u64 = spans.unwrap_or(SPANS_DEFAULT);
    let fixture = Fixture::new();
    let mut writing = Duration::ZERO;
    let mut next = 0;
    while next < spans {
        let batch: Vec<_> = (next..spans).take(BATCH_SPANS).map(span).collect();
        next += batch.len() as u64;
        let started = Instant::now();
        assert_eq!(fixture.insert(batch.clone()).await, batch.len() as u64);
        writing += started.elapsed();
    }
    let per_second = spans as f64 / writing.as_secs_f64();
    let bytes = fixture.path().metadata().unwrap().len() / spans;
    eprintln!("{spans} spans: {per_second:.0} spans/s, {bytes} bytes/span");

    let filters: [(&str, Change); 5] = [
        ("recent", |_| {}),
        ("by model", |f| f.model = Some("claude".to_owned())),
        ("by user", |f| f.user = Some("user-5".to_owned())),
        ("by provider, errors only", |f| {
            f.provider = Some("openai".to_owned());
            f.errors_only = true;
        }),
        ("before the middle", |f| f.before_ns = Some(START_NS + 10_000_000_000)),
    ];
    for (name, change) in filters {
        let mut filter = TraceFilter::default();
        change(&mut filter);
        let (mut best, mut found) = (Duration::MAX, 0);
        for _ in 0..5 {
            let started = Instant::now();
            found = fixture.store.recent(&filter).await.unwrap().len();
            best = best.min(started.elapsed());
        }
        eprintln!("{name}: {found} traces in {best:?}");
    }
    let mut worst = Duration::ZERO;
    for n in (0..spans).step_by(usize::try_from(spans / 50).unwrap()) {
        let trace = trace_id(u128::from_str_radix(&span(n).trace_id, 16).unwrap());
        let started = Instant::now();
        assert_eq!(fixture.store.trace(&trace).await.unwrap().len(), 4);
        worst = worst.max(started.elapsed());
    }
    eprintln!("one trace: {worst:?} at worst");
}
