//! Reading the configuration again while requests run: all of it or nothing.
//!
//! A sound file becomes a new `Snapshot`; requests that run keep the one they began with. Of a
//! file that is not sound nothing is taken, and the one in force stays. What is counted, held or
//! learned across requests is in `Shared` and is not touched. See `docs/adr/0008-reload.md`.

mod fixed;
mod settling;
mod watch;

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tollgate_config::{Problems, Warning, fingerprint};
use tracing::{debug, error, info, warn};

pub use tollgate_telemetry::metrics::Reload;

pub(crate) use fixed::Fixed;
pub(crate) use watch::spawn;

use crate::shared::Shared;
use crate::snapshot::Snapshot;

/// Looks an environment variable up.
pub type Environment = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Where the configuration comes from, to be read again.
#[derive(Clone)]
pub struct Source {
    /// The file; links are followed each time.
    pub path: PathBuf,
    /// Looks a variable up.
    pub environment: Environment,
}

/// Reads the source again and puts it in force.
pub(crate) struct Reloader {
    source: Source,
    shared: Arc<Shared>,
    /// What the process was started with.
    started: Fixed,
    /// What the file looked like when it was last read. Held while it is: one reload at a time.
    last: Mutex<Look>,
}

/// What a look at the file shows, short enough to remember: the hash of its bytes, or that it
/// cannot be read.
type Look = Option<u64>;

/// Why a file is not taken.
enum Refusal {
    Problems(Problems),
    /// A certificate authority that cannot be read.
    File(String),
}

// === impl Source ===

impl Source {
    /// A file that is read with the process's own environment.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), environment: Arc::new(|name| std::env::var(name).ok()) }
    }

    /// A pipe, as in `-c <(command)`: reading it again would wait for ever, or find nothing.
    fn is_read_once(&self) -> bool {
        std::fs::metadata(&self.path).is_ok_and(|metadata| !metadata.is_file())
    }
}

// === impl Reloader ===

impl Reloader {
    pub(crate) fn new(source: Source, shared: Arc<Shared>) -> Self {
        let snapshot = shared.snapshot.load_full();
        let last = Mutex::new(Some(snapshot.settings.fingerprint.text));
        Self { source, shared, started: snapshot.fixed.clone(), last }
    }

    /// What the file looks like now, and what it looked like when it was last read. Blocks on the
    /// file system.
    fn look(&self) -> (Look, Look) {
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if self.source.is_read_once() {
            return (last, last);
        }
        let now = tollgate_config::read_file(&self.source.path).ok();
        (now.map(|bytes| fingerprint(&*bytes)), last)
    }

    /// Reads everything again: the file, the secrets, the certificates. Tells and counts what came
    /// of it. Blocks on the file system.
    pub(crate) fn reload(&self) -> Reload {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (result, look) = self.take();
        *last = look;
        self.shared.observe.reloaded(result);
        result
    }

    fn take(&self) -> (Reload, Look) {
        let file = self.source.path.display();
        let read = if self.source.is_read_once() {
            Err(io::Error::other("it is no regular file, and was read at the start"))
        } else {
            tollgate_config::read_file(&self.source.path)
        };
        let bytes = match read {
            Ok(bytes) => bytes,
            Err(problem) => {
                let problems = Problems::unreadable(&file.to_string(), &problem);
                return (refuse(&Refusal::Problems(problems)), None);
            }
        };
        let look = Some(fingerprint(&*bytes));
        let (snapshot, warnings) = match self.build(&bytes) {
            Ok(built) => built,
            Err(refusal) => return (refuse(&refusal), look),
        };
        if snapshot.fingerprint == self.shared.snapshot.load().fingerprint {
            debug!(%file, "the configuration has not changed");
            return (Reload::Unchanged, look);
        }
        for warning in warnings {
            warn!("{warning}");
        }
        for field in self.started.differing(&snapshot.fixed) {
            warn!(field, "changed, but stays as it was until tollgate is started again");
        }
        self.shared.observe.configured(snapshot.models());
        self.shared.snapshot.store(Arc::new(snapshot));
        info!(%file, "the configuration was changed and is in force");
        (Reload::Applied, look)
    }

    fn build(&self, bytes: &[u8]) -> Result<(Snapshot, Vec<Warning>), Refusal> {
        let name = self.source.path.display().to_string();
        let (settings, warnings) =
            tollgate_config::load_bytes(&name, bytes, &*self.source.environment)
                .map_err(Refusal::Problems)?;
        let Shared { lasting, live, gate, .. } = &*self.shared;
        let snapshot = Snapshot::new(settings, lasting, live, gate);
        let snapshot = snapshot.map_err(Refusal::File)?;
        Ok((snapshot, warnings))
    }
}

/// All that is wrong, told at once.
fn refuse(refusal: &Refusal) -> Reload {
    match refusal {
        Refusal::Problems(problems) => {
            let count = problems.list.len();
            error!(
                count,
                "the configuration is refused, the one before stays in force:\n{problems}"
            );
        }
        Refusal::File(problem) => {
            error!(
                count = 1,
                "the configuration is refused, the one before stays in force:\n{problem}"
            );
        }
    }
    Reload::Refused
}
