//! The gateways that are measured, each in processes of its own.

pub(crate) mod control;
pub(crate) mod nginx;
pub(crate) mod tollgate;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use http::{HeaderName, HeaderValue};
use tollgate_load::{ProcessTree, Target};
use tollgate_mock::Mock;

use crate::bare_pingora;

const START_MAX: Duration = Duration::from_secs(10);
/// Where a caller shows a key of ours.
const KEY_HEADER: &str = "x-to11-authorization";
/// What the others are compared with.
pub(crate) const REFERENCE: &str = "bare pingora";

/// What a scenario asks of a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ability {
    /// Any proxy can.
    Forward,
    Translate,
    FailOver,
    Ingest,
    /// It may have kept the answer, or asks again.
    Repeat,
}

/// A gateway that runs, here or elsewhere.
pub(crate) struct Gateway {
    pub(crate) name: String,
    base: String,
    /// Where OTLP is taken over HTTP.
    otlp: Option<String>,
    /// Where it tells of itself.
    pub(crate) control: Option<SocketAddr>,
    abilities: &'static [Ability],
    /// What its callers show.
    key: Option<String>,
    /// Answers are kept and told again.
    pub(crate) caches: bool,
    child: Option<Child>,
}

/// Starts all that are here: nginx only where it is installed.
pub(crate) fn start(
    mock: &Mock,
    folder: &Path,
    also: &[(String, String)],
) -> Result<Vec<Gateway>, String> {
    let mut gateways = vec![direct(mock)];
    gateways.extend(nginx::start(mock, folder)?);
    gateways.push(bare(mock)?);
    gateways.extend(tollgate::start(mock, folder)?);
    gateways.extend(also.iter().map(|(name, url)| elsewhere(name, url)));
    Ok(gateways)
}

/// The mock provider without anything between.
pub(crate) fn direct(mock: &Mock) -> Gateway {
    elsewhere("direct", &mock.url(""))
}

fn elsewhere(name: &str, url: &str) -> Gateway {
    Gateway {
        name: name.to_owned(),
        base: url.trim_end_matches('/').to_owned(),
        otlp: None,
        control: None,
        abilities: &[Ability::Forward, Ability::Repeat],
        key: None,
        caches: false,
        child: None,
    }
}

pub(crate) fn bare(mock: &Mock) -> Result<Gateway, String> {
    let addr = free_addr()?;
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new(own);
    command
        .env(bare_pingora::LISTEN, addr.to_string())
        .env(bare_pingora::UPSTREAM, mock.addr().to_string());
    Gateway::spawn(REFERENCE, addr, &[Ability::Forward, Ability::Repeat], command)
}

fn free_addr() -> Result<SocketAddr, String> {
    let free = TcpListener::bind(("127.0.0.1", 0)).and_then(|free| free.local_addr());
    free.map_err(|error| error.to_string())
}

// === impl Gateway ===

impl Gateway {
    /// Starts `command` and waits until it listens on `addr`.
    fn spawn(
        name: &str,
        addr: SocketAddr,
        abilities: &'static [Ability],
        mut command: Command,
    ) -> Result<Self, String> {
        let child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("{name}: {error}"))?;
        let gateway = Self {
            name: name.to_owned(),
            base: format!("http://{addr}"),
            otlp: None,
            control: None,
            abilities,
            key: None,
            caches: false,
            child: Some(child),
        };
        let until = Instant::now() + START_MAX;
        while TcpStream::connect(addr).is_err() {
            if Instant::now() > until {
                return Err(format!("{name} does not listen on {addr}"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(gateway)
    }

    pub(crate) fn can(&self, ability: Ability) -> bool {
        self.abilities.contains(&ability)
    }

    /// Its processes; none where it runs elsewhere.
    pub(crate) fn tree(&self) -> Option<ProcessTree> {
        self.child.as_ref().map(|child| ProcessTree::new(child.id()))
    }

    /// A request with this body to its `endpoint`.
    pub(crate) async fn target(&self, endpoint: &str, body: Vec<u8>) -> Result<Target, String> {
        let base = match &self.otlp {
            Some(otlp) if endpoint == "/v1/traces" => otlp,
            _ => &self.base,
        };
        let target = Target::new(&format!("{base}{endpoint}"), body).await;
        let target = target.map_err(|error| error.to_string())?;
        let Some(key) = &self.key else { return Ok(target) };
        let shown = HeaderValue::try_from(format!("Bearer {key}"));
        let shown = shown.map_err(|error| error.to_string())?;
        Ok(target.with_header(&HeaderName::from_static(KEY_HEADER), &shown))
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It may have ended by itself, which the rounds have noticed.
            let _ended = child.kill();
            let _waited = child.wait();
        }
    }
}
