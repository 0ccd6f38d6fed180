//! Providers, targets and plans for the tests of this crate.

use std::sync::Arc;
use std::time::Duration;

use tollgate_providers::{AuthStyle, Dialect, Provider, Secret};

use crate::{Credential, Deadlines, Layer, Plan, RetryPolicy, Step, Target, Variant};

pub(crate) fn provider(name: &str, models: &[&str]) -> Arc<Provider> {
    Arc::new(Provider {
        name: name.into(),
        base_url: "http://127.0.0.1:1/v1".parse().unwrap(),
        auth: AuthStyle::Bearer,
        credential: None,
        models: models.iter().map(|model| (*model).into()).collect(),
        dialect: Dialect::Chat,
        capabilities: tollgate_providers::Capabilities::assumed(Dialect::Chat),
        ca_file: None,
        timeout: Duration::from_secs(30),
    })
}

pub(crate) fn target(name: &str, weight: u32) -> Arc<Target> {
    Arc::new(Target {
        name: name.into(),
        provider: provider("acme", &["m"]),
        model: "m".into(),
        weight,
        credential: Credential::Managed(Secret::new("canary")),
        deadlines: Deadlines::default(),
        health: None,
        live: crate::live::LiveSlot::default(),
    })
}

pub(crate) fn passthrough(provider: &Arc<Provider>) -> Vec<Arc<Target>> {
    let target = |model: &Arc<str>| {
        Arc::new(Target {
            name: Arc::clone(&provider.name),
            provider: Arc::clone(provider),
            model: Arc::clone(model),
            weight: 1,
            credential: Credential::Caller,
            deadlines: Deadlines::default(),
            health: None,
            live: crate::live::LiveSlot::default(),
        })
    };
    provider.models.iter().map(target).collect()
}

pub(crate) fn variant(name: &str, weight: u32) -> (Arc<Variant>, Arc<Target>) {
    let params = crate::Params::default();
    let variant = Variant { name: name.into(), weight, total_variants: 2, params };
    (Arc::new(variant), target(name, 1))
}

pub(crate) fn plan(max_retries: u32, steps: Vec<Step>) -> Plan {
    let retry = RetryPolicy { max_retries, ..RetryPolicy::default() };
    Plan::managed(Layer::Route, "r".into(), retry, steps)
}
