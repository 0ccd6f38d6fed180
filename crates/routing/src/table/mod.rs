//! The routing table: from a model name and an endpoint kind to a plan.
//!
//! Resolution order: a prefix goes to its layer only; else functions by name, routes by model,
//! providers by model. The first in file order wins where two would match.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::plan::Plan;
use crate::target::Target;
use tollgate_providers::EndpointKind;

mod explain;
mod host;
mod reason;
#[cfg(test)]
mod tests;

/// Prefix that asks for a function by name.
pub const FUNCTION_PREFIX: &str = "function";
/// Prefix that asks for a route by name.
pub const ROUTE_PREFIX: &str = "route";
/// Stands between a prefix and a name.
pub const SEPARATOR: &str = "::";
/// Owner of the names that no provider serves.
pub const OWNER: &str = "tollgate";

/// Everything that requests can be sent to. Immutable.
#[derive(Debug, Default)]
pub struct Table {
    functions: Vec<Function>,
    routes: Vec<Route>,
    passthrough: Vec<Connection>,
    function_by_name: HashMap<Arc<str>, usize>,
    route_by_name: HashMap<Arc<str>, usize>,
    routes_by_model: HashMap<Arc<str>, Vec<usize>>,
    connection_by_name: HashMap<Arc<str>, usize>,
    /// Of the first provider in file order that serves the model.
    connection_by_model: HashMap<Arc<str>, usize>,
    /// The plan of each provider for requests that name no model, in file order.
    hosts: Vec<(Arc<str>, Plan)>,
}

/// Models that are sent to a plan of targets.
#[derive(Clone, Debug)]
pub struct Route {
    /// The key under `routes`; the target's name for a bare target.
    pub name: Arc<str>,
    /// The model names it answers to.
    pub models: Vec<Arc<str>>,
    /// The kind of endpoint it answers on; any for a bare target.
    pub endpoint: Option<EndpointKind>,
    /// Where its requests go.
    pub plan: Plan,
}

/// A named task that callers ask for in place of a model.
#[derive(Clone, Debug)]
pub struct Function {
    /// The key under `functions`.
    pub name: Arc<str>,
    /// The kind of endpoint it answers on.
    pub endpoint: EndpointKind,
    /// Where its requests go.
    pub plan: Plan,
}

/// One name a caller may ask for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ListedModel {
    /// What to write into `model`.
    pub id: Arc<str>,
    /// The provider that serves it, else [`OWNER`].
    pub owner: Arc<str>,
}

/// One line of the table, for people.
#[derive(Clone, Debug)]
pub struct Row {
    /// The function's, route's or provider's name.
    pub name: Arc<str>,
    /// The model names it answers to without a prefix; a function answers to its own name.
    pub models: Vec<Arc<str>>,
    /// The kind of endpoint; none stands for any: passthrough and bare targets.
    pub endpoint: Option<EndpointKind>,
    /// Where its requests go. In passthrough: that of its first model.
    pub plan: Plan,
}

/// Why a model has no plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// Nothing in the table answers to the name on this kind of endpoint.
    #[error("no function, route or provider answers to this model")]
    UnknownModel,
    /// The caller asked for a provider that is not configured.
    #[error("no provider is called this")]
    UnknownProvider,
    /// The provider asked for, or every one, does not have this endpoint.
    #[error("no such provider serves this endpoint")]
    NotServed,
}

/// A provider as passthrough sees it.
#[derive(Debug)]
struct Connection {
    provider: Arc<str>,
    models: Vec<Arc<str>>,
    plans: HashMap<Arc<str>, Plan>,
    /// What a target for any other model is made from.
    open: Option<Arc<Target>>,
}

// === impl Table ===

