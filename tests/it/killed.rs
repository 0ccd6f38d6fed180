//! The gateway's process is killed while clients hand spans over: whatever was acknowledged is there
//! after the next start, once, with its tenant and its attributes.
//!
//! A few seeds always run; `TOLLGATE_KILL_SEEDS=50` runs more. A failure names its seed.

use std::collections::BTreeMap;
use std::io::BufReader;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;
use tollgate_store::{SpanStore, Sqlite, SqliteSettings};

use super::acknowledged::{export, hand_over, words};
use super::harness::{PATIENCE, free_port, until};

const SEEDS_DEFAULT: u64 = 5;
/// How often one database's process is killed.
const KILLS: usize = 2;
const CLIENTS: u64 = 3;
const SPANS_OF_EXPORT: u64 = 20;
/// The process lives for this long under load, at most.
const ALIVE_MS_MAX: u64 = 600;

/// The gateway as a process.
pub(crate) struct Process(Child);

/// What the clients were told: span id and project by trace.
type Acknowledged = BTreeMap<String, (String, String)>;

impl Process {
    /// Starts it and waits until it listens at `port`.
    pub(crate) fn start(config: &Path, port: u16) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_tollgate"))
            .args(["serve", "-c"])
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut process = Self(child);
        until("the gateway comes up", || {
            assert!(process.0.try_wait().unwrap().is_none(), "the gateway has ended by itself");
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        process
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// SIGKILL.
    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// Hands spans over until the process is gone.
fn client(port: u16, seed: u64, stop: &AtomicBool, told: &Mutex<Acknowledged>) {
    let mut random = fastrand::Rng::with_seed(seed);
    let project = format!("project-{}", seed % 3);
    let Ok(connection) = TcpStream::connect(("127.0.0.1", port)) else { return };
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut connection = BufReader::new(connection);
    while !stop.load(Ordering::Relaxed) {
        let spans: Vec<_> = (0..1 + random.u64(..SPANS_OF_EXPORT))
            .map(|_| (format!("{:032x}", random.u128(1..)), format!("{:016x}", random.u64(1..))))
            .collect();
        match hand_over(&mut connection, &export(&spans, &project)) {
            None => return,
            Some((status, body)) if status != "200" || body.contains("rejectedSpans") => {}
            Some(_) => {
                let entries =
                    spans.into_iter().map(|(trace, span)| (trace, (span, project.clone())));
                told.lock().unwrap().extend(entries);
            }
        }
    }
}

async fn judge(seed: u64, database: &Path, told: &Acknowledged) {
    let settings = SqliteSettings { read_only: true, ..SqliteSettings::default() };
    let store = Sqlite::open(database, settings).unwrap();
    for (trace_id, (span_id, project)) in told {
        let spans = store.trace(trace_id).await.unwrap();
        let [span] = spans.as_slice() else {
            panic!("seed {seed}: {} spans of {trace_id}, which was acknowledged", spans.len());
        };
        assert_eq!(&span.span_id, span_id, "seed {seed}");
        assert_eq!(span.resource_attribute("project.id"), Some(project.as_str()), "seed {seed}");
        assert_eq!(span.attribute("words"), Some(words(trace_id).as_str()), "seed {seed}");
    }
    store.close().await;
}

/// One database, its process killed a few times and started again.
fn one(seed: u64) -> usize {
    let mut random = fastrand::Rng::with_seed(seed);
    let folder = TempDir::new().unwrap();
    let (config, database) = (folder.path().join("gateway.yaml"), folder.path().join("spans.db"));
    let (gateway, control, grpc, http) = (free_port(), free_port(), free_port(), free_port());
    let text = format!(
        "server: {{ port: {gateway}, threads: 1 }}\ncontrol: {{ port: {control} }}\n\
         collector: {{ enabled: true, host: 127.0.0.1, grpc_port: {grpc}, http_port: {http} }}\n\
         store: {{ kind: sqlite, path: \"{}\" }}\n\
         providers:\n  one: {{ base_url: 'http://127.0.0.1:9/v1', models: [m], auth_type: none }}\n",
        database.display()
    );
    std::fs::write(&config, text).unwrap();
    let told = Arc::new(Mutex::new(Acknowledged::new()));
    for life in 0..KILLS {
        let process = Process::start(&config, http);
        let stop = Arc::new(AtomicBool::new(false));
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                let (stop, told, seed) = (Arc::clone(&stop), Arc::clone(&told), random.u64(..));
                std::thread::spawn(move || client(http, seed, &stop, &told))
            })
            .collect();
        std::thread::sleep(Duration::from_millis(50 + random.u64(..ALIVE_MS_MAX)));
        if life + 1 == KILLS {
            // On a busy machine nobody may have been served yet.
            until("something is acknowledged", || !told.lock().unwrap().is_empty());
        }
        process.kill();
        stop.store(true, Ordering::Relaxed);
        clients.into_iter().for_each(|client| client.join().unwrap());
    }
    // Starts once more, as it would after a crash, and is read beside.
    let process = Process::start(&config, http);
    let told = told.lock().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(judge(seed, &database, &told));
    drop(process);
    told.len()
}

#[test]
fn what_was_acknowledged_survives_kill_9_once_and_whole() {
    let seeds = std::env::var("TOLLGATE_KILL_SEEDS").ok().and_then(|text| text.parse().ok());
    let seeds: u64 = seeds.unwrap_or(SEEDS_DEFAULT);
    let first = fastrand::u64(..u64::from(u32::MAX));
    let mut acknowledged = 0;
    for seed in first..first + seeds {
        eprintln!("seed {seed}");
        acknowledged += one(seed);
    }
    eprintln!("{seeds} seeds, {acknowledged} acknowledged spans, all there");
    assert!(acknowledged > 0, "nothing was acknowledged: this shows nothing");
}
