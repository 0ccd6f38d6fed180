//! What takes in other people's spans: keys and tokens, the collector, and what both count. The same
//! beside a gateway and alone.

mod metrics;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tollgate_collector::{Auth, BatchSettings, Collector, CollectorSettings, Limits, MemoryLimits};
use tollgate_config as config;
use tollgate_console::{ConsoleState, QueryKeys};
use tollgate_keys::KeyRing;
use tollgate_store::SpanStore;

use crate::keys::{self, Desk, KnownCallers};

/// Who may send, where they get their tokens, and where they send to.
pub(crate) struct Intake {
    desk: Arc<Desk>,
    keys: Arc<KeyRing>,
    collector: Option<Receiving>,
}

/// A collector, and where it listens.
struct Receiving {
    collector: Collector,
    auth: Auth,
    grpc_addr: SocketAddr,
    http_addr: SocketAddr,
    serving: Mutex<Option<JoinHandle<()>>>,
}

// === impl Intake ===

impl Intake {
    /// Opens nothing; a collector only where there is a store.
    ///
    /// # Errors
    /// An issuer that could never be asked.
    pub(crate) fn new(
        settings: &config::Settings,
        store: Option<&Arc<dyn SpanStore>>,
    ) -> Result<Self, String> {
        let exchange = keys::exchange(&settings.keys);
        let keys = Arc::clone(exchange.keys());
        let collector = settings.collector.as_ref().zip(store).map(|(settings, store)| {
            let auth = keys::auth(&settings.auth, &exchange)?;
            let collector = Collector::with_auth(limits(settings), Arc::clone(store), auth.clone());
            let (grpc_addr, http_addr) = (settings.grpc_addr, settings.http_addr);
            let serving = Mutex::default();
            Ok::<_, String>(Receiving { collector, auth, grpc_addr, http_addr, serving })
        });
        Ok(Self { desk: Arc::new(Desk::new(exchange)), keys, collector: collector.transpose()? })
    }

    /// The keys.
    pub(crate) const fn keys(&self) -> &Arc<KeyRing> {
        &self.keys
    }

    /// The text of `/metrics`, as far as it is about this and the callers of a gateway beside it.
    pub(crate) fn metrics(&self, callers: Option<&KnownCallers>) -> String {
        let receiving = self.collector.as_ref();
        let mut text = keys::metrics(&self.desk, callers, receiving.map(|it| &it.auth));
        if let Some(receiving) = receiving {
            metrics::write(&mut text, &receiving.collector);
        }
        text
    }

    /// Who may ask in SQL; `required` says whether this machine, too, needs a key.
    pub(crate) fn query_keys(
        &self,
        required: impl Fn() -> bool + Send + Sync + 'static,
    ) -> QueryKeys {
        keys::query_keys(Arc::clone(&self.keys), required)
    }

    /// Serves the control plane until `stopping`.
    pub(crate) fn serve_control(
        &self,
        runtime: &Runtime,
        state: ConsoleState,
        addr: SocketAddr,
        stopping: watch::Receiver<bool>,
    ) -> Result<(), String> {
        let listener = listen(runtime, addr)?;
        let router = tollgate_console::router(state).merge(keys::router(Arc::clone(&self.desk)));
        // The exchange limits tries by address, and SQL without a key is answered on loopback alone.
        let router = router.into_make_service_with_connect_info::<SocketAddr>();
        runtime.spawn(async move {
            let served =
                axum::serve(listener, router).with_graceful_shutdown(stopped(stopping)).await;
            if let Err(error) = served {
                tracing::error!(%error, "the control plane ended");
            }
        });
        Ok(())
    }

    /// Serves the collector, if there is one, until `stopping`; says where, gRPC and HTTP.
    pub(crate) fn serve_collector(
        &self,
        runtime: &Runtime,
        stopping: watch::Receiver<bool>,
    ) -> Result<Option<(SocketAddr, SocketAddr)>, String> {
        let Some(receiving) = &self.collector else { return Ok(None) };
        let Receiving { collector, grpc_addr, http_addr, serving, .. } = receiving;
        let (grpc, http) = (listen(runtime, *grpc_addr)?, listen(runtime, *http_addr)?);
        let collector = collector.clone();
        let served = runtime.spawn(async move {
            if let Err(error) = collector.serve(http, grpc, stopped(stopping)).await {
                tracing::error!(%error, "the collector ended");
            }
        });
        *serving.lock().unwrap_or_else(PoisonError::into_inner) = Some(served);
        Ok(Some((*grpc_addr, *http_addr)))
    }

    /// Waits until every export that was begun is answered, once it was told to stop.
    pub(crate) async fn ended(&self) {
        let serving = self.collector.as_ref().map(|receiving| &receiving.serving);
        let serving =
            serving.and_then(|it| it.lock().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(serving) = serving {
            // A panic in there was already logged by the panic hook.
            let _panicked = serving.await;
        }
    }
}

fn limits(settings: &config::Collector) -> CollectorSettings {
    let config::IntakeLimits {
        body_bytes_max,
        inflate_ratio_max,
        decoded_bytes_max,
        items_max,
        attributes_max,
        events_max,
        value_bytes_max,
        value_depth_max,
    } = settings.limits;
    CollectorSettings {
        memory: MemoryLimits {
            soft_bytes: settings.memory_soft_bytes,
            hard_bytes: settings.memory_bytes_max,
            poll_every: Some(settings.memory_poll),
        },
        limits: Limits {
            body_bytes_max,
            inflate_ratio_max,
            decoded_bytes_max,
            items_max,
            attributes_max,
            events_max,
            value_bytes_max,
            value_depth_max,
            ..Limits::default()
        },
        batch: BatchSettings {
            items_max: settings.batch.items_max,
            wait_max: settings.batch.wait_max,
        },
    }
}

fn listen(runtime: &Runtime, addr: SocketAddr) -> Result<TcpListener, String> {
    runtime
        .block_on(TcpListener::bind(addr))
        .map_err(|error| format!("cannot listen on {addr}: {error}"))
}

async fn stopped(mut stopping: watch::Receiver<bool>) {
    // A closed channel means the same.
    let _closed = stopping.wait_for(|stop| *stop).await;
}
