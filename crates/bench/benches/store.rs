//! What the embedded store takes for the rows of one write, in one durable transaction: a few as of
//! a quiet gateway, many as of a busy one. How it holds a load and answers over a million spans is
//! another bench, `cargo bench -p tollgate-collector --bench store`.

use std::cell::Cell;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use tempfile::TempDir;
use tollgate_bench::rows::rows;
use tollgate_store::{SpanStore, Sqlite, SqliteSettings};

fn bench(criterion: &mut Criterion) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return;
    };
    let Ok(folder) = TempDir::new() else { return };
    let Ok(store) = Sqlite::open(&folder.path().join("spans.db"), SqliteSettings::default()) else {
        return;
    };
    // Every row that was ever made has ids of its own.
    let next = Cell::new(0);
    let mut group = criterion.benchmark_group("store");
    for requests in [1, 32, 1_024] {
        let fresh = || rows(next.replace(next.get() + requests), requests);
        let new = runtime.block_on(store.insert(fresh()));
        assert_eq!(new.ok(), Some(requests * 2), "a wrong answer is not worth timing");
        group.throughput(Throughput::Elements(requests * 2));
        group.bench_function(format!("{} rows", requests * 2), |bencher| {
            bencher.iter_batched(
                fresh,
                |rows| runtime.block_on(store.insert(rows)),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
    runtime.block_on(store.close());
}

criterion_group!(benches, bench);
criterion_main!(benches);
