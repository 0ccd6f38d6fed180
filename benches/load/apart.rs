//! A gateway on one processor and everything that loads it on the others.

use std::net::SocketAddr;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tollgate_load::{pinned, processors};
use tollgate_mock::{Mock, Scenario as Answer};

/// The bench's side: a runtime, a mock provider, a folder.
pub(crate) struct Apart {
    pub(crate) runtime: Runtime,
    pub(crate) mock: Mock,
    folder: TempDir,
    /// The gateway's processor.
    gateway_on: usize,
}

/// What a scenario found that has a table of its own.
pub(crate) struct Told {
    pub(crate) text: String,
    pub(crate) found: Value,
    /// The share of the machine's CPU time.
    pub(crate) taken_by_others: f64,
}

/// Runs `work`, which gets processors of its own; nothing where there are none to share out.
pub(crate) fn run<T>(
    answers: Vec<(&'static str, Answer)>,
    work: impl FnOnce(&Apart) -> Result<T, String>,
) -> Result<Option<T>, String> {
    let all = processors();
    // The last, for the first has the machine's interrupts to serve.
    let Some((gateway_on, others)) = all.split_last().filter(|(_, others)| !others.is_empty())
    else {
        return Ok(None);
    };
    let working = || work(&Apart::new(*gateway_on, answers)?);
    pinned(others, working).map_err(|error| error.to_string())?.map(Some)
}

/// On one processor, the runtime that has one queue, and is fair therefore: in the other one a worker sets aside what
/// is beyond 256 tasks, and comes back to that only now and then, so that requests would leave late.
fn runtime() -> std::io::Result<Runtime> {
    match processors().len() {
        1 => Builder::new_current_thread().enable_all().build(),
        _ => Runtime::new(),
    }
}

// === impl Apart ===

impl Apart {
    fn new(gateway_on: usize, answers: Vec<(&'static str, Answer)>) -> Result<Self, String> {
        let folder = TempDir::new().map_err(|error| error.to_string())?;
        let runtime = runtime().map_err(|error| error.to_string())?;
        let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
        let mock = runtime.block_on(Mock::start(any_port)).map_err(|error| error.to_string())?;
        mock.keep_log(0);
        for (name, answer) in answers {
            mock.set(name, answer);
        }
        Ok(Self { runtime, mock, folder, gateway_on })
    }

    /// Starts a gateway on its processor.
    pub(crate) fn start<T>(
        &self,
        start: impl FnOnce(&Mock, &Path) -> Result<T, String>,
    ) -> Result<T, String> {
        let starting = || start(&self.mock, self.folder.path());
        pinned(&[self.gateway_on], starting).map_err(|error| error.to_string())?
    }
}
