//! The whole process: everything started in order, and ended so that no request and no span is
//! lost.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::sync::watch;
use tollgate_config::Settings;
use tollgate_console::ConsoleState;
use tollgate_filters::request::InFlight;
use tollgate_routing::Registry;
use tollgate_store::{QueuedStore, SpanStore};

use crate::intake::Intake;
use crate::limits::Gate;
use crate::observe::Observe;
use crate::own::Own;
use crate::redis::Redis;
use crate::reload::{self, Reload, Reloader, Source};
use crate::server::ProxyServer;
use crate::shared::Shared;
use crate::snapshot::{Lasting, Snapshot};
use crate::span_store::{self, Opened, Ready};
use crate::targets;

/// Threads for everything that is not a request: exporters, collector, console.
const CONTROL_THREADS: usize = 2;
/// How long the listener may take to come up.
const START_MAX: Duration = Duration::from_secs(10);
/// How long exporters may take to hand over what is queued.
const FLUSH_MAX: Duration = Duration::from_secs(10);
/// How often the store drops what is too old.
const PRUNE_EVERY: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(10);

/// A running gateway with its control plane. Dropping it stops everything.
pub struct Running {
    shared: Arc<Shared>,
    intake: Arc<Intake>,
    store: Option<Arc<dyn SpanStore>>,
    queue: Option<Arc<QueuedStore>>,
    addresses: Addresses,
    reloader: Option<Arc<Reloader>>,
    stop_proxy: watch::Sender<bool>,
    stop_rest: watch::Sender<bool>,
    proxy: Option<JoinHandle<()>>,
    runtime: Option<Runtime>,
}

/// Where everything listens.
#[derive(Clone, Copy, Debug)]
pub struct Addresses {
    /// The gateway.
    pub gateway: SocketAddr,
    /// The control plane: console, `/metrics`, `/health`, `/ready`.
    pub control: SocketAddr,
    /// The OTLP receivers, gRPC and HTTP.
    pub collector: Option<(SocketAddr, SocketAddr)>,
}

// === impl Running ===

impl Running {
    /// Starts everything that `settings` ask for and returns once the gateway accepts.
    ///
    /// # Errors
    /// What could not be started, and why: a taken port, a store that cannot be opened.
    pub fn start(settings: Settings) -> Result<Self, String> {
        Self::start_with(settings, None, Own::default())
    }

    /// As [`Running::start`]; afterwards changes of `source`, where `settings` came from, are put
    /// in force, as they come and on SIGHUP.
    ///
    /// # Errors
    /// As [`Running::start`].
    pub fn start_from(source: Source, settings: Settings) -> Result<Self, String> {
        Self::start_with(settings, Some(source), Own::default())
    }

    pub(crate) fn start_with(
        settings: Settings,
        source: Option<Source>,
        own: Own,
    ) -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(CONTROL_THREADS)
            .thread_name("control")
            .enable_all()
            .build()
            .map_err(|error| format!("cannot start the control runtime: {error}"))?;
        let Opened { store, queue, ready } = span_store::open(settings.store.as_ref(), &runtime)?;
        let (stop_rest, stopping) = watch::channel(false);
        let in_flight = InFlight::default();
        let live = Registry::new(Instant::now());
        let observe =
            Observe::start(&settings, store.clone(), in_flight.clone(), &runtime, &stopping)?;
        if let Some(queue) = &queue {
            observe.watch_store_queue(Arc::clone(queue));
        }
        let server_settings = settings.server.clone();
        let control = settings.control.addr;
        let redis = settings.redis.as_ref();
        let redis = redis.map(|redis| Redis::new(redis, runtime.handle())).transpose()?;
        let intake = Arc::new(Intake::new(&settings, store.as_ref())?);
        let gate = Gate::new(&settings, Arc::clone(intake.keys()), redis.as_ref());
        runtime.spawn(gate.clone().tell(stopping.clone()));
        runtime.spawn(gate.clone().refresh(stopping.clone()));
        let lasting = Lasting { in_flight, redis, own, ..Lasting::default() };
        let snapshot = Snapshot::new(settings, &lasting, &live, &gate)?;
        let shared = Shared::new(snapshot, lasting, live, gate, observe);

