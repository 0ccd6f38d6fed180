//! `tollgate demo`: everything on loopback, no keys, a few sample calls and what became of them.

mod call;

use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tollgate_console::render_text;
use tollgate_mock::{Fault, Mock, Piece, Scenario};
use tollgate_telemetry::log;

use super::traces::text_options;
use super::{Failure, Outcome, print};
use crate::running::Running;
use call::Sample;

/// The configuration, as it stands in the repository.
const CONFIG: &str = include_str!("../../../conf/demo.yaml");
/// The mock's addresses in that file, and the scenario that answers there.
const MOCKS: [(&str, &str); 3] = [
    ("http://127.0.0.1:4601/v1", "/@chat/v1"),
    ("http://127.0.0.1:4602/v1", "/@messages/v1"),
    ("http://127.0.0.1:4603/v1", "/@broken/v1"),
];
/// Ports of that file that others may have taken.
const PORTS: [u16; 4] = [4000, 4500, 4317, 4318];
/// How long spans may take to the store.
const FLUSH_MAX: Duration = Duration::from_secs(10);

#[derive(Args, Debug)]
pub(super) struct Options {
    /// Exit after the sample calls instead of running on.
    #[arg(long)]
    once: bool,
}

pub(super) fn run(options: &Options) -> Outcome {
    log::init(log::Format::Text, tracing::Level::INFO).map_err(Failure::failed)?;
    let mocks = tokio::runtime::Runtime::new()?;
    let mock = mocks.block_on(Mock::start(([127, 0, 0, 1], 0).into()))?;
    script(&mock);
    let workspace = Workspace::new(options.once)?;
    let config = workspace.config(&mock)?;
    let settings = tollgate_config::load_str("demo.yaml", &config, |_| None)
        .map_err(|problems| Failure::Failed(problems.to_string()))?
        .0;
    let running = Running::start(settings).map_err(Failure::Failed)?;
    print(&format!(
        "tollgate is running, with a mock provider behind it\n\n{}\n",
        running.describe()
    ))?;
    let samples = Sample::all();
    for (at, sample) in samples.iter().enumerate() {
        print(&format!("[{}/{}] {}\n", at + 1, samples.len(), sample.title))?;
        sample.send(running.addresses().gateway)?;
    }
    if !running.flush(FLUSH_MAX) {
        return Err(Failure::failed("the spans of the sample calls did not reach the store"));
    }
    for sample in &samples {
        print(&format!("\n{}\n{}", sample.title, waterfall(&mocks, &running, sample)?))?;
    }
    if options.once {
        running.stop();
        return Ok(());
    }
    let addresses = running.addresses();
    print(&format!(
        "\nStill running. Point an SDK at http://{}/v1 (any key), and watch http://{}/\nStop with Ctrl-C.\n",
        addresses.gateway, addresses.control
    ))?;
    running.wait_for_signal();
    Ok(())
}

/// What the providers of the demo say.
fn script(mock: &Mock) {
    let pace =
        Scenario { head_delay_ms: 40, first_delay_ms: 120, gap_ms: 25, ..Scenario::default() };
    mock.set(
        "chat",
        Scenario {
            content: vec![
                Piece::text("Let me look at both cities. "),
                Piece::tool("get_weather", r#"{"city":"Paris","unit":"celsius"}"#),
                Piece::tool("get_weather", r#"{"city":"Tokyo","unit":"celsius"}"#),
            ],
            ..pace.clone()
        },
    );
    mock.set(
        "messages",
        Scenario {
            content: vec![
                Piece::reasoning("The question is short, so the answer can be too."),
                Piece::text(
                    "A tollgate takes a small toll from everyone and remembers who passed.",
                ),
            ],
            ..pace
        },
    );
    let overloaded =
        Fault::Status { code: 503, body: None, headers: std::collections::BTreeMap::default() };
    mock.set("broken", Scenario::fault(overloaded));
}

fn waterfall(
    runtime: &tokio::runtime::Runtime,
    running: &Running,
    sample: &Sample,
) -> Result<String, Failure> {
    let Some(store) = running.store() else { return Err(Failure::failed("the demo has no store")) };
    let spans = runtime.block_on(store.trace(&sample.trace_id)).map_err(Failure::failed)?;
    if spans.is_empty() {
        return Err(Failure::failed(format!("no spans of trace {}", sample.trace_id)));
    }
    Ok(render_text(&spans, text_options()))
}

/// Where the demo keeps its spans: a place of its own for one run, else `data/demo.db`.
struct Workspace {
    once: Option<PathBuf>,
}

impl Workspace {
    fn new(once: bool) -> Result<Self, Failure> {
        let name = format!("tollgate-demo-{}-{:x}", std::process::id(), fastrand::u32(..));
        let once = once.then(|| std::env::temp_dir().join(name));
        if let Some(folder) = &once {
            std::fs::create_dir_all(folder)?;
        }
        Ok(Self { once })
    }

    /// The demo's file with this run's addresses.
    fn config(&self, mock: &Mock) -> Result<String, Failure> {
        let mut config = CONFIG.to_owned();
        for (written, path) in MOCKS {
            config = config.replace(written, &mock.url(path));
        }
        for port in PORTS {
            if TcpListener::bind(("127.0.0.1", port)).is_err() {
                config = config.replace(&port.to_string(), &free_port()?.to_string());
            }
        }
        if let Some(folder) = &self.once {
            let path = folder.join("demo.db");
            config = config.replace("data/demo.db", &path.to_string_lossy());
        }
        Ok(config)
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        if let Some(folder) = &self.once {
            // The system's temporary folder is cleaned up in any case.
            let _left_behind = std::fs::remove_dir_all(folder);
        }
    }
}

fn free_port() -> Result<u16, Failure> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
