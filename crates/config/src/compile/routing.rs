//! Targets, routes and functions become the routing table.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tollgate_providers::Provider;
use tollgate_routing::live::LiveSlot;
use tollgate_routing::{
    Credential, Deadlines, Function, Health, Layer, Params, Plan, RetryPolicy, Route, Step,
    StickyBy, Strategy, Table, Target, Variant,
};

use crate::fields::{Entry, Located};
use crate::model::{
    Document, FunctionEntry, HealthEntry, RetryEntry, RouteEntry, StepEntry, TargetEntry,
    VariantEntry,
};
use crate::registry::{CredentialSource, Registry, credential_source, is_open};
use crate::validate::bare_targets;
use crate::vault::Vault;

/// The table, and where the credentials of its targets come from.
pub(super) struct Compiled {
    pub(super) table: Table,
    pub(super) credential_sources: BTreeMap<Arc<str>, String>,
}

struct Compiler<'d> {
    document: &'d Document,
    registry: Registry<'d>,
    providers: HashMap<&'d str, &'d Arc<Provider>>,
    vault: &'d Vault,
    /// Of the named targets.
    targets: HashMap<&'d str, Arc<Target>>,
    retry: RetryPolicy,
    credential_sources: BTreeMap<Arc<str>, String>,
}

/// What a managed target is made of.
struct Parts<'d> {
    name: &'d str,
    model: &'d Located<String>,
    provider: Option<&'d Located<String>>,
    entry: Option<&'d TargetEntry>,
}

/// Stands for a model that callers name.
const ANY_MODEL: &str = "*";

pub(super) fn table<'d>(
    document: &'d Document,
    providers: &'d [Arc<Provider>],
    vault: &'d Vault,
) -> Compiled {
    let mut compiler = Compiler {
        document,
        registry: Registry::new(&document.providers),
        providers: providers.iter().map(|provider| (&*provider.name, provider)).collect(),
        vault,
        targets: HashMap::new(),
        retry: retry(&document.routing.retry, RetryPolicy::default()),
        credential_sources: BTreeMap::new(),
    };
    for Entry { name, value, .. } in &document.targets {
        let Some(model) = &value.model else { continue };
        let provider = value.provider.as_ref();
        if let Some(target) = compiler.target(&Parts { name, model, provider, entry: Some(value) })
        {
            compiler.targets.insert(name, target);
        }
    }
    let mut routes: Vec<Route> = document.routes.iter().map(|it| compiler.route(it)).collect();
    routes.extend(compiler.bare_routes());
    let functions = document.functions.iter().map(|it| compiler.function(it)).collect();
    let passthrough = providers.iter().flat_map(|provider| compiler.passthrough(provider));
    let table = Table::new(passthrough.collect::<Vec<_>>(), routes, functions)
        .with_hosts(providers.iter().map(host));
    let open = document.providers.iter().filter(|entry| is_open(entry));
    let open = open.filter_map(|entry| compiler.providers.get(entry.name.as_str()));
    let table = open.fold(table, |table, provider| {
        table.open(compiler.caller_target(provider, &ANY_MODEL.into()))
    });
    Compiled { table, credential_sources: compiler.credential_sources }
}

// === impl Compiler ===

impl<'d> Compiler<'d> {
    fn target(&mut self, parts: &Parts<'_>) -> Option<Arc<Target>> {
        let provider = self.registry.find(parts.model, parts.provider).ok()?;
        let own = parts.entry.and_then(|entry| entry.credential.as_ref());
        let (credential, source) = match credential_source(own, provider) {
            CredentialSource::Explicit(source) | CredentialSource::Convention { source, .. } => {
                match self.vault.get(&source) {
                    Some(secret) => (Credential::Managed(secret), source.to_string()),
                    None => (Credential::None, "none".to_owned()),
                }
            }
            CredentialSource::None => (Credential::None, "none".to_owned()),
        };
        let name: Arc<str> = parts.name.into();
        self.credential_sources.insert(Arc::clone(&name), source);
        let compiled = Arc::clone(self.providers.get(provider.name.as_str())?);
        let mut deadlines = self.deadlines(&parts.model.value, &compiled);
        if let Some(entry) = parts.entry {
            let ms = |ms: Option<u64>| ms.map(Duration::from_millis);
            deadlines.head = ms(entry.timeout_ms).unwrap_or(deadlines.head);
            deadlines.first_token = ms(entry.first_token_timeout_ms);
            deadlines.idle = ms(entry.idle_timeout_ms).unwrap_or(deadlines.idle);
            deadlines.total = ms(entry.total_timeout_ms).unwrap_or(deadlines.total);
        }
        let weight = parts.entry.and_then(|entry| entry.weight.as_ref());
        Some(Arc::new(Target {
            name,
            provider: compiled,
            model: parts.model.value.as_str().into(),
            weight: weight.map_or(1, |weight| weight.value),
            credential,
            deadlines,
            health: self.health(parts.entry),
            live: LiveSlot::default(),
        }))
    }

