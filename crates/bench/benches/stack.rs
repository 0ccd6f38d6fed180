//! One request through the whole stack, with no I/O: nothing configured, and every layer on with a
//! hit, a miss, what is not looked for in the cache, a text that is redacted and one that is blocked.
//! The promise: five microseconds at most.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use tollgate_bench::stack::{admit, body, request, stack};
use tower::ServiceExt;

fn stacks(c: &mut Criterion) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return;
    };
    let (sure, unsure) = (body("0", ""), body("0.7", ""));
    let (redacted, blocked) = (body("0.7", "write to bob@example.com"), body("0", "internal only"));
    let (warm, cold) = (stack(true), stack(true));
    admit(&runtime, &warm, &sure);
    let cases = [
        ("nothing configured", &stack(false), &sure),
        ("all layers, hit", &warm, &sure),
        ("all layers, skip", &cold, &unsure),
        ("all layers, redacted", &cold, &redacted),
        ("all layers, blocked", &cold, &blocked),
    ];
    let mut group = c.benchmark_group("stack");
    for (name, stack, body) in cases {
        group.bench_function(name, |b| {
            b.iter_batched(
                || request(body),
                |request| black_box(runtime.block_on(stack.clone().oneshot(request))),
                BatchSize::SmallInput,
            );
        });
    }
    // Each asks for something else: those that are timed together would wait for one another.
    let mut number = 0_u64;
    group.bench_function("all layers, miss", |b| {
        b.iter_batched(
            || {
                number += 1;
                request(&body("0", &number.to_string()))
            },
            |request| black_box(runtime.block_on(cold.clone().oneshot(request))),
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

criterion_group!(benches, stacks);
criterion_main!(benches);
