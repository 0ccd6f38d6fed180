//! A gateway of one's own: tollgate with layers and body filters that it does not have.
//!
//! `docs/write-a-layer.md` shows one, whole.

use std::process::ExitCode;
use std::sync::Arc;

use tollgate_config::Settings;
use tollgate_filters::request::{Rejection, Request, Stack, Verdict};
use tollgate_filters::response::{AnswerHead, BodyFilter};
use tower::util::BoxCloneSyncService;
use tower::{Layer, Service};

use crate::cli;
use crate::own::Own;
use crate::running::Running;

/// Where a gateway of one's own begins.
#[derive(Clone, Copy, Debug)]
pub struct Gateway;

/// A gateway that has not started.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    own: Own,
}

// === impl Gateway ===

impl Gateway {
    /// A gateway that has what tollgate has.
    pub fn builder() -> Builder {
        Builder::default()
    }
}

// === impl Builder ===

impl Builder {
    /// Adds a layer. Requests pass it after those added before, behind everything of tollgate's own
    /// that refuses or describes a request and before the cache: what it changes of a request, the
    /// cache and the upstream get changed.
    #[must_use]
    pub fn layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<Stack> + Send + Sync + 'static,
        L::Service:
            Service<Request, Response = Verdict, Error = Rejection> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Future: Send + 'static,
    {
        self.own.layers.0.push(Arc::new(move |inner| BoxCloneSyncService::new(layer.layer(inner))));
        self
    }

    /// Adds a body filter: `make` says for each answer of an upstream which one it passes, if any. It
    /// sees what leaves after all of tollgate's own, and so does the cache.
    #[must_use]
    pub fn body_filter<F>(mut self, make: F) -> Self
    where
        F: Fn(&AnswerHead<'_>) -> Option<Box<dyn BodyFilter>> + Send + Sync + 'static,
    {
        self.own.filters.0.push(Arc::new(make));
        self
    }

    /// Does what the command line says, as the `tollgate` binary would; `serve` runs this gateway.
    #[must_use]
    pub fn run(self) -> ExitCode {
        cli::main_with(&self.own)
    }

    /// Starts it with these settings, and returns once it accepts.
    ///
    /// # Errors
    /// What could not be started, and why: a taken port, a store that cannot be opened.
    pub fn start(self, settings: Settings) -> Result<Running, String> {
        Running::start_with(settings, None, self.own)
    }
}
