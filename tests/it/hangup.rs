//! SIGHUP through the real binary: the process lives on and the file is read again.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use crate::client::{exchange, request};
use crate::harness::{PATIENCE, free_port};

/// More than it says in this test.
const LINES_MAX: usize = 1_024;

/// The binary, its log line by line.
struct Serving {
    child: Child,
    log: Receiver<String>,
}

impl Serving {
    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args(["-s", name, &pid]).status().unwrap();
        assert!(status.success());
    }

    /// The first line from here on that has `part` in it, and all that came before it.
    fn line(&self, part: &str) -> (String, Vec<String>) {
        let (until, mut before) = (Instant::now() + PATIENCE, Vec::new());
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let line = self.log.recv_timeout(left);
            let line = line.unwrap_or_else(|_| panic!("no `{part}` in {before:#?}"));
            if line.contains(part) {
                return (line, before);
            }
            before.push(line);
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn serve(config: &std::path::Path) -> Serving {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(["serve", "-c", &config.to_string_lossy()])
        .env_remove("RUST_LOG")
        .env("NO_COLOR", "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (send, log) = sync_channel(LINES_MAX);
    let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let also = send.clone();
    std::thread::spawn(move || {
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            let _nobody = also.send(line);
        }
    });
    std::thread::spawn(move || {
        for line in BufReader::new(err).lines().map_while(Result::ok) {
            let _nobody = send.send(line);
        }
    });
    Serving { child, log }
}

#[test]
fn a_hangup_reads_the_file_again_and_never_ends_the_process() {
    let folder = tempfile::TempDir::new().unwrap();
    let (config, key) = (folder.path().join("gateway.yaml"), folder.path().join("key"));
    let (gateway, control) = (free_port(), free_port());
    let text = |model: &str, threads: u32| {
        format!(
            "providers: {{ acme: {{ base_url: 'http://127.0.0.1:9/v1', models: [{model}], credential: 'file::{}' }} }}\n\
             targets: {{ t: {{ model: {model} }} }}\n\
             server: {{ port: {gateway}, threads: {threads} }}\ncontrol: {{ port: {control} }}\nstore: {{ kind: none }}\n",
            key.display()
        )
    };
    fs::write(&key, "sk-canary-one").unwrap();
    fs::write(&config, text("before", 1)).unwrap();
    let mut serving = serve(&config);
    serving.line("console ");
    let models = || {
        let to = SocketAddr::from(([127, 0, 0, 1], gateway));
        exchange(to, &request("GET", "/v1/models", &[], b"")).text()
    };
    assert!(models().contains("before"));

    fs::write(&config, text("after", 2)).unwrap();
    serving.signal("HUP");
    let (line, _) = serving.line("stays as it was");
    assert!(line.contains("WARN") && line.contains("server.threads"), "{line}");
    serving.line("in force");
    assert!(models().contains("after"));

    fs::write(&config, "providers: { acme: { modles: [x], timeout_ms: no } }\n").unwrap();
    serving.signal("HUP");
    serving.line("refused, the one before stays in force");
    serving.line("modles");
    serving.line("timeout_ms");
    assert!(models().contains("after"), "{}", models());

    fs::write(&key, "sk-canary-two").unwrap();
    fs::write(&config, text("after", 2)).unwrap();
    serving.signal("HUP");
    let (_, before) = serving.line("in force");
    assert!(!before.iter().any(|line| line.contains("canary")), "{before:#?}");

    assert!(serving.child.try_wait().unwrap().is_none(), "it lives");
    serving.signal("TERM");
    let until = Instant::now() + PATIENCE;
    let status = loop {
        if let Some(status) = serving.child.try_wait().unwrap() {
            break status;
        }
        assert!(Instant::now() < until, "it ends on SIGTERM as ever");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(status.code(), Some(0));
}
