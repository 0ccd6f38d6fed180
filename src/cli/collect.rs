//! `tollgate collect`: the collector and its store until a signal ends them, without a gateway.

use std::path::Path;

use tracing::warn;

use super::serve::start_log;
use super::{Failure, Outcome, print, read_part};
use crate::collecting::Collecting;

pub(super) fn run(config: &Path) -> Outcome {
    let (settings, warnings) = read_part(config)?;
    start_log(settings.server.log).map_err(Failure::failed)?;
    for warning in warnings {
        warn!("{warning}");
    }
    let collecting = Collecting::start(&settings).map_err(Failure::Failed)?;
    print(&collecting.describe())?;
    collecting.wait_for_signal();
    Ok(())
}
