//! A table of 1,000 routes, and what a request does with it before its first attempt.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use tollgate_providers::{AuthStyle, Capabilities, Dialect, Provider, Secret};
use tollgate_routing::live::LiveSlot;
use tollgate_routing::{
    Attempt, Attempts, Credential, Deadlines, EndpointKind, Function, Layer, Plan, RetryPolicy,
    Route, Step, Strategy, Table, Target,
};

/// Routes of the table; as many models are passed through.
pub const ROUTES: usize = 1_000;
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

/// Routes, functions and models that pass through.
pub fn table() -> Table {
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
        let models = vec![model(at).into()];
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

/// The model of this route.
pub fn model(route: usize) -> String {
    format!("vendor/some-longer-model-name-{route}")
}

/// What a request does before its first attempt.
pub fn first(table: &Table, model: &str) -> Option<(Attempts, Attempt)> {
    let plan = table.resolve_at(black_box(model), EndpointKind::Chat, None).ok()?;
    let mut attempts = Attempts::new(plan);
    let attempt = attempts.next(black_box(0.6))?;
    Some((attempts, attempt))
}