        let console = console_state(&shared, &intake, store.clone(), ready);
        intake.serve_control(&runtime, console, control, stopping.clone())?;
        let reloader = source.map(|source| Arc::new(Reloader::new(source, Arc::clone(&shared))));
        if let Some(reloader) = &reloader {
            let _inside = runtime.enter();
            reload::spawn(Arc::clone(reloader), stopping.clone());
        }
        let collector = intake.serve_collector(&runtime, stopping)?;
        if let Some(store) = &store {
            runtime.spawn(prune(Arc::clone(store)));
        }
        let (stop_proxy, stopped) = watch::channel(false);
        let server = ProxyServer::new(Arc::clone(&shared), &server_settings)?;
        let proxy = thread::Builder::new()
            .name("gateway".to_owned())
            .spawn(move || server.run(stopped))
            .map_err(|error| format!("cannot start the gateway's thread: {error}"))?;
        wait_until_open(server_settings.addr)?;
        let addresses = Addresses { gateway: server_settings.addr, control, collector };
        Ok(Self {
            shared,
            intake,
            store,
            queue,
            addresses,
            reloader,
            stop_proxy,
            stop_rest,
            proxy: Some(proxy),
            runtime: Some(runtime),
        })
    }

    /// Where everything listens.
    pub const fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// The span store, if there is one.
    pub fn store(&self) -> Option<Arc<dyn SpanStore>> {
        self.store.clone()
    }

    /// Requests whose responses have not ended.
    pub fn in_flight(&self) -> usize {
        self.shared.lasting.in_flight.count()
    }

    /// Reads the configuration again, now, as on SIGHUP; `None` where it came from no file. Blocks on
    /// the file system.
    pub fn reload(&self) -> Option<Reload> {
        self.reloader.as_ref().map(|reloader| reloader.reload())
    }

    /// The text of `/metrics`.
    pub fn metrics(&self) -> String {
        metrics(&self.shared, &self.intake)
    }

    /// Waits until every span that was handed over has reached its destinations, at most `max`.
    /// `true` if all have.
    pub fn flush(&self, max: Duration) -> bool {
        wait_for(max, || self.shared.observe.queued() == 0 && self.waiting() == 0)
    }

    /// Bytes on the disk that wait for the store.
    fn waiting(&self) -> u64 {
        self.queue.as_ref().map_or(0, |queue| queue.waiting_bytes())
    }

    /// The lines that `serve` prints.
    pub fn describe(&self) -> String {
        let Addresses { gateway, control, collector } = self.addresses;
        let mut text = format!("gateway    http://{gateway}/v1\nconsole    http://{control}/\n");
        if let Some((grpc, http)) = collector {
            text.push_str(&format!("collector  {grpc} (OTLP/gRPC), http://{http} (OTLP/HTTP)\n"));
        }
        text
    }

    /// Blocks until SIGTERM or SIGINT, then stops in good order.
    pub fn wait_for_signal(mut self) {
        if let Some(runtime) = &self.runtime {
            runtime.block_on(signal());
        }
        self.shut_down();
    }

    /// Refuses new requests, lets running ones end within the drain time, flushes what is queued.
    pub fn stop(mut self) {
        self.shut_down();
    }

    fn shut_down(&mut self) {
        let Some(runtime) = self.runtime.take() else { return };
        self.shared.drain();
        let drain = self.shared.snapshot.load().settings.server.drain;
        wait_for(drain, || self.shared.lasting.in_flight.count() == 0);
        self.stop_proxy.send_replace(true);
        if let Some(proxy) = self.proxy.take() {
            // A panic in there was already logged by the panic hook.
            let _panicked = proxy.join();
        }
        self.stop_rest.send_replace(true);
        self.shared.observe.finish(FLUSH_MAX);
        if let Some(store) = self.store.take() {
            runtime.block_on(async {
                // What was taken is acknowledged before the store is closed.
                let _late = tokio::time::timeout(FLUSH_MAX, self.intake.ended()).await;
                store.close().await;
            });
        }
        runtime.shutdown_timeout(Duration::from_secs(1));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shut_down();
    }
}

fn console_state(
    shared: &Arc<Shared>,
    intake: &Arc<Intake>,
    store: Option<Arc<dyn SpanStore>>,
    store_ready: Ready,
) -> ConsoleState {
    let (metrics, ready, live) = (Arc::clone(shared), Arc::clone(shared), shared.live.clone());
    let (counted, in_force) = (Arc::clone(intake), Arc::clone(shared));
    ConsoleState {
        store,
        metrics: Arc::new(move || self::metrics(&metrics, &counted)),
        ready: Arc::new(move || match ready.is_draining() {
            true => Err("draining"),
            false => store_ready(),
        }),
        targets: Arc::new(move || targets::json(&live)),
        query_keys: intake.query_keys(move || in_force.snapshot.load().settings.keys.required),
    }
}

fn metrics(shared: &Shared, intake: &Intake) -> String {
    shared.observe.render_metrics() + &intake.metrics(Some(&shared.gate.callers))
}

pub(crate) async fn prune(store: Arc<dyn SpanStore>) {
    let mut every = tokio::time::interval(PRUNE_EVERY);
    loop {
        every.tick().await;
        if let Err(error) = store.prune(tollgate_store::now_ns()).await {
            tracing::warn!(%error, "old spans could not be dropped");
        }
    }
}

pub(crate) async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let terminate = signal(SignalKind::terminate());
    match terminate {
        Ok(mut terminate) => {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
        }
        Err(_) => {
            let _unavailable = tokio::signal::ctrl_c().await;
        }
    }
}

fn wait_until_open(addr: SocketAddr) -> Result<(), String> {
    let addr = match addr {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => {
            SocketAddr::from(([127, 0, 0, 1], v4.port()))
        }
        other => other,
    };
    let open = || TcpStream::connect_timeout(&addr, Duration::from_millis(200)).is_ok();
    if wait_for(START_MAX, open) {
        Ok(())
    } else {
        Err(format!("the gateway did not come up on {addr}"))
    }
}

fn wait_for(max: Duration, mut done: impl FnMut() -> bool) -> bool {
    let until = Instant::now() + max;
    loop {
        if done() {
            return true;
        }
        if Instant::now() >= until {
            return false;
        }
        thread::sleep(POLL);
    }
}
