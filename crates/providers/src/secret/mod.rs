//! Secrets and where they come from. Nothing here can be printed by accident.

use std::fmt;
use std::sync::Arc;

#[cfg(test)]
mod tests;

/// A key that leaves the process only in the request it authenticates.
///
/// `Debug` prints `***`; there is no `Display`, `Serialize` or `PartialEq`.
#[derive(Clone)]
pub struct Secret(Arc<str>);

/// A place to read a secret from: the only form in which the configuration speaks of one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SecretSource {
    /// `env::NAME`: an environment variable.
    Env(String),
    /// `file::PATH`: a file, whose trailing line break is dropped.
    File(String),
}

/// Why a secret could not be read. Names the place, never the content.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SecretError {
    /// The text is not `env::NAME` or `file::PATH`; it may be the secret itself, so it is not shown.
    #[error("a secret is written as env::NAME or file::PATH, never as itself")]
    NotALocation,
    /// The variable is not set, or empty.
    #[error("environment variable {0} is not set")]
    Unset(String),
    /// The file cannot be read, or is empty.
    #[error("cannot read {path}: {reason}")]
    Unreadable {
        /// The path as written.
        path: String,
        /// What the system said.
        reason: String,
    },
}

// === impl Secret ===

impl Secret {
    /// Wraps a secret.
    pub fn new(value: impl Into<Arc<str>>) -> Self {
        Self(value.into())
    }

    /// The secret itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

// === impl SecretSource ===

impl SecretSource {
    /// Reads `env::NAME` or `file::PATH`.
    ///
    /// # Errors
    /// [`SecretError::NotALocation`] for anything else.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        match text.split_once("::") {
            Some(("env", name)) if !name.is_empty() => Ok(Self::Env(name.to_owned())),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.to_owned())),
            _ => Err(SecretError::NotALocation),
        }
    }

    /// Fetches the secret. Blocks on the file system: for start-up and reload only.
    ///
    /// # Errors
    /// [`SecretError::Unset`] or [`SecretError::Unreadable`]; both name the place.
    pub fn resolve(&self) -> Result<Secret, SecretError> {
        match self {
            Self::Env(name) => match std::env::var(name) {
                Ok(value) if !value.trim().is_empty() => Ok(Secret::new(value.trim())),
                _ => Err(SecretError::Unset(name.clone())),
            },
            Self::File(path) => match std::fs::read_to_string(path) {
                Ok(value) if !value.trim().is_empty() => Ok(Secret::new(value.trim())),
                Ok(_) => {
                    Err(SecretError::Unreadable { path: path.clone(), reason: "empty".into() })
                }
                Err(error) => {
                    Err(SecretError::Unreadable { path: path.clone(), reason: error.to_string() })
                }
            },
        }
    }
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env::{name}"),
            Self::File(path) => write!(f, "file::{path}"),
        }
    }
}