    /// When a target is ejected: what it says itself counts, then what is said for all.
    fn health(&self, entry: Option<&TargetEntry>) -> Option<Health> {
        let all = self.document.routing.health;
        let own = entry.map(|entry| entry.health).unwrap_or_default();
        if !own.written && !all.written {
            return None;
        }
        let HealthEntry { eject_after, eject_ms, .. } = HealthEntry {
            written: true,
            eject_after: own.eject_after.or(all.eject_after),
            eject_ms: own.eject_ms.or(all.eject_ms),
        };
        let health = Health {
            eject_after: eject_after.unwrap_or(Health::EJECT_AFTER),
            eject: eject_ms.map_or(Health::EJECT, Duration::from_millis),
        };
        (health.eject_after > 0).then_some(health)
    }

    /// The deadlines of a model at a provider, before a target says otherwise.
    fn deadlines(&self, model: &str, provider: &Provider) -> Deadlines {
        let own = self.document.models.iter().find(|entry| entry.name == model);
        let own = own.and_then(|entry| entry.value.timeout_ms).map(Duration::from_millis);
        Deadlines { head: own.unwrap_or(provider.timeout), ..Deadlines::default() }
    }

    fn passthrough(&self, provider: &Arc<Provider>) -> Vec<Arc<Target>> {
        provider.models.iter().map(|model| self.caller_target(provider, model)).collect()
    }

    fn caller_target(&self, provider: &Arc<Provider>, model: &Arc<str>) -> Arc<Target> {
        Arc::new(Target {
            name: Arc::clone(&provider.name),
            provider: Arc::clone(provider),
            model: Arc::clone(model),
            weight: 1,
            credential: Credential::Caller,
            deadlines: self.deadlines(model, provider),
            health: None,
            live: LiveSlot::default(),
        })
    }

    fn route(&self, entry: &Entry<RouteEntry>) -> Route {
        let RouteEntry {
            endpoint, models, strategy, sticky_by, targets, steps, retry: own, ..
        } = &entry.value;
        let name: Arc<str> = entry.name.as_str().into();
        let models = models.iter().flat_map(|models| &models.value);
        let steps = match targets {
            Some(targets) => vec![self.step(strategy.as_ref(), sticky_by.as_ref(), targets)],
            None => self.steps(steps.as_ref()),
        };
        let mut plan =
            Plan::managed(Layer::Route, Arc::clone(&name), retry(own, self.retry), steps);
        if let Some(strategy) = strategy {
            plan.strategy = strategy.value;
        }
        Route {
            name,
            models: models.map(|model| model.value.as_str().into()).collect(),
            endpoint: Some(endpoint.unwrap_or_default()),
            plan,
        }
    }

    /// One route for each target that nothing else names, for every kind of endpoint: a target has
    /// none.
    fn bare_routes(&self) -> Vec<Route> {
        let bare = bare_targets(self.document);
        let named = self.document.targets.iter().filter(|it| bare.contains(it.name.as_str()));
        let route = |target: &Arc<Target>| {
            let name = Arc::clone(&target.name);
            let step = Step::of_targets(Strategy::Single, [Arc::clone(target)]);
            let plan = Plan::managed(Layer::Route, Arc::clone(&name), self.retry, [step]);
            let models = vec![Arc::clone(&target.model)];
            Route { name, models, endpoint: None, plan }
        };
        named.filter_map(|it| self.targets.get(it.name.as_str())).map(route).collect()
    }

