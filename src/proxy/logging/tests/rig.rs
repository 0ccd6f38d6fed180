//! A gateway whose request tasks are the test's to abort, with a mock behind it and a store.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use pingora::apps::HttpServerApp;
use pingora::connectors::ConnectorOptions;
use pingora::protocols::http::ServerSession;
use pingora::protocols::l4::stream::Stream;
use pingora::proxy::http_proxy;
use pingora::server::configuration::ServerConf;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tollgate_filters::request::InFlight;
use tollgate_mock::{Fault, Mock, Scenario};
use tollgate_routing::Registry;
use tollgate_store::{SpanRow, SpanStore, Sqlite, SqliteSettings};

use super::faulty::{Begun, Faulty};
use crate::observe::Observe;
use crate::proxy::Gateway;
use crate::shared::Shared;
use crate::snapshot::{Lasting, Snapshot};

pub(super) const PATIENCE: Duration = Duration::from_secs(60);
const BODY_BYTES_MAX: usize = 4_096;

type Tasks = Arc<Mutex<HashMap<SocketAddr, AbortHandle>>>;

pub(super) struct Rig {
    pub(super) shared: Arc<Shared>,
    pub(super) store: Arc<dyn SpanStore>,
    pub(super) mock: Mock,
    pub(super) gateway: SocketAddr,
    tasks: Tasks,
    begun: Begun,
    stop: watch::Sender<bool>,
    runtime: Option<Runtime>,
    _folder: TempDir,
}

/// A connection of a caller.
pub(super) struct Caller {
    stream: TcpStream,
    here: SocketAddr,
    tasks: Tasks,
}

/// Each fault of the mock is a provider and a model of its own.
fn configuration(mock: &Mock) -> String {
    let url = mock.url("");
    let url = url.trim_end_matches('/');
    let mut text = String::from("providers:\n");
    for name in ["good", "down", "cut", "mute", "stuck"] {
        text.push_str(&format!(
            "  p-{name}: {{ base_url: \"{url}/@{name}/v1\", models: [{name}], auth_type: none }}\n"
        ));
    }
    format!("{text}limits: {{ body_bytes_max: {BODY_BYTES_MAX} }}\n")
}

