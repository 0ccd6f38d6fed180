//! Warnings about targets that cannot serve the kind of endpoint that they are routed for.

use tollgate_routing::EndpointKind;

use super::Findings;
use crate::error::{Place, Problem};
use crate::fields::Located;
use crate::model::{Document, StepEntry};
use crate::registry::{Registry, dialect};

type Names = Located<Vec<Located<String>>>;
type Steps = Located<Vec<Located<StepEntry>>>;

struct Serving<'d> {
    document: &'d Document,
    registry: Registry<'d>,
    warnings: Vec<Problem>,
}

pub(super) fn run(document: &Document, findings: &mut Findings) {
    let registry = Registry::new(&document.providers);
    let mut serving = Serving { document, registry, warnings: Vec::new() };
    for route in &document.routes {
        let entry = &route.value;
        serving.targets(entry.endpoint, entry.targets.as_ref(), entry.steps.as_ref());
    }
    for function in &document.functions {
        let entry = &function.value;
        serving.targets(entry.endpoint, entry.targets.as_ref(), entry.steps.as_ref());
        for model in entry.models.iter().flat_map(|models| &models.value) {
            serving.check(entry.endpoint, model, None, &model.place);
        }
        for variant in &entry.variants {
            let Some(model) = &variant.value.model else { continue };
            serving.check(entry.endpoint, model, variant.value.provider.as_ref(), &variant.place);
        }
    }
    findings.warnings.append(&mut serving.warnings);
}

// === impl Serving ===

impl Serving<'_> {
    fn targets(
        &mut self,
        kind: Option<EndpointKind>,
        targets: Option<&Names>,
        steps: Option<&Steps>,
    ) {
        let steps = steps.into_iter().flat_map(|steps| &steps.value);
        let stages = steps.filter_map(|step| step.value.targets.as_ref());
        for name in targets.into_iter().chain(stages).flat_map(|names| &names.value) {
            let mut targets = self.document.targets.iter();
            let Some(target) = targets.find(|target| target.name == name.value) else { continue };
            let Some(model) = &target.value.model else { continue };
            self.check(kind, model, target.value.provider.as_ref(), &name.place);
        }
    }

    /// A provider that is not found is reported elsewhere.
    fn check(
        &mut self,
        kind: Option<EndpointKind>,
        model: &Located<String>,
        provider: Option<&Located<String>>,
        place: &Place,
    ) {
        let kind = kind.unwrap_or_default();
        let Ok(provider) = self.registry.find(model, provider) else { return };
        if !kind.is_served_by(dialect(provider)) {
            let message = format!("provider `{}` does not serve {}", provider.name, kind.name());
            let hint = "requests pass it over; the last one to be tried refuses them";
            self.warnings.push(Problem::new(place, message).hint(hint));
        }
    }
}
