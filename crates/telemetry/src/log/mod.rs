//! Logging of the process itself: lines on standard error, as text or as one JSON object each.
//!
//! `RUST_LOG` says what is told where it is set, else the level that the process was started with.
//! What other crates tell of a request at `info` and below are its headers, its query, its body: no
//! setting lets that through.

use std::io::{self, IsTerminal};
use std::panic::PanicHookInfo;

use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::{FilterFn, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

#[cfg(test)]
mod tests;

/// What a line looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line, its fields beside `timestamp` (RFC 3339, UTC), `level`, `target` and
    /// `message`.
    Json,
}

/// Targets that no setting raises above a level; the first one that a target begins with counts, and
/// a target that is in no row has [`FOREIGN`].
const CAPPED: [(&str, LevelFilter); 3] = [
    ("tollgate", LevelFilter::TRACE),
    // Speaks of an error where a pooled connection is still on its way back.
    ("pingora_core::connectors", LevelFilter::OFF),
    ("pingora_proxy", LevelFilter::ERROR),
];
/// The most that crates tell that are not ours.
const FOREIGN: LevelFilter = LevelFilter::WARN;

/// Starts logging. Does nothing if it has been started.
///
/// # Errors
/// `RUST_LOG` cannot be parsed.
pub fn init(format: Format, level: Level) -> Result<(), String> {
    let wanted = wanted(std::env::var("RUST_LOG").ok().as_deref(), level)?;
    let color = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    // A second start, as in tests, keeps the first one's settings.
    if subscriber(format, color, wanted, io::stderr).try_init().is_ok() {
        std::panic::set_hook(Box::new(panicked));
    }
    Ok(())
}

fn subscriber<W>(
    format: Format,
    color: bool,
    wanted: EnvFilter,
    writer: W,
) -> impl Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    tracing_subscriber::registry().with(lines(format, color, writer)).with(wanted).with(capped())
}

fn wanted(rust_log: Option<&str>, level: Level) -> Result<EnvFilter, String> {
    match rust_log {
        Some(text) if !text.trim().is_empty() => {
            EnvFilter::try_new(text).map_err(|error| format!("RUST_LOG: {error}"))
        }
        _ => Ok(EnvFilter::default().add_directive(level.into())),
    }
}

fn lines<W>(format: Format, color: bool, writer: W) -> Box<dyn Layer<Registry> + Send + Sync>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    match format {
        Format::Text => lines.with_ansi(color).boxed(),
        Format::Json => lines.json().flatten_event(true).with_current_span(false).boxed(),
    }
}

/// A second filter: directives of `RUST_LOG` that name a target override any that stand beside them.
fn capped() -> FilterFn<impl Fn(&Metadata<'_>) -> bool> {
    filter_fn(|metadata| *metadata.level() <= cap(metadata.target()))
}

fn cap(target: &str) -> LevelFilter {
    let row = CAPPED.iter().find(|(prefix, _)| target.starts_with(prefix));
    row.map_or(FOREIGN, |(_, level)| *level)
}

/// A panic as a line like any other. A message that was put together may hold what a caller sent; one
/// that stands in the code does not.
fn panicked(info: &PanicHookInfo<'_>) {
    let thread = std::thread::current();
    let location = info.location().map(tracing::field::display);
    let written = info.payload().downcast_ref::<&'static str>();
    tracing::error!(
        location,
        thread = thread.name(),
        reason = written.unwrap_or(&"not shown: it may hold content"),
        "panicked"
    );
}