    fn function(&mut self, entry: &'d Entry<FunctionEntry>) -> Function {
        let function = &entry.value;
        let name: Arc<str> = entry.name.as_str().into();
        let strategy = function.strategy.as_ref();
        let sticky_by = function.sticky_by.as_ref();
        let sticky = |step: Step| step.sticky(sticky_by.map(|by| by.value.clone()));
        let steps = if let Some(targets) = &function.targets {
            vec![self.step(strategy, sticky_by, targets)]
        } else if let Some(models) = &function.models {
            let targets: Vec<Arc<Target>> = models
                .value
                .iter()
                .filter_map(|model| {
                    let name = model.value.as_str();
                    self.target(&Parts { name, model, provider: None, entry: None })
                })
                .collect();
            vec![sticky(Step::of_targets(strategy_of(strategy), targets))]
        } else if function.variants.is_empty() {
            self.steps(function.steps.as_ref())
        } else {
            vec![sticky(self.experiment(&function.variants))]
        };
        let mut plan = Plan::managed(
            Layer::Function,
            Arc::clone(&name),
            retry(&function.retry, self.retry),
            steps,
        );
        if let Some(strategy) = strategy {
            plan.strategy = strategy.value;
        }
        Function { name, endpoint: function.endpoint.unwrap_or_default(), plan }
    }

    fn experiment(&mut self, variants: &'d [Entry<VariantEntry>]) -> Step {
        let total_variants = u32::try_from(variants.len()).unwrap_or(u32::MAX);
        let mut compiled = Vec::new();
        for Entry { name, value, .. } in variants {
            let Some(model) = &value.model else { continue };
            let parts = Parts { name, model, provider: value.provider.as_ref(), entry: None };
            let Some(target) = self.target(&parts) else { continue };
            let variant = Variant {
                name: name.as_str().into(),
                weight: value.weight.as_ref().map_or(1, |weight| weight.value),
                total_variants,
                params: Params { temperature: value.temperature, max_tokens: value.max_tokens },
            };
            compiled.push((Arc::new(variant), target));
        }
        Step::of_variants(compiled)
    }

    fn steps(&self, steps: Option<&Located<Vec<Located<StepEntry>>>>) -> Vec<Step> {
        let steps = steps.iter().flat_map(|steps| &steps.value);
        let step = |step: &Located<StepEntry>| {
            let targets = step.value.targets.as_ref()?;
            let StepEntry { strategy, sticky_by, .. } = &step.value;
            Some(self.step(strategy.as_ref(), sticky_by.as_ref(), targets))
        };
        steps.filter_map(step).collect()
    }

    fn step(
        &self,
        strategy: Option<&Located<Strategy>>,
        sticky_by: Option<&Located<StickyBy>>,
        names: &Located<Vec<Located<String>>>,
    ) -> Step {
        let targets = names.value.iter().filter_map(|name| self.targets.get(name.value.as_str()));
        Step::of_targets(strategy_of(strategy), targets.cloned())
            .sticky(sticky_by.map(|by| by.value.clone()))
    }
}

/// Where requests go that name no model. The provider's own credential is used where the file gives
/// it one, else the caller's.
fn host(provider: &Arc<Provider>) -> Arc<Target> {
    Arc::new(Target {
        name: Arc::clone(&provider.name),
        provider: Arc::clone(provider),
        model: "".into(),
        weight: 1,
        credential: provider.credential.clone().map_or(Credential::Caller, Credential::Managed),
        deadlines: Deadlines { head: provider.timeout, ..Deadlines::default() },
        health: None,
        live: LiveSlot::default(),
    })
}

fn strategy_of(written: Option<&Located<Strategy>>) -> Strategy {
    written.map_or(Strategy::Fallback, |strategy| strategy.value)
}

fn retry(own: &RetryEntry, default: RetryPolicy) -> RetryPolicy {
    RetryPolicy {
        max_retries: own.max_retries.unwrap_or(default.max_retries),
        backoff_base: own.backoff_base_ms.map_or(default.backoff_base, Duration::from_millis),
        retryable_status: own.retryable_status.unwrap_or(default.retryable_status),
    }
}
