//! `server.log`: what the process tells of itself.

use crate::fields::Fields;

/// `server.log`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Log {
    /// What a line looks like; `text` by default.
    pub format: LogFormat,
    /// The least important lines that are written; `info` by default. `RUST_LOG` overrides it.
    pub level: LogLevel,
}

/// What a log line looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// How important a log line is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LogLevel {
    /// Something is broken.
    Error,
    /// Something may break, or needs a look.
    Warn,
    /// What changes, and requests that fail.
    #[default]
    Info,
    /// Every request.
    Debug,
    /// Every step.
    Trace,
}

// === impl Log ===

impl Log {
    pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Self {
        let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
        let levels = [
            ("error", LogLevel::Error),
            ("warn", LogLevel::Warn),
            ("info", LogLevel::Info),
            ("debug", LogLevel::Debug),
            ("trace", LogLevel::Trace),
        ];
        Self {
            format: fields.choice("format", &formats).map(|it| it.value).unwrap_or_default(),
            level: fields.choice("level", &levels).map(|it| it.value).unwrap_or_default(),
        }
    }
}
