//! Logging of the process itself: to standard error, at `info` unless `RUST_LOG` says otherwise.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Targets of the base and of libraries that print header values or URLs, where keys can stand.
/// No setting raises them above this.
const CAPPED: [&str; 8] = [
    "pingora_core=warn",
    // Speaks of an error where a pooled connection is still on its way back.
    "pingora_core::connectors=off",
    "pingora_proxy=error",
    "pingora_cache=warn",
    "pingora_http=warn",
    "pingora_pool=warn",
    "h2=warn",
    "hyper=warn",
];

/// Starts logging. Does nothing if it has been started.
///
/// # Errors
/// `RUST_LOG` cannot be parsed.
pub fn init() -> Result<(), String> {
    let mut filter = match std::env::var("RUST_LOG") {
        Ok(text) if !text.trim().is_empty() => {
            EnvFilter::try_new(&text).map_err(|error| format!("RUST_LOG: {error}"))?
        }
        _ => EnvFilter::new("info"),
    };
    for directive in CAPPED {
        let parsed = directive.parse().map_err(|error| format!("{directive}: {error}"))?;
        filter = filter.add_directive(parsed);
    }
    let color = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let format = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_ansi(color);
    // A second start, as in tests, keeps the first one's settings.
    let _started_before = tracing_subscriber::registry().with(filter).with(format).try_init();
    Ok(())
}
