//! Innermost: the model's name becomes a plan.

use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{self, Poll};

use http::{HeaderMap, HeaderName};
use tollgate_providers::AuthStyle;
use tollgate_providers::endpoint::{Endpoint, PROVIDER_HEADER, is_anthropic_caller};

use tollgate_routing::{Credential, Plan, ResolveError, Table, Target};
use tower::Service;

use super::caller::brings_other;
use super::{Caller, Context, Facts, Forward, Rejection, Request, Verdict};

/// A name that need not be parsed for each look.
static PROVIDER: HeaderName = HeaderName::from_static(PROVIDER_HEADER);
/// How much of a name that the caller made up is repeated to the caller.
const ECHO_CHARS_MAX: usize = 128;

/// Looks the model up in the routing table, or a provider where the endpoint takes no model:
/// [`Verdict::Forward`], or 404.
///
/// Needs [`Facts`], [`Context`] and the [`Endpoint`] in the request's extensions.
#[derive(Clone, Debug)]
pub struct Route {
    table: Arc<Table>,
}

// === impl Route ===

impl Route {
    /// Routes by `table`.
    pub const fn new(table: Arc<Table>) -> Self {
        Self { table }
    }

    fn decide(&self, mut request: Request) -> Result<Verdict, Rejection> {
        let facts: Facts = request.extensions_mut().remove().unwrap_or_default();
        let context: Context = request.extensions_mut().remove().unwrap_or_default();
        let Some(endpoint) = request.extensions().get::<Endpoint>() else {
            return Err(unknown_path(request.uri().path()));
        };
        let plan = self.plan(endpoint, &facts, request.headers())?;
        if request.extensions().get::<Arc<Caller>>().is_some() {
            brings_its_key(&plan, &request)?;
        }
        let body = request.into_body();
        Ok(Verdict::Forward(Box::new(Forward {
            plan,
            body,
            facts,
            context,
            permit: None,
            reservation: None,
            cache: None,
        })))
    }
}

impl Route {
    /// By the model, or by the provider where there is none.
    fn plan(
        &self,
        endpoint: &Endpoint,
        facts: &Facts,
        headers: &HeaderMap,
    ) -> Result<Plan, Rejection> {
        let asked = headers.get(&PROVIDER);
        let asked = asked.map(|value| String::from_utf8_lossy(value.as_bytes()));
        let asked = asked.as_deref();
        let plan = if endpoint.names_model() {
            self.table.resolve_at(&facts.model, endpoint.kind(), asked)
        } else if asked.is_none() && is_anthropic_caller(headers) {
            // It means Anthropic's own, and its key must not go to whoever comes first here.
            Err(ResolveError::NotServed)
        } else {
            self.table.host(asked, endpoint)
        };
        plan.map_err(|error| match (error, asked) {
            (ResolveError::UnknownModel, _) => {
                Rejection::UnknownModel { model: echo(&facts.model) }
            }
            (ResolveError::NotServed, Some(asked)) => {
                Rejection::NotServedBy { provider: echo(asked), route: endpoint.route() }
            }
            (ResolveError::UnknownProvider, asked) => {
                Rejection::UnknownProvider { provider: echo(asked.unwrap_or_default()) }
            }
            (ResolveError::NotServed, None) => Rejection::NotServed { route: endpoint.route() },
        })
    }
}

impl Service<Request> for Route {
    type Response = Verdict;
    type Error = Rejection;
    type Future = Ready<Result<Verdict, Rejection>>;

    fn poll_ready(&mut self, _cx: &mut task::Context<'_>) -> Poll<Result<(), Rejection>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        ready(self.decide(request))
    }
}

/// Whoever showed a key of ours needs another one, where the provider wants the caller's own: ours was
/// taken out before.
fn brings_its_key(plan: &Plan, request: &Request) -> Result<(), Rejection> {
    let targets = plan.targets();
    let wants = |target: &&&Arc<Target>| {
        matches!(target.credential, Credential::Caller) && target.provider.auth != AuthStyle::None
    };
    match targets.iter().find(wants) {
        Some(target) if !brings_other(request.headers(), request.uri().query()) => {
            Err(Rejection::NoProviderKey { provider: Arc::clone(&target.provider.name) })
        }
        _ => Ok(()),
    }
}

/// The refusal of a path that no endpoint has.
pub fn unknown_path(path: &str) -> Rejection {
    Rejection::UnknownPath { path: echo(path) }
}

fn echo(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(ECHO_CHARS_MAX).collect()
}
