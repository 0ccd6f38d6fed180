//! Rules for `targets`, `routes` and `functions`: references, exclusivity, weights.

use tollgate_routing::{StickyBy, Strategy};

use super::providers::model_name;
use super::{Findings, distinct, not_empty};
use crate::error::{Place, Problem};
use crate::fields::{Entry, Located};
use crate::model::{Document, FunctionEntry, RouteEntry, StepEntry, TargetEntry};
use crate::registry::Registry;
use crate::suggest;

type Names = Located<Vec<Located<String>>>;

struct Rules<'d, 'f> {
    registry: Registry<'d>,
    targets: &'d [Entry<TargetEntry>],
    findings: &'f mut Findings,
}

pub(super) fn run(document: &Document, findings: &mut Findings) {
    let registry = Registry::new(&document.providers);
    let mut rules = Rules { registry, targets: &document.targets, findings };
    for target in &document.targets {
        rules.serves(target.value.model.as_ref(), target.value.provider.as_ref());
    }
    for route in &document.routes {
        rules.route(route);
    }
    for function in &document.functions {
        rules.function(function);
    }
}

// === impl Rules ===

impl Rules<'_, '_> {
    fn report(&mut self, problem: Problem) {
        self.findings.problems.push(problem);
    }

    fn serves(&mut self, model: Option<&Located<String>>, provider: Option<&Located<String>>) {
        if let Some(model) = model
            && let Err(problem) = self.registry.find(model, provider)
        {
            self.report(problem);
        }
    }

    fn route(&mut self, route: &Entry<RouteEntry>) {
        let RouteEntry { models, strategy, targets, steps, .. } = &route.value;
        if let Some(models) = models
            && not_empty(models, &mut self.findings.problems)
        {
            distinct(&models.value, "model", &mut self.findings.problems);
            for model in &models.value {
                model_name(model, &mut self.findings.problems);
            }
        }
        self.sticky(strategy.as_ref(), route.value.sticky_by.as_ref(), steps.is_some());
        if let Some(targets) = targets {
            self.stage(strategy.as_ref(), targets);
        }
        // With both, one of them has to go first: that is reported already.
        if targets.is_none() {
            self.steps(strategy.as_ref(), steps.as_ref());
        }
    }

    fn function(&mut self, function: &Entry<FunctionEntry>) {
        let entry = &function.value;
        let strategy = entry.strategy.as_ref();
        if entry.written.len() != 1 {
            let message = match &entry.written[..] {
                [] => "says nowhere where its requests go".to_owned(),
                ways => format!("has {} at once", ways.join(" and ")),
            };
            let hint = "a function has exactly one of `models`, `targets`, `steps`, `variants`";
            self.report(Problem::new(&function.place, message).hint(hint));
            return;
        }
        let experiment = strategy.is_some_and(|it| it.value == Strategy::Experiment);
        let variants = entry.written == ["variants"];
        if let Some(strategy) = strategy
            && experiment != variants
        {
            let message = if variants {
                "variants need `strategy: experiment`"
            } else {
                "an experiment needs `variants`"
            };
            self.report(Problem::new(&strategy.place, message));
            return;
        }
        self.sticky(strategy, entry.sticky_by.as_ref(), entry.steps.is_some());
        if let Some(models) = &entry.models {
            self.inline_models(strategy, models);
        }
        if let Some(targets) = &entry.targets {
            self.stage(strategy, targets);
        }
        self.steps(strategy, entry.steps.as_ref());
        if variants {
            self.variants(function);
        }
    }

    fn variants(&mut self, function: &Entry<FunctionEntry>) {
        let variants = &function.value.variants;
        for variant in variants {
            self.serves(variant.value.model.as_ref(), variant.value.provider.as_ref());
        }
        let weight = |weight: &Option<Located<u32>>| weight.as_ref().map_or(1, |it| it.value);
        if !variants.is_empty() && variants.iter().all(|it| weight(&it.value.weight) == 0) {
            self.all_zero(&function.place);
        }
        for variant in variants.iter().filter(|it| weight(&it.value.weight) == 0) {
            let name = &variant.name;
            self.never_drawn(&variant.place, &format!("variant `{name}`"));
        }
        if variants.is_empty() {
            let message = "an experiment has at least one variant";
            self.report(Problem::new(&function.place, message));
        }
    }

