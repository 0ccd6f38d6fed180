//! From a model's name to the first attempt, in a table of 1,000 routes. The promise: a microsecond at most.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use tollgate_bench::routing::{ROUTES, first, model, table};
use tollgate_routing::FailureKind;

fn bench(criterion: &mut Criterion) {
    let table = table();
    let mut group = criterion.benchmark_group("resolve and select");
    for (name, model, found) in [
        ("weighted route", "vendor/some-longer-model-name-998", true),
        ("fallback route", "vendor/some-longer-model-name-999", true),
        ("by prefix", "route::route-998", true),
        ("function", "function-7", true),
        ("passthrough", "vendor/passed-through-model-999", true),
        ("unknown", "vendor/no-such-model", false),
    ] {
        assert_eq!(first(&table, model).is_some(), found, "a wrong answer is not worth timing");
        group.bench_function(name, |bencher| bencher.iter(|| first(&table, model)));
    }
    // Each model in its turn: nothing is still warm in the nearest cache.
    let models: Vec<String> = (0..ROUTES).map(model).collect();
    let mut turn = models.iter().cycle();
    group.bench_function("every route in turn", |bencher| {
        bencher.iter(|| turn.next().and_then(|model| first(&table, model)));
    });
    group.finish();
    criterion.bench_function("next target after a failure", |bencher| {
        let prepared = || first(&table, "vendor/some-longer-model-name-998");
        bencher.iter_batched(
            prepared,
            |prepared| {
                let (mut attempts, _) = prepared?;
                attempts.failed(FailureKind::Credential.into(), 0.5);
                attempts.next(black_box(0.6))
            },
            BatchSize::SmallInput,
        );
    });
}

criterion_group!(benches, bench);
criterion_main!(benches);
