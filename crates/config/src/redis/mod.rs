//! `redis`: what several gateways know together.

use std::path::PathBuf;
use std::time::Duration;

use tollgate_providers::Secret;

use crate::model::RedisEntry;
use crate::vault::Vault;

#[cfg(test)]
mod tests;

/// How long a request waits for an answer.
const TIMEOUT: Duration = Duration::from_millis(50);
const PREFIX: &str = "tollgate:";
const PLAIN: &str = "redis://";
const TLS: &str = "rediss://";
/// Redis' own.
const PORT: u16 = 6379;

/// `redis`: a server that gateways share limits and cached answers through.
#[derive(Clone, Debug)]
pub struct Redis {
    /// Its host, a name or an address.
    pub host: String,
    /// Its port; 6379 by default.
    pub port: u16,
    /// The number of the database; 0 by default.
    pub database: u16,
    /// Whether it is spoken to over TLS.
    pub tls: bool,
    /// Authorities to trust instead of the system's (PEM).
    pub ca_file: Option<PathBuf>,
    /// The user; the server's default one without.
    pub user: Option<String>,
    /// The user's password.
    pub password: Option<Secret>,
    /// How long a request waits for an answer; 50 ms by default.
    pub timeout: Duration,
    /// What every key begins with; `tollgate:` by default.
    pub prefix: String,
}

/// What a URL says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) database: u16,
    pub(crate) tls: bool,
}

/// What is wrong with a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AddressError {
    #[error("the URL must begin with redis:// or rediss://")]
    Scheme,
    #[error("the URL has a user or a password in it")]
    Credentials,
    #[error("the URL has no host")]
    Host,
    #[error("the URL's port is no port")]
    Port,
    #[error("the URL's path is no number of a database")]
    Database,
}

// === impl Redis ===

impl Redis {
    /// `None` without the section.
    pub(crate) fn of(entry: Option<&RedisEntry>, vault: &Vault) -> Option<Self> {
        let entry = entry?;
        let Address { host, port, database, tls } =
            Address::parse(&entry.url.as_ref()?.value).ok()?;
        let password = entry.password.as_ref();
        Some(Self {
            host,
            port,
            database,
            tls,
            ca_file: entry.ca_file.as_ref().map(|file| file.value.clone().into()),
            user: entry.user.clone(),
            password: password.and_then(|source| vault.get(&source.value)),
            timeout: entry.timeout_ms.map_or(TIMEOUT, Duration::from_millis),
            prefix: entry.prefix.clone().unwrap_or_else(|| PREFIX.to_owned()),
        })
    }
}

// === impl Address ===

impl Address {
    /// Reads `redis[s]://HOST[:PORT][/DATABASE]`.
    ///
    /// # Errors
    /// [`AddressError`]; never with a part of the URL.
    pub(crate) fn parse(url: &str) -> Result<Self, AddressError> {
        let (tls, rest) = match (url.strip_prefix(PLAIN), url.strip_prefix(TLS)) {
            (Some(rest), _) => (false, rest),
            (None, Some(rest)) => (true, rest),
            (None, None) => return Err(AddressError::Scheme),
        };
        if rest.contains('@') {
            return Err(AddressError::Credentials);
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let database = if path.is_empty() { Ok(0) } else { path.parse() };
        let database = database.map_err(|_| AddressError::Database)?;
        let authority: http::uri::Authority = authority.parse().map_err(|_| AddressError::Host)?;
        // What comes after a colon that is no port is no part of a host either.
        let is_odd = authority.as_str().len() > authority.host().len();
        let port = match authority.port_u16() {
            Some(port) if port > 0 => port,
            None if !is_odd => PORT,
            _ => return Err(AddressError::Port),
        };
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() {
            return Err(AddressError::Host);
        }
        Ok(Self { host: host.to_owned(), port, database, tls })
    }
}
