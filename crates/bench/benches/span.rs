//! What the end of a streamed call costs on the request's thread: three spans built and handed to a
//! queue that is emptied meanwhile, and the metrics.
#![allow(clippy::print_stderr, reason = "a program that prints its result")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use tokio::sync::watch;
use tollgate_bench::span::{Telling, call};
use tollgate_telemetry::SpanId;
use tollgate_telemetry::genai::span_tree;
use tollgate_telemetry::metrics::Retries;

fn bench(criterion: &mut Criterion) {
    let Ok(runtime) =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()
    else {
        return;
    };
    let Ok(telling) = Telling::new() else { return };
    let (stop, stopping) = watch::channel(false);
    let draining = telling.drain(&runtime, stopping);
    let (call, retries) = (call(), Retries::default());
    assert_eq!(telling.tell(&call, &retries), 3, "a wrong answer is not worth timing");
    let mut group = criterion.benchmark_group("span");
    group.bench_function("three spans built", |bencher| {
        bencher.iter(|| span_tree(black_box(&call), &mut || SpanId::new(fastrand::u64(1..))));
    });
    group.bench_function("built and handed over, with metrics", |bencher| {
        bencher.iter(|| telling.tell(black_box(&call), &retries));
    });
    group.finish();
    let _gone = stop.send(true);
    let _ended = runtime.block_on(draining);
    eprintln!("{} spans had no room", telling.dropped());
}

criterion_group!(benches, bench);
criterion_main!(benches);