    fn inline_models(&mut self, strategy: Option<&Located<Strategy>>, models: &Names) {
        if not_empty(models, &mut self.findings.problems) {
            distinct(&models.value, "model", &mut self.findings.problems);
            for model in &models.value {
                self.serves(Some(model), None);
            }
            self.single(strategy, models);
        }
    }

    fn steps(
        &mut self,
        strategy: Option<&Located<Strategy>>,
        steps: Option<&Located<Vec<Located<StepEntry>>>>,
    ) {
        let Some(steps) = steps else { return };
        if let Some(strategy) = strategy
            && strategy.value != Strategy::Fallback
        {
            let message = "steps always form a fallback chain";
            let hint = "write `strategy: fallback`, or leave it out: each step has its own";
            self.report(Problem::new(&strategy.place, message).hint(hint));
        }
        if steps.value.is_empty() {
            self.report(Problem::new(&steps.place, "the list is empty"));
        }
        for step in &steps.value {
            self.sticky(step.value.strategy.as_ref(), step.value.sticky_by.as_ref(), false);
            if let Some(targets) = &step.value.targets {
                self.stage(step.value.strategy.as_ref(), targets);
            }
        }
    }

    /// Whose request it is matters only where weights decide.
    fn sticky(
        &mut self,
        strategy: Option<&Located<Strategy>>,
        sticky_by: Option<&Located<StickyBy>>,
        has_steps: bool,
    ) {
        let Some(sticky_by) = sticky_by else { return };
        let (message, hint) = if has_steps {
            ("`sticky_by` beside `steps` has nothing to decide", "write it into a weighted step")
        } else if strategy.is_some_and(|it| !it.value.is_weighted()) {
            let hint = "change the strategy, or leave `sticky_by` out";
            ("`sticky_by` needs `strategy: weighted` or `experiment`", hint)
        } else {
            return;
        };
        self.report(Problem::new(&sticky_by.place, message).hint(hint));
    }

    /// One strategy over named targets.
    fn stage(&mut self, strategy: Option<&Located<Strategy>>, names: &Names) {
        if !not_empty(names, &mut self.findings.problems) {
            return;
        }
        distinct(&names.value, "target", &mut self.findings.problems);
        let mut weights = Vec::new();
        for name in &names.value {
            match self.targets.iter().find(|target| target.name == name.value) {
                Some(target) => {
                    weights.push((name, target.value.weight.as_ref().map_or(1, |it| it.value)));
                }
                None => {
                    let message = format!("no target is called `{}`", name.value);
                    let hint =
                        suggest::hint(&name.value, self.targets.iter().map(|it| it.name.as_str()));
                    self.report(Problem::new(&name.place, message).maybe_hint(hint));
                }
            }
        }
        self.single(strategy, names);
        if strategy.is_some_and(|it| it.value == Strategy::Weighted) {
            self.weights(names, &weights);
        }
    }

    fn weights(&mut self, names: &Names, weights: &[(&Located<String>, u32)]) {
        let all_known = weights.len() == names.value.len();
        if all_known && weights.iter().all(|(_, weight)| *weight == 0) {
            self.all_zero(&names.place);
            return;
        }
        for (name, _) in weights.iter().filter(|(_, weight)| *weight == 0) {
            self.never_drawn(&name.place, &format!("target `{}`", name.value));
        }
    }

    fn single(&mut self, strategy: Option<&Located<Strategy>>, names: &Names) {
        if strategy.is_some_and(|it| it.value == Strategy::Single) && names.value.len() > 1 {
            let message = format!("`strategy: single` takes one, not {}", names.value.len());
            let hint = "use `fallback` or `weighted` to have several";
            self.report(Problem::new(&names.place, message).hint(hint));
        }
    }

    fn all_zero(&mut self, place: &Place) {
        let problem = Problem::new(place, "all weights are 0: nothing can be drawn");
        self.report(problem.hint("give at least one a weight above 0"));
    }

    fn never_drawn(&mut self, place: &Place, what: &str) {
        let warning = Problem::new(place, format!("{what} has weight 0 and is never drawn"));
        self.findings.warnings.push(warning);
    }
}
