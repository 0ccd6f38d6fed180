//! A resolution, told step by step.

use std::fmt::Write;

use super::{FUNCTION_PREFIX, ROUTE_PREFIX, SEPARATOR, Table, reason};
use crate::plan::{Choice, Layer, Plan, Step};
use crate::target::{Credential, Target};
use tollgate_providers::EndpointKind;

impl Table {
    /// As [`Table::explain_at`], without a header.
    pub fn explain(&self, model: &str, kind: EndpointKind) -> Vec<String> {
        self.explain_at(model, kind, None)
    }

    /// How `model` is resolved on this kind of endpoint, for a caller who names this provider in
    /// `x-genai-provider`: what was looked at, what was found, why that one, and what a request
    /// would try. Never shows a credential.
    pub fn explain_at(
        &self,
        model: &str,
        kind: EndpointKind,
        provider: Option<&str>,
    ) -> Vec<String> {
        let mut lines = vec![format!("model `{model}` on a {} endpoint", kind.name())];
        let prefix = self.split_prefix(model);
        match prefix {
            Some((FUNCTION_PREFIX, name)) => lines.push(self.about_function(name, kind)),
            Some((ROUTE_PREFIX, name)) => lines.push(self.about_route_named(name, kind)),
            Some((provider, name)) => lines.push(self.about_connection(provider, name)),
            None => {
                lines.push(self.about_function(model, kind));
                lines.push(self.about_routes(model, kind));
                lines.push(self.about_passthrough(model));
            }
        }
        let found = self.resolve_at(model, kind, provider);
        let layer = self.resolve(model, kind).ok().map(|plan| plan.layer);
        lines.extend(reason::about_header(provider, prefix.map(|(prefix, _)| prefix), layer));
        match found {
            Ok(plan) => {
                lines.push(reason::why(prefix.map(|(prefix, _)| prefix), &plan, provider));
                describe(&plan, &mut lines);
                reason::limits(&plan, &mut lines);
            }
            Err(error) => lines.push(format!("=> {error}: the caller gets 404")),
        }
        lines
    }

    fn about_function(&self, name: &str, kind: EndpointKind) -> String {
        match self.function_by_name.get(name).and_then(|index| self.functions.get(*index)) {
            None => format!("functions: none is called `{name}`"),
            Some(function) if function.endpoint == kind => format!("functions: `{name}` is one"),
            Some(function) => {
                format!("functions: `{name}` is one, but for {}", function.endpoint.name())
            }
        }
    }

    fn about_route_named(&self, name: &str, kind: EndpointKind) -> String {
        match self.route_by_name.get(name).and_then(|index| self.routes.get(*index)) {
            None => format!("routes: none is called `{name}`"),
            Some(route) => match route.endpoint.filter(|own| *own != kind) {
                None => format!("routes: `{name}` is one"),
                Some(own) => format!("routes: `{name}` is one, but for {}", own.name()),
            },
        }
    }

    fn about_routes(&self, model: &str, kind: EndpointKind) -> String {
        let indices = self.routes_by_model.get(model).map_or(&[][..], Vec::as_slice);
        let mut routes = indices.iter().filter_map(|index| self.routes.get(*index));
        match routes.clone().find(|route| route.answers_on(kind)) {
            Some(route) => format!("routes: `{}` answers to `{model}`", route.name),
            None => match routes.next() {
                None => format!("routes: none answers to `{model}`"),
                Some(other) => format!(
                    "routes: `{}` answers to `{model}`, but for {}",
                    other.name,
                    other.endpoint.map_or("any", EndpointKind::name)
                ),
            },
        }
    }

    fn about_passthrough(&self, model: &str) -> String {
        let serving = self.passthrough.iter().filter(|it| it.plans.contains_key(model));
        let names: Vec<String> = serving.map(|it| format!("`{}`", it.provider)).collect();
        match &names[..] {
            [] => format!("providers: none lists `{model}`"),
            [only] => {
                format!("providers: {only} lists it (`<provider>{SEPARATOR}{model}` forces it)")
            }
            [first, ..] => {
                format!("providers: {} list it, {first} comes first", names.join(", "))
            }
        }
    }

    fn about_connection(&self, provider: &str, model: &str) -> String {
        if self.connection(provider, model).is_some() {
            format!("provider `{provider}` lists `{model}`")
        } else if self.opened(provider, model).is_some() {
            format!("provider `{provider}` lists no models: it is asked for whatever callers name")
        } else {
            format!("provider `{provider}` does not list `{model}`")
        }
    }
}

fn describe(plan: &Plan, lines: &mut Vec<String>) {
    let what = match (plan.layer, &plan.name) {
        (Layer::Passthrough, _) | (_, None) => "passthrough with the caller's key".to_owned(),
        (layer, Some(name)) => format!("{} `{name}`", layer.name()),
    };
    let strategy = match &*plan.steps {
        [only] => only.describe(),
        _ => plan.strategy.name().to_owned(),
    };
    lines.push(format!(
        "=> {what}: strategy {strategy}, at most {} attempt(s), {} retries of each target",
        plan.attempts_max(),
        plan.retry.max_retries,
    ));
    for (index, step) in plan.steps.iter().enumerate() {
        if plan.steps.len() > 1 {
            lines.push(format!("   step {}, {}:", index + 1, step.describe()));
        }
        let total: u64 = step.choices.iter().map(|choice| u64::from(choice.weight())).sum();
        for choice in step.choices.iter() {
            lines.push(format!("   - {}", describe_choice(step, choice, total)));
        }
    }
}

fn describe_choice(step: &Step, choice: &Choice, total: u64) -> String {
    let Target { name, provider, model, credential, deadlines, health, .. } = &*choice.target;
    let mut line = format!("{name}: {model} at {}", provider.name);
    if step.strategy.is_weighted() {
        let weight = u64::from(choice.weight());
        // `write!` to a String cannot fail.
        let _ = write!(line, ", weight {weight} of {total}");
    }
    let key = match credential {
        Credential::Caller => "the caller's key",
        Credential::Managed(_) => "the gateway's key",
        Credential::None => "no key",
    };
    let _ = write!(line, ", {key}, {} ms to the head", deadlines.head.as_millis());
    if let Some(first_token) = deadlines.first_token {
        let _ = write!(line, ", {} ms to the first content", first_token.as_millis());
    }
    if let Some(health) = health {
        let _ = write!(line, ", {health}");
    }
    line
}