impl Table {
    /// Builds the table. `passthrough` has one target for each model of each provider, in file
    /// order, with the caller's credential.
    pub fn new(
        passthrough: impl IntoIterator<Item = Arc<Target>>,
        routes: Vec<Route>,
        functions: Vec<Function>,
    ) -> Self {
        let mut table = Self { functions, routes, ..Self::default() };
        for (index, function) in table.functions.iter().enumerate() {
            table.function_by_name.entry(Arc::clone(&function.name)).or_insert(index);
        }
        for (index, route) in table.routes.iter().enumerate() {
            table.route_by_name.entry(Arc::clone(&route.name)).or_insert(index);
            for model in &route.models {
                table.routes_by_model.entry(Arc::clone(model)).or_default().push(index);
            }
        }
        for target in passthrough {
            table.connect(target);
        }
        table
    }

    /// Opens a provider for models that nobody listed: callers reach them by its prefix, each by a
    /// copy of `template` with the model's name.
    #[must_use]
    pub fn open(mut self, template: Arc<Target>) -> Self {
        let at = self.connection_at(&template.provider.name);
        if let Some(connection) = self.passthrough.get_mut(at) {
            connection.open = Some(template);
        }
        self
    }

    fn connection_at(&mut self, name: &Arc<str>) -> usize {
        *self.connection_by_name.entry(Arc::clone(name)).or_insert_with(|| {
            let (provider, models) = (Arc::clone(name), Vec::new());
            let plans = HashMap::new();
            self.passthrough.push(Connection { provider, models, plans, open: None });
            self.passthrough.len() - 1
        })
    }

    fn connect(&mut self, target: Arc<Target>) {
        let at = self.connection_at(&target.provider.name);
        let model = Arc::clone(&target.model);
        self.connection_by_model.entry(Arc::clone(&model)).or_insert(at);
        if let Some(connection) = self.passthrough.get_mut(at) {
            connection.models.push(Arc::clone(&model));
            connection.plans.entry(model).or_insert_with(|| Plan::passthrough(target));
        }
    }

    /// The plan for what the caller wrote into `model`.
    ///
    /// # Errors
    /// [`ResolveError::UnknownModel`].
    pub fn resolve(&self, model: &str, kind: EndpointKind) -> Result<Plan, ResolveError> {
        let plan = match self.split_prefix(model) {
            Some((FUNCTION_PREFIX, name)) => self.function(name, kind),
            Some((ROUTE_PREFIX, name)) => self.route_named(name, kind),
            Some((provider, name)) => match self.connection(provider, name) {
                None => return self.opened(provider, name).ok_or(ResolveError::UnknownModel),
                plan => plan,
            },
            None => self
                .function(model, kind)
                .or_else(|| self.route_for(model, kind))
                .or_else(|| self.first_connection(model)),
        };
        plan.cloned().ok_or(ResolveError::UnknownModel)
    }

    /// What callers may ask for: functions, the models of routes, those of providers; each once.
    pub fn models(&self) -> Vec<ListedModel> {
        let functions = self.functions.iter().map(|function| &function.name);
        let routes = self.routes.iter().flat_map(|route| &route.models);
        let providers = self.passthrough.iter().flat_map(|connection| &connection.models);
        let mut seen = HashSet::new();
        functions
            .chain(routes)
            .chain(providers)
            .filter(|id| seen.insert(Arc::clone(id)))
            .map(|id| ListedModel { id: Arc::clone(id), owner: self.owner(id) })
            .collect()
    }

    /// The names of the routes and functions that a model leads to, at whichever endpoint.
    pub fn names_behind(&self, model: &str) -> Vec<Arc<str>> {
        let functions = self.functions.iter().filter(|it| *it.name == *model).map(|it| &it.plan);
        let routes = self.routes.iter().filter(|it| it.models.iter().any(|name| **name == *model));
        let plans = functions.chain(routes.map(|it| &it.plan));
        plans.filter_map(|plan| plan.name.clone()).collect()
    }

