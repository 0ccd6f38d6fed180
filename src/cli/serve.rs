//! `tollgate serve`: the gateway until a signal ends it.

use std::path::Path;

use tollgate_config::{Log, LogFormat, LogLevel};
use tollgate_load::raise_files_max;
use tollgate_telemetry::log;
use tracing::{Level, warn};

use super::{Failure, Outcome, print, read};
use crate::own::Own;
use crate::reload::Source;
use crate::running::Running;

/// Files that the process has open beside those of requests: store, listeners, exporters.
const FILES_OWN: u64 = 128;

pub(super) fn run(config: &Path, own: &Own) -> Outcome {
    let (settings, warnings) = read(config)?;
    start_log(settings.server.log).map_err(Failure::failed)?;
    for warning in warnings {
        warn!("{warning}");
    }
    // A caller's connection and the provider's.
    let files_wanted = 2 * settings.limits.in_flight_max as u64 + FILES_OWN;
    let files_max = raise_files_max();
    if files_max < files_wanted {
        warn!("{files_max} open files are allowed; limits.in_flight_max may need {files_wanted}");
    }
    let source = Some(Source::new(config));
    let running = Running::start_with(settings, source, own.clone()).map_err(Failure::Failed)?;
    print(&running.describe())?;
    running.wait_for_signal();
    Ok(())
}

pub(super) fn start_log(settings: Log) -> Result<(), String> {
    let format = match settings.format {
        LogFormat::Text => log::Format::Text,
        LogFormat::Json => log::Format::Json,
    };
    let level = match settings.level {
        LogLevel::Error => Level::ERROR,
        LogLevel::Warn => Level::WARN,
        LogLevel::Info => Level::INFO,
        LogLevel::Debug => Level::DEBUG,
        LogLevel::Trace => Level::TRACE,
    };
    log::init(format, level)
}
