//! `tollgate serve`: the gateway until a signal ends it.

use std::path::Path;

use super::{Failure, Outcome, load, print};
use crate::reload::Source;
use crate::running::Running;

pub(super) fn run(config: &Path) -> Outcome {
    tollgate_telemetry::log::init().map_err(Failure::failed)?;
    let settings = load(config)?;
    let running = Running::start_from(Source::new(config), settings).map_err(Failure::Failed)?;
    print(&running.describe())?;
    running.wait_for_signal();
    Ok(())
}
