//! A real Redis server of a test's own, on a free port, with nothing on disk.

use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::harness::{PATIENCE, free_port, helper_is_installed, sdk_folder};

pub(crate) struct RedisServer {
    child: Child,
    port: u16,
}

// === impl RedisServer ===

impl RedisServer {
    /// `None` where it is not installed.
    pub(crate) fn start() -> Option<Self> {
        let binary = sdk_folder().join("redis-server");
        if !helper_is_installed(&binary) {
            return None;
        }
        let port = free_port();
        let child = Command::new(binary)
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let until = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < until, "redis-server does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
        Some(Self { child, port })
    }

    /// The section of a configuration that names it.
    pub(crate) fn section(&self) -> String {
        format!("redis: {{ url: \"redis://127.0.0.1:{}\", timeout_ms: 10000 }}\n", self.port)
    }

    /// From now on nobody listens.
    pub(crate) fn kill(&mut self) {
        let _gone = self.child.kill();
        let _status = self.child.wait();
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}
