//! The process is killed while clients hand spans, metrics and logs over and ClickHouse is away, or forgets to answer:
//! whatever was acknowledged is in ClickHouse after the next start, once and whole.
//!
//! A few seeds always run, fifty with `TOLLGATE_LONG`. A failure names its seed.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::acknowledged::signals::{Client, Of, Told as SignalTold};
use crate::acknowledged::{Clients, Told};
use crate::clickhouse::{shim::Shim, store};
use crate::client::exchange;
use crate::harness::{CLICKHOUSE_KEY, PATIENCE, free_port, until};

const SEEDS: u64 = 5;
const SEEDS_LONG: u64 = 50;
/// How often a queue's process is killed.
const KILLS: usize = 3;
/// The longest file, where one is set; a segment would have 64 MiB.
const FILE_KIB_MAX: u32 = 256;
/// The process lives for this long under load, at most.
const ALIVE_MS_MAX: u64 = 900;

/// The control port answers to its own name only.
const METRICS: &[u8] = b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// The gateway as a process.
struct Process {
    child: Child,
    control: u16,
}

impl Process {
    /// Starts it and waits until the collector answers.
    fn start(config: &Path, http_port: u16, control: u16) -> Self {
        Self::wait(Command::new(env!("CARGO_BIN_EXE_tollgate")), config, http_port, control)
    }

    /// The same, where no file may be longer than this.
    fn start_with_files_of(kib: u32, config: &Path, http_port: u16, control: u16) -> Self {
        let mut shell = Command::new("bash");
        shell.args(["-c", &format!("ulimit -f {kib}; exec \"$0\" \"$@\"")]);
        shell.arg(env!("CARGO_BIN_EXE_tollgate"));
        Self::wait(shell, config, http_port, control)
    }

    fn wait(mut command: Command, config: &Path, http_port: u16, control: u16) -> Self {
        let child = command
            .args(["serve", "-c"])
            .arg(config)
            .env("CLICKHOUSE_KEY", CLICKHOUSE_KEY)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut process = Self { child, control };
        let until = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", http_port)).is_err() {
            assert!(Instant::now() < until, "the collector does not come up");
            assert!(process.child.try_wait().unwrap().is_none(), "the gateway has ended by itself");
            std::thread::sleep(Duration::from_millis(10));
        }
        process
    }

    /// Waits until nothing waits on the disk.
    fn until_sent(&self) {
        let until = Instant::now() + PATIENCE;
        let control = ([127, 0, 0, 1], self.control).into();
        loop {
            let text = exchange(control, METRICS).text();
            let waiting: Vec<_> = text
                .lines()
                .filter(|line| line.starts_with("gateway_store_queue_waiting{"))
                .collect();
            assert_eq!(waiting.len(), 3, "a line for each signal: {text}");
            if waiting.iter().all(|line| line.ends_with(" 0")) {
                return;
            }
            assert!(Instant::now() < until, "never sent: {waiting:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// SIGKILL.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// A gateway's files and ports.
struct Place {
    folder: TempDir,
    config: PathBuf,
    http: u16,
    control: u16,
}

impl Place {
    fn new(shim: &Shim) -> Self {
        let folder = TempDir::new().unwrap();
        let config = folder.path().join("gateway.yaml");
        let (gateway, control, grpc, http) = (free_port(), free_port(), free_port(), free_port());
        let queue = format!("path: \"{}\"", folder.path().join("queue").display());
        let text = format!(
            "server: {{ port: {gateway}, threads: 1 }}\ncontrol: {{ port: {control} }}\n\
             collector: {{ enabled: true, host: 127.0.0.1, grpc_port: {grpc}, http_port: {http} }}\n\
             keys: {{ path: \"{}\" }}\n{}\
             providers:\n  one: {{ base_url: 'http://127.0.0.1:9/v1', models: [m], auth_type: none }}\n",
            folder.path().join("keys.db").display(),
            store(shim, &queue),
        );
        std::fs::write(&config, text).unwrap();
        Self { folder, config, http, control }
    }

    fn start(&self) -> Process {
        Process::start(&self.config, self.http, self.control)
    }
}

/// One queue, its process killed a few times and started again.
fn one(seed: u64, shim: &mut Shim) -> usize {
    let mut random = fastrand::Rng::with_seed(seed);
    let place = Place::new(shim);
    let told = Arc::new(Told::default());
    let signals = [Of::Metrics, Of::Logs].map(|of| (of, Arc::new(SignalTold::default())));
    let is_away = random.bool();
    if is_away {
        shim.kill();
    }
    for life in 0..KILLS {
        if !is_away {
            let kind = random.choice(["commit_reset", "reset", "slow&ms=400"]).unwrap();
            shim.fail(&format!("kind={kind}&on=insert&n=2"));
        }
        let process = place.start();
        let clients = Clients::start(place.http, random.u64(..1 << 40), Duration::ZERO, &told);
        let others = signals.each_ref().map(|(of, told)| {
            Client::start(*of, place.http, random.u64(..1 << 40), Duration::ZERO, told)
        });
        std::thread::sleep(Duration::from_millis(50 + random.u64(..ALIVE_MS_MAX)));
        if life + 1 == KILLS {
            // On a busy machine nobody may have been served yet.
            until("something is acknowledged", || {
                told.len() > 0 && signals.iter().all(|(_, told)| told.len() > 0)
            });
        }
        process.kill();
        clients.stop();
        others.into_iter().for_each(Client::stop);
    }
    if is_away {
        shim.revive();
    }
    let process = place.start();
    process.until_sent();
    drop(process);
    let about = format!("seed {seed}, {}", if is_away { "away" } else { "forgetful" });
    let acknowledged = told.judge(shim, &about);
    let [points, records] = signals.map(|(of, told)| told.judge(of, shim, &about));
    eprintln!("{about}: {acknowledged} spans, {points} pairs of points, {records} log records");
    acknowledged.min(points).min(records)
}

#[test]
fn real_engine_fake_server_what_was_acknowledged_survives_kill_9_in_the_queue() {
    let Some(mut shim) = Shim::start() else { return };
    let seeds = std::env::var_os("TOLLGATE_LONG").map_or(SEEDS, |_| SEEDS_LONG);
    let first = fastrand::u64(..u64::from(u32::MAX));
    let acknowledged: usize = (first..first + seeds).map(|seed| one(seed, &mut shim)).sum();
    assert!(acknowledged > 0, "of some signal nothing was acknowledged: this shows nothing");
}

#[test]
fn real_engine_fake_server_files_that_may_not_grow_refuse_and_end_nothing() {
    let Some(mut shim) = Shim::start() else { return };
    let place = Place::new(&shim);
    shim.kill();
    let process =
        Process::start_with_files_of(FILE_KIB_MAX, &place.config, place.http, place.control);
    let told = Arc::new(Told::default());
    let clients = Clients::start(place.http, 1, Duration::ZERO, &told);
    until("refused", || told.refused.load(Ordering::Relaxed) >= 3);
    clients.stop();
    let longest = std::fs::read_dir(place.folder.path().join("queue")).unwrap();
    let longest = longest.map(|entry| entry.unwrap().metadata().unwrap().len()).max();
    assert!(longest <= Some(u64::from(FILE_KIB_MAX) * 1_024), "{longest:?}");
    shim.revive();
    process.until_sent();
    assert!(told.judge(&shim, "files of 256 KiB") > 0);
}
