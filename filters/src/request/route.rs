//! Innermost: the model's name becomes a plan.

use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{self, Poll};

use tollgate_providers::endpoint::Endpoint;
use tollgate_routing::Table;
use tower::Service;

use super::{Context, Facts, Forward, Rejection, Request, Verdict};

/// How much of a name that the caller made up is repeated to the caller.
const ECHO_CHARS_MAX: usize = 128;

/// Looks the model up in the routing table: [`Verdict::Forward`], or 404 `UnknownModel`.
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
        let plan = self
            .table
            .resolve(&facts.model, endpoint.kind())
            .map_err(|_| Rejection::UnknownModel { model: echo(&facts.model) })?;
        let body = request.into_body();
        Ok(Verdict::Forward(Box::new(Forward { plan, body, facts, context, permit: None })))
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

/// The refusal of a path that no endpoint has.
pub fn unknown_path(path: &str) -> Rejection {
    Rejection::UnknownPath { path: echo(path) }
}

fn echo(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(ECHO_CHARS_MAX).collect()
}
