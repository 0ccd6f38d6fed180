//! From a model's name to the first attempt, in a table of 1,000 routes. The promise: a microsecond at most.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use tollgate_providers::{AuthStyle, Capabilities, Dialect, Provider, Secret};
use tollgate_routing::live::LiveSlot;
use tollgate_routing::{
    Attempt, Attempts, Credential, Deadlines, EndpointKind, FailureKind, Function, Layer, Plan,
    RetryPolicy, Route, Step, Strategy, Table, Target,
};

/// Routes of the table; as many models are passed through.
const ROUTES: usize = 1_000;
/// Functions of the table.
const FUNCTIONS: usize = 100;
/// Targets of one route.
const TARGETS: usize = 4;

fn provider(models: Vec<Arc<str>>) -> Arc<Provider> {
    Arc::new(Provider {
        name: "acme".into(),
        base_url: "https://api.acme.example/v1".parse().unwrap_or_else(|_| unreachable!()),
        auth: AuthStyle::Bearer,
        credential: None,
        models,
        dialect: Dialect::Chat,
        capabilities: Capabilities::assumed(Dialect::Chat),
        ca_file: None,
        timeout: Duration::from_secs(30),
    })
}

fn target(provider: &Arc<Provider>, name: String, credential: Credential) -> Arc<Target> {
    let name: Arc<str> = name.into();
    Arc::new(Target {
        model: Arc::clone(&name),
        name,
        provider: Arc::clone(provider),
        weight: 3,
        credential,
        deadlines: Deadlines::default(),
        health: None,
        live: LiveSlot::default(),
    })
}

fn table() -> Table {
    let models = (0..ROUTES).map(|at| format!("vendor/passed-through-model-{at}"));
    let provider = provider(models.clone().map(Into::into).collect());
    let step = |at: usize, strategy: Strategy| {
        let managed = Credential::Managed(Secret::new("key"));
        let names = (0..TARGETS).map(|place| format!("target-{at}-{place}"));
        Step::of_targets(strategy, names.map(|name| target(&provider, name, managed.clone())))
    };
    let plan = |layer, name: &Arc<str>, steps: Vec<Step>| {
        Plan::managed(layer, Arc::clone(name), RetryPolicy::default(), steps)
    };
    let strategies = [Strategy::Weighted, Strategy::Fallback];
    let routes = (0..ROUTES).map(|at| {
        let name: Arc<str> = format!("route-{at}").into();
        let models = vec![format!("vendor/some-longer-model-name-{at}").into()];
        let steps = vec![step(at, strategies[at % 2]), step(ROUTES + at, Strategy::Fallback)];
        let plan = plan(Layer::Route, &name, steps);
        Route { name, models, endpoint: Some(EndpointKind::Chat), plan }
    });
    let functions = (0..FUNCTIONS).map(|at| {
        let name: Arc<str> = format!("function-{at}").into();
        let plan = plan(Layer::Function, &name, vec![step(at, Strategy::Weighted)]);
        Function { name, endpoint: EndpointKind::Chat, plan }
    });
    let passthrough = models.map(|model| target(&provider, model, Credential::Caller));
    Table::new(passthrough.collect::<Vec<_>>(), routes.collect(), functions.collect())
}

/// What a request does before its first attempt.
fn first(table: &Table, model: &str) -> Option<(Attempts, Attempt)> {
    let plan = table.resolve_at(black_box(model), EndpointKind::Chat, None).ok()?;
    let mut attempts = Attempts::new(plan);
    let attempt = attempts.next(black_box(0.6))?;
    Some((attempts, attempt))
}

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
    let models = (0..ROUTES).map(|at| format!("vendor/some-longer-model-name-{at}"));
    let models: Vec<String> = models.collect();
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
