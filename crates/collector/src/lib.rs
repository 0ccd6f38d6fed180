//! The team's own spans, metrics and logs beside the gateway's spans: OTLP in, rows to the store.

mod auth;
mod batch;
mod convert;
mod counts;
mod inflate;
mod limit;
mod memory_limiter;
mod pipeline;
mod receiver;
mod refusal;
mod settings;
mod signal;
mod weigh;

use std::future::Future;
use std::io;
use std::sync::Arc;

use axum::Router;
use tokio::net::TcpListener;
use tollgate_store::SpanStore;

pub use auth::{Auth, AuthMode, FetchKeySet, IssuerSettings};
pub use counts::Counters;
pub use memory_limiter::MemoryUse;
use pipeline::Pipeline;
pub use settings::{BatchSettings, CollectorSettings, Limits, MemoryLimits};
pub use signal::{SignalKind, rows_in};

#[cfg(test)]
mod tests;

/// OTLP receivers in front of the store. A clone is the same collector.
#[derive(Clone)]
pub struct Collector {
    pipeline: Arc<Pipeline>,
}

// === impl Collector ===

impl Collector {
    /// Keeps what it receives in `store`, whoever sends it.
    pub fn new(settings: CollectorSettings, store: Arc<dyn SpanStore>) -> Self {
        Self::with_auth(settings, store, Auth::off())
    }

    /// Keeps what it receives in `store` from those whom `auth` lets in.
    pub fn with_auth(settings: CollectorSettings, store: Arc<dyn SpanStore>, auth: Auth) -> Self {
        Self { pipeline: Arc::new(Pipeline::new(settings, store, auth)) }
    }

    /// What became of what was received of `signal`.
    pub fn counters(&self, signal: SignalKind) -> Counters {
        self.pipeline.counters(signal)
    }

    /// Requests that were refused, by stage and reason; every reason is there.
    pub fn refusals(&self) -> Vec<(&'static str, &'static str, u64)> {
        self.pipeline.refusals()
    }

    /// What is in memory, and how often there was no room.
    pub fn memory(&self) -> MemoryUse {
        self.pipeline.memory()
    }

    /// Writes to the store, by what they were begun for; every cause is there.
    pub fn writes(&self) -> [(&'static str, u64); 3] {
        self.pipeline.writes()
    }

    /// The HTTP receiver alone, for whoever has a server. What it takes waits for
    /// [`Collector::run`].
    pub fn http_router(&self) -> Router {
        receiver::http::router(Arc::clone(&self.pipeline))
    }

    /// Writes what receivers take, until it is dropped. [`Collector::serve`] does it, too.
    pub async fn run(&self) {
        self.pipeline.run().await;
    }

    /// Serves both protocols until `shutdown`, then answers what was begun.
    ///
    /// # Errors
    /// A listener that fails.
    pub async fn serve(
        &self,
        http: TcpListener,
        grpc: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        use futures_util::FutureExt;

        let shutdown = shutdown.shared();
        let router = self.http_router();
        let http = axum::serve(http, router).with_graceful_shutdown(shutdown.clone());
        let grpc = receiver::grpc::serve(Arc::clone(&self.pipeline), grpc, shutdown);
        let served = async { tokio::join!(http.into_future(), grpc) };
        tokio::select! {
            (http, grpc) = served => http.and(grpc),
            () = self.pipeline.run() => Ok(()),
        }
    }
}
