//! A gateway that is a process of its own, with one worker and a mock provider: what tests that share a process, whose
//! workers take tasks from each other, cannot see.

use tempfile::TempDir;
use tokio::runtime::Runtime;
use tollgate_mock::{Mock, Scenario};

use super::harness::free_port;
use super::killed::Process;

/// Dropped, it is gone.
pub(crate) struct OneWorker {
    /// The mock's.
    pub(crate) runtime: Runtime,
    pub(crate) mock: Mock,
    pub(crate) process: Process,
    port: u16,
    _folder: TempDir,
}

impl OneWorker {
    /// The model `mock-{name}` answers with `scenario`. Nothing is stored.
    pub(crate) fn start(name: &str, scenario: Scenario) -> Self {
        let runtime = Runtime::new().unwrap();
        let mock = runtime.block_on(Mock::start(([127, 0, 0, 1], 0).into())).unwrap();
        mock.keep_log(0);
        mock.set(name, scenario);
        let folder = TempDir::new().unwrap();
        let config = folder.path().join("gateway.yaml");
        let (port, control) = (free_port(), free_port());
        let text = format!(
            "server: {{ port: {port}, threads: 1 }}\ncontrol: {{ port: {control} }}\nstore: {{ kind: none }}\n\
             providers:\n  one: {{ base_url: '{}', models: [mock-{name}], auth_type: none }}\n",
            mock.url("/v1")
        );
        std::fs::write(&config, text).unwrap();
        let process = Process::start(&config, port);
        Self { runtime, mock, process, port, _folder: folder }
    }

    /// Of the gateway.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }
}
