//! What a request may try, in which order.

use std::collections::HashSet;
use std::sync::Arc;

use crate::retry::RetryPolicy;
use crate::strategy::{StickyBy, Strategy};
use crate::target::Target;
use crate::variant::Variant;

/// Attempts that one request may make, unless its chain has more targets than that.
pub const ATTEMPTS_MAX: u32 = 8;

/// What a request may try, in which order. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Whose credential is used; `gateway.routing.path`.
    pub path: RoutingPath,
    /// Which layer resolved the model; `gateway.routing.layer`.
    pub layer: Layer,
    /// The route's or function's name; none in passthrough.
    pub name: Option<Arc<str>>,
    /// The strategy as a whole; several steps form a fallback chain. `gateway.routing.strategy`.
    pub strategy: Strategy,
    /// When and how often a target is asked again.
    pub retry: RetryPolicy,
    /// The stages, tried in order.
    pub steps: Arc<[Step]>,
}

/// Who brings the credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RoutingPath {
    /// The caller.
    Passthrough,
    /// The gateway.
    Managed,
}

/// The layer of the table that resolved a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layer {
    /// A model of a provider.
    Passthrough,
    /// A route, or a target without one.
    Route,
    /// A function.
    Function,
}

/// One stage of a chain: its choices, and how one of them is taken.
#[derive(Clone, Debug)]
pub struct Step {
    /// How a choice is taken.
    pub strategy: Strategy,
    /// What makes two requests the same subject, which gets the same choice; where weights decide.
    pub sticky_by: Option<StickyBy>,
    /// What there is to choose from, in declared order.
    pub choices: Arc<[Choice]>,
}

/// A target, and for experiments the variant that stands for it.
#[derive(Clone, Debug)]
pub struct Choice {
    /// Where the attempt goes.
    pub target: Arc<Target>,
    /// The arm of the experiment.
    pub variant: Option<Arc<Variant>>,
}

// === impl RoutingPath ===

impl RoutingPath {
    /// The value of `gateway.routing.path`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Passthrough => "passthrough",
            Self::Managed => "managed",
        }
    }
}

// === impl Layer ===

impl Layer {
    /// The value of `gateway.routing.layer`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Passthrough => "passthrough",
            Self::Route => "route",
            Self::Function => "function",
        }
    }
}

// === impl Plan ===

impl Plan {
    /// The plan of a passthrough request: its target once, with the caller's key.
    pub fn passthrough(target: Arc<Target>) -> Self {
        Self {
            path: RoutingPath::Passthrough,
            layer: Layer::Passthrough,
            name: None,
            strategy: Strategy::Single,
            retry: RetryPolicy { max_retries: 0, ..RetryPolicy::default() },
            steps: [Step::of_targets(Strategy::Single, [target])].into(),
        }
    }

    /// The plan of a route or a function. Several steps form a fallback chain.
    pub fn managed(
        layer: Layer,
        name: Arc<str>,
        retry: RetryPolicy,
        steps: impl Into<Arc<[Step]>>,
    ) -> Self {
        let steps = steps.into();
        let strategy = match &*steps {
            [only] => only.strategy,
            _ => Strategy::Fallback,
        };
        Self { path: RoutingPath::Managed, layer, name: Some(name), strategy, retry, steps }
    }

    /// The different targets an attempt may go to, in declared order.
    pub fn targets(&self) -> Vec<&Arc<Target>> {
        let choices = self.steps.iter().flat_map(Step::eligible);
        let mut targets: Vec<_> = choices.map(|choice| &choice.target).collect();
        // Most plans have one, which need not be told from others.
        if targets.len() > 1 {
            let mut seen = HashSet::new();
            targets.retain(|target| seen.insert(&*target.name));
        }
        targets
    }

    /// The most attempts this plan can lead to: each target once, its retries, and the degraded
    /// one, but no more than [`ATTEMPTS_MAX`] where the chain itself isn't longer.
    pub fn attempts_max(&self) -> u32 {
        let targets = u32::try_from(self.targets().len()).unwrap_or(u32::MAX);
        let degraded = u32::from(targets > 1);
        let once_each = targets.saturating_add(degraded);
        let retries = targets.saturating_mul(self.retry.max_retries);
        once_each.saturating_add(retries).min(ATTEMPTS_MAX.max(once_each))
    }
}

// === impl Step ===

impl Step {
    /// A stage that chooses among named targets.
    pub fn of_targets(strategy: Strategy, targets: impl IntoIterator<Item = Arc<Target>>) -> Self {
        let choices = targets.into_iter().map(|target| Choice { target, variant: None });
        Self { strategy, sticky_by: None, choices: choices.collect() }
    }

    /// A stage that chooses among the variants of an experiment.
    pub fn of_variants(variants: impl IntoIterator<Item = (Arc<Variant>, Arc<Target>)>) -> Self {
        let choices =
            variants.into_iter().map(|(variant, target)| Choice { target, variant: Some(variant) });
        Self { strategy: Strategy::Experiment, sticky_by: None, choices: choices.collect() }
    }

    /// The same stage, with the same choice for the same subject.
    #[must_use]
    pub fn sticky(self, sticky_by: Option<StickyBy>) -> Self {
        Self { sticky_by, ..self }
    }

    /// The strategy and what it goes by, for people.
    pub fn describe(&self) -> String {
        match &self.sticky_by {
            None => self.strategy.name().to_owned(),
            Some(by) => format!("{}, sticky by {by}", self.strategy.name()),
        }
    }

    /// The choices that can be taken at all: a weight of zero is never drawn.
    pub(crate) fn eligible(&self) -> impl Iterator<Item = &Choice> + Clone {
        let limit = if self.strategy == Strategy::Single { 1 } else { usize::MAX };
        let weighted = self.strategy.is_weighted();
        self.choices.iter().take(limit).filter(move |choice| !weighted || choice.weight() > 0)
    }
}

// === impl Choice ===

impl Choice {
    /// The weight that counts: the variant's in an experiment, else the target's.
    pub fn weight(&self) -> u32 {
        self.variant.as_ref().map_or(self.target.weight, |variant| variant.weight)
    }

    /// What it is called where it is one arm of several.
    pub(crate) fn arm(&self) -> &str {
        self.variant.as_ref().map_or(&self.target.name, |variant| &variant.name)
    }
}
