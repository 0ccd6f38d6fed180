//! The fake server in front of the real engine: started, told to fail, stopped.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use tollgate_store::{ClickHouse, ClickHouseSettings};

pub(crate) const USER: &str = "tollgate";
pub(crate) const PASSWORD: &str = "canary-3b1d";

/// A server with a database of its own.
pub(crate) struct Shim {
    process: Child,
    pub(crate) port: u16,
    folder: TempDir,
}

/// The repository, whichever package these tests belong to.
pub(crate) fn root() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().find(|folder| folder.join("tests/sdk").is_dir()).unwrap()
}

fn sdk_folder() -> PathBuf {
    let default = root().join("target/sdk");
    std::env::var_os("TOLLGATE_SDK_DIR").map_or(default, PathBuf::from)
}

// === impl Shim ===

impl Shim {
    /// `None` where the engine is not installed; in CI that is a failure.
    pub(crate) fn start() -> Option<Self> {
        let mark = sdk_folder().join("python-is-installed");
        if !mark.exists() {
            let what = format!("{} is missing: run .ci/setup-sdks to install it", mark.display());
            assert!(std::env::var_os("CI").is_none(), "{what}");
            eprintln!("skipped: {what}");
            return None;
        }
        Some(Self::start_in(tempfile::tempdir().unwrap(), None))
    }

    fn start_in(folder: TempDir, tls: Option<&Path>) -> Self {
        let (process, port) = spawn(&folder, 0, tls);
        Self { process, port, folder }
    }

    /// Behind TLS, with a certificate and key (PEM) for `localhost`.
    pub(crate) fn start_tls(identity: &str) -> Option<Self> {
        // Says whether the engine is installed.
        Self::start()?;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("identity.pem");
        std::fs::write(&file, identity).unwrap();
        Some(Self::start_in(folder, Some(&file)))
    }

    /// Gone at once, as by `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Comes back at the same place with the same data.
    pub(crate) fn revive(&mut self) {
        (self.process, self.port) = spawn(&self.folder, self.port, None);
    }

    pub(crate) fn settings(&self) -> ClickHouseSettings {
        ClickHouseSettings {
            url: format!("http://127.0.0.1:{}", self.port),
            user: USER.to_owned(),
            password: Some(PASSWORD.to_owned().into()),
            ..ClickHouseSettings::default()
        }
    }

    pub(crate) fn store(&self) -> ClickHouse {
        ClickHouse::new(self.settings()).unwrap()
    }

    /// The next statements fail as `how` says.
    pub(crate) fn fail(&self, how: &str) {
        assert_eq!(self.post(&format!("/__fail?{how}"), ""), "ok\n");
    }

    /// Asks the engine, past the store.
    pub(crate) fn sql(&self, sql: &str) -> String {
        self.post("/", sql).trim().to_owned()
    }

    /// How many statements of a kind there were.
    pub(crate) fn count(&self, kind: &str) -> u64 {
        let stats: serde_json::Value = serde_json::from_str(&self.post("/__stats", "")).unwrap();
        stats[kind].as_u64().unwrap()
    }

    fn post(&self, path: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nhost: shim\r\nconnection: close\r\n\
             x-clickhouse-user: {USER}\r\nx-clickhouse-key: {PASSWORD}\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(" 200 "), "{answer}");
        body.to_owned()
    }
}

impl Drop for Shim {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _waited = self.process.wait();
    }
}

fn spawn(folder: &TempDir, port: u16, tls: Option<&Path>) -> (Child, u16) {
    let script = root().join("tests/sdk/clickhouse_shim.py");
    let mut process = Command::new(sdk_folder().join("venv/bin/python"))
        .arg(script)
        .args(["--port", &port.to_string(), "--user", USER, "--password", PASSWORD, "--path"])
        .arg(folder.path().join("data"))
        .args(tls.map(|file| [Path::new("--tls"), file]).into_iter().flatten())
        .env("TZ", "UTC")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let port = line.trim().parse().unwrap_or_else(|_| panic!("the shim says {line:?}"));
    (process, port)
}
