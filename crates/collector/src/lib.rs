//! The team's own spans, metrics and logs beside the gateway's spans: OTLP in, rows to the store.

mod auth;
mod convert;
mod memory_limiter;
mod pipeline;
mod receiver;
mod signal;

use std::future::Future;
use std::io;
use std::sync::Arc;

use axum::Router;
use tokio::net::TcpListener;
use tollgate_store::SpanStore;

pub use auth::{Auth, AuthMode, FetchKeySet, IssuerSettings};
pub use pipeline::Counters;
use pipeline::Pipeline;
pub use signal::{SignalKind, rows_in};

#[cfg(test)]
mod tests;

/// What the collector needs to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CollectorSettings {
    /// Above this many bytes being worked on, new data is refused; 512 MiB by default.
    pub memory_limit_bytes: usize,
    /// The largest request, compressed or not; 16 MiB by default.
    pub body_bytes_max: usize,
}

/// OTLP receivers in front of the store. A clone is the same collector.
#[derive(Clone)]
pub struct Collector {
    pipeline: Arc<Pipeline>,
}

// === impl CollectorSettings ===

impl Default for CollectorSettings {
    fn default() -> Self {
        Self { memory_limit_bytes: 512 << 20, body_bytes_max: 16 << 20 }
    }
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

    /// The HTTP receiver alone: `POST /v1/traces`, `/v1/metrics` and `/v1/logs`.
    pub fn http_router(&self) -> Router {
        receiver::http::router(Arc::clone(&self.pipeline))
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
        let http = axum::serve(http, self.http_router()).with_graceful_shutdown(shutdown.clone());
        let grpc = receiver::grpc::serve(Arc::clone(&self.pipeline), grpc, shutdown);
        let auth = self.pipeline.auth.clone();
        let served = async { tokio::join!(http.into_future(), grpc) };
        tokio::select! {
            (http, grpc) = served => http.and(grpc),
            () = auth.keep_key_sets() => Ok(()),
        }
    }
}
