//! Requests that say which provider is to serve them, beside a model or without one.

use std::sync::Arc;

use tollgate_providers::{Endpoint, EndpointKind};

use super::{ResolveError, Table};
use crate::plan::{Layer, Plan, RoutingPath};
use crate::target::{Credential, Target};

impl Table {
    /// As [`Table::resolve`]; where the model would be passed through, to the provider that the
    /// caller asks for beside it. Prefixes, functions and routes come first.
    ///
    /// # Errors
    /// [`ResolveError::UnknownProvider`], [`ResolveError::UnknownModel`].
    pub fn resolve_at(
        &self,
        model: &str,
        kind: EndpointKind,
        provider: Option<&str>,
    ) -> Result<Plan, ResolveError> {
        let plan = self.resolve(model, kind);
        let Some(provider) = provider.filter(|_| self.split_prefix(model).is_none()) else {
            return plan;
        };
        match plan {
            Ok(plan) if plan.layer != Layer::Passthrough => Ok(plan),
            _ if !self.has_provider(provider) => Err(ResolveError::UnknownProvider),
            _ => match self.connection(provider, model) {
                Some(plan) => Ok(plan.clone()),
                None => self.opened(provider, model).ok_or(ResolveError::UnknownModel),
            },
        }
    }

    /// Adds a target for each provider, in file order; its model does not matter.
    #[must_use]
    pub fn with_hosts(mut self, targets: impl IntoIterator<Item = Arc<Target>>) -> Self {
        self.hosts = targets
            .into_iter()
            .map(|target| {
                let managed = matches!(target.credential, Credential::Managed(_));
                let name = Arc::clone(&target.provider.name);
                // Once: an upload that is sent again may be there twice.
                let mut plan = Plan::passthrough(target);
                if managed {
                    plan.path = RoutingPath::Managed;
                }
                (name, plan)
            })
            .collect();
        self
    }

    /// The plan of a request to `endpoint` that names no model: the provider asked for, else the
    /// first one that serves it.
    ///
    /// # Errors
    /// [`ResolveError::UnknownProvider`], [`ResolveError::NotServed`].
    pub fn host(&self, provider: Option<&str>, endpoint: &Endpoint) -> Result<Plan, ResolveError> {
        if provider.is_some_and(|name| !self.has_provider(name)) {
            return Err(ResolveError::UnknownProvider);
        }
        let mut hosts = self.hosts.iter();
        let found = hosts.find(|(name, plan)| {
            let serves = |target: &&Arc<Target>| endpoint.is_served_by(target.provider.dialect);
            provider.is_none_or(|asked| *asked == **name)
                && plan.targets().first().is_some_and(serves)
        });
        found.map(|(_, plan)| plan.clone()).ok_or(ResolveError::NotServed)
    }

    /// Whether a provider is called this.
    pub(super) fn has_provider(&self, name: &str) -> bool {
        self.hosts.iter().any(|(known, _)| **known == *name)
            || self.connection_by_name.contains_key(name)
    }
}