    /// The table line by line: functions, routes, passthrough.
    pub fn rows(&self) -> Vec<Row> {
        let functions = self.functions.iter().map(|function| Row {
            name: Arc::clone(&function.name),
            models: vec![Arc::clone(&function.name)],
            endpoint: Some(function.endpoint),
            plan: function.plan.clone(),
        });
        let routes = self.routes.iter().map(|route| Row {
            name: Arc::clone(&route.name),
            models: route.models.clone(),
            endpoint: route.endpoint,
            plan: route.plan.clone(),
        });
        let passthrough = self.passthrough.iter().filter_map(|connection| {
            let mut models = connection.models.clone();
            let plan = match (models.first(), &connection.open) {
                (Some(first), _) => connection.plans.get(first)?.clone(),
                (None, Some(template)) => Plan::passthrough(Arc::clone(template)),
                (None, None) => return None,
            };
            if connection.open.is_some() {
                models.push(format!("{}{SEPARATOR}*", connection.provider).into());
            }
            Some(Row { name: Arc::clone(&connection.provider), models, endpoint: None, plan })
        });
        functions.chain(routes).chain(passthrough).collect()
    }

    /// Every target that a route or a function may choose, as often as it is named.
    pub(crate) fn managed(&self) -> impl Iterator<Item = &Arc<Target>> {
        let plans = self.routes.iter().map(|route| &route.plan);
        let plans = plans.chain(self.functions.iter().map(|function| &function.plan));
        plans.flat_map(|plan| &*plan.steps).flat_map(|step| &*step.choices).map(|it| &it.target)
    }

    /// Prefix and name, if the left side is one of the layers' words or a provider: a model name
    /// may have the separator in it.
    fn split_prefix<'m>(&self, model: &'m str) -> Option<(&'m str, &'m str)> {
        let (prefix, name) = model.split_once(SEPARATOR)?;
        let reserved = [FUNCTION_PREFIX, ROUTE_PREFIX].contains(&prefix);
        (reserved || self.connection_by_name.contains_key(prefix)).then_some((prefix, name))
    }

    fn function(&self, name: &str, kind: EndpointKind) -> Option<&Plan> {
        let function = self.functions.get(*self.function_by_name.get(name)?)?;
        (function.endpoint == kind).then_some(&function.plan)
    }

    fn route_named(&self, name: &str, kind: EndpointKind) -> Option<&Plan> {
        let route = self.routes.get(*self.route_by_name.get(name)?)?;
        route.answers_on(kind).then_some(&route.plan)
    }

    fn route_for(&self, model: &str, kind: EndpointKind) -> Option<&Plan> {
        let routes = self.routes_by_model.get(model)?.iter();
        let mut routes = routes.filter_map(|index| self.routes.get(*index));
        routes.find(|route| route.answers_on(kind)).map(|route| &route.plan)
    }

    fn connection(&self, provider: &str, model: &str) -> Option<&Plan> {
        self.passthrough.get(*self.connection_by_name.get(provider)?)?.plans.get(model)
    }

    /// The plan for a model that an open provider may serve.
    fn opened(&self, provider: &str, model: &str) -> Option<Plan> {
        let connection = self.passthrough.get(*self.connection_by_name.get(provider)?)?;
        let template = connection.open.as_ref().filter(|_| !model.is_empty())?;
        Some(Plan::passthrough(Arc::new(Target { model: model.into(), ..Target::clone(template) })))
    }

    fn first_connection(&self, model: &str) -> Option<&Plan> {
        self.passthrough.get(*self.connection_by_model.get(model)?)?.plans.get(model)
    }

    fn owner(&self, id: &str) -> Arc<str> {
        let hidden = self.function_by_name.contains_key(id);
        let connection = self.connection_by_model.get(id).filter(|_| !hidden);
        connection
            .and_then(|index| self.passthrough.get(*index))
            .map_or_else(|| OWNER.into(), |connection| Arc::clone(&connection.provider))
    }
}

// === impl Route ===

impl Route {
    fn answers_on(&self, kind: EndpointKind) -> bool {
        self.endpoint.is_none_or(|own| own == kind)
    }
}