impl Rig {
    pub(super) fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let mock = runtime.block_on(Mock::start(([127, 0, 0, 1], 0).into())).unwrap();
        mock.set("down", Scenario::status(503));
        mock.set("cut", Scenario::fault(Fault::CutAfterEvents(3)));
        mock.set("mute", Scenario::fault(Fault::HangHead));
        mock.set("stuck", Scenario::fault(Fault::Stall { after_events: 3 }));
        let text = configuration(&mock);
        let (settings, _) = tollgate_config::load_str("rig.yaml", &text, |_| None)
            .unwrap_or_else(|problems| panic!("{problems}\n{text}"));
        let folder = TempDir::new().unwrap();
        let store: Arc<dyn SpanStore> = Arc::new(
            Sqlite::open(&folder.path().join("spans.db"), SqliteSettings::default()).unwrap(),
        );
        let (stop, stopping) = watch::channel(false);
        let in_flight = InFlight::default();
        let kept = Some(Arc::clone(&store));
        let observe =
            Observe::start(&settings, kept, in_flight.clone(), &runtime, &stopping).unwrap();
        let live = Registry::new(Instant::now());
        let ring = Arc::new(tollgate_keys::KeyRing::new(folder.path().join("keys.db")));
        let gate = crate::limits::Gate::new(&settings, ring, None);
        let lasting = Lasting { in_flight, ..Lasting::default() };
        let snapshot = Snapshot::new(settings, &lasting, &live, &gate).unwrap();
        let shared = Shared::new(snapshot, lasting, live, gate, observe);
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let gateway = listener.local_addr().unwrap();
        let (tasks, begun) = (Tasks::default(), Begun::default());
        let faulty = Faulty(gateway_of(&shared), Arc::clone(&begun));
        runtime.spawn(accept(listener, faulty, Arc::clone(&tasks), stopping));
        let runtime = Some(runtime);
        Self { shared, store, mock, gateway, tasks, begun, stop, runtime, _folder: folder }
    }

    pub(super) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.as_ref().unwrap().block_on(future)
    }

    pub(super) async fn call(&self) -> Caller {
        let stream = TcpStream::connect(self.gateway).await.unwrap();
        let here = stream.local_addr().unwrap();
        Caller { stream, here, tasks: Arc::clone(&self.tasks) }
    }

    /// All spans of a trace, once it has `count` of them and nothing is on its way.
    pub(super) async fn spans(&self, trace: &str, count: usize) -> Vec<SpanRow> {
        let until = Instant::now() + PATIENCE;
        loop {
            let spans = self.store.trace(trace).await.unwrap();
            let idle = self.shared.observe.queued() == 0;
            if (idle && spans.len() >= count) || Instant::now() > until {
                return spans;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The sum of all series of a metric whose line has `part`.
    pub(super) fn metric(&self, name: &str, part: &str) -> u64 {
        let text = self.shared.observe.render_metrics();
        let of = |line: &&str| {
            line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']))
                && line.contains(part)
        };
        let value = |line: &str| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap() as u64;
        text.lines().filter(of).map(value).sum()
    }

    /// Drops every task at once, as the end of a process does.
    /// Waits until the request of this trace has begun: its head was read.
    pub(super) async fn begins(&self, trace: &str) {
        let until = Instant::now() + PATIENCE;
        while !self.begun.lock().unwrap().iter().any(|parent| parent.contains(trace)) {
            assert!(Instant::now() < until, "the request begins");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    pub(super) fn drop_all_tasks(&self) {
        self.tasks.lock().unwrap().values().for_each(AbortHandle::abort);
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_secs(2));
        }
    }
}

impl Caller {
    pub(super) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// Reads until the answer has `needle`, or the connection ends; what came.
    pub(super) async fn read_until(&mut self, needle: &str) -> String {
        let mut all = Vec::new();
        let read = async {
            let mut buffer = [0; 4_096];
            while !String::from_utf8_lossy(&all).contains(needle) {
                match self.stream.read(&mut buffer).await {
                    Ok(0) | Err(_) => return,
                    Ok(read) => all.extend_from_slice(&buffer[..read]),
                }
            }
        };
        tokio::time::timeout(PATIENCE, read).await.expect("an answer or an end");
        String::from_utf8_lossy(&all).into_owned()
    }

    /// Drops the task that serves this connection, once there is one.
    pub(super) async fn abort(&self) {
        let until = Instant::now() + PATIENCE;
        loop {
            let task = self.tasks.lock().unwrap().get(&self.here).cloned();
            if let Some(task) = task {
                return task.abort();
            }
            assert!(Instant::now() < until, "the connection is served");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

async fn accept(
    listener: TcpListener,
    faulty: Faulty,
    tasks: Tasks,
    stopping: watch::Receiver<bool>,
) {
    let proxy = Arc::new(http_proxy(&Arc::new(ServerConf::default()), faulty));
    loop {
        // A caller that left before its turn is an error here, and no end.
        let Ok((stream, peer)) = listener.accept().await else { continue };
        let (proxy, stopping) = (Arc::clone(&proxy), stopping.clone());
        let session = ServerSession::new_http1(Box::new(Stream::from(stream)));
        let mut session = session;
        session.set_keepalive(None);
        let task = tokio::spawn(async move {
            let _connection = proxy.process_new_http(session, &stopping).await;
        });
        tasks.lock().unwrap().insert(peer, task.abort_handle());
    }
}

fn gateway_of(shared: &Arc<Shared>) -> Gateway {
    Gateway::new(Arc::clone(shared), ConnectorOptions::new(8))
}
