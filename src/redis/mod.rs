//! The one connection to Redis, for whatever several gateways know together.
//!
//! It is made when it is first needed, shared by all requests (commands are pipelined) and made anew
//! when it breaks. Whoever asks waits for the configured time at most; after a failure nobody waits
//! for a second, so that a server that is away costs one request in that second its patience, not
//! each of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{
    Client, ConnectionAddr, IntoConnectionInfo, RedisConnectionInfo, RedisResult, TlsCertificates,
};
use tokio::runtime::Handle;
use tollgate_config::Redis as Settings;

mod answers;
#[cfg(test)]
mod tests;

pub(crate) use answers::Answers;

/// How long nobody asks a server that did not answer.
const REST: Duration = Duration::from_secs(1);
/// How long a connection may take, TLS included. Whoever asks does not wait for it that long.
const CONNECT_MAX: Duration = Duration::from_secs(2);
/// Tries of one connection; the next one who asks tries again.
const TRIES: usize = 1;

/// A connection to a Redis server, cheap to clone.
#[derive(Clone)]
pub(crate) struct Redis(Arc<Inner>);

struct Inner {
    manager: ConnectionManager,
    timeout: Duration,
    prefix: String,
    started: Instant,
    /// Nobody asks before then, in milliseconds since the start.
    rests_until_ms: AtomicU64,
    failures: AtomicU64,
}

/// There was no answer, or one that is an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RedisError {
    /// It rests after a failure.
    #[error("Redis did not answer a moment ago")]
    Resting,
    /// It took too long.
    #[error("Redis did not answer in time")]
    TimedOut,
    /// The connection or the command failed.
    #[error("Redis failed")]
    Failed,
}

// === impl Redis ===

impl Redis {
    /// Connects to nothing yet. Blocks on the file system for `ca_file`. Connections live on the
    /// runtime of `handle`.
    ///
    /// # Errors
    /// A certificate authority that cannot be read.
    pub(crate) fn new(settings: &Settings, handle: &Handle) -> Result<Self, String> {
        let failed = |error: &dyn std::fmt::Display| format!("redis: {error}");
        let client = client(settings)?;
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(TRIES)
            .set_connection_timeout(Some(CONNECT_MAX))
            .set_response_timeout(Some(settings.timeout));
        let _inside = handle.enter();
        let manager = ConnectionManager::new_lazy_with_config(client, config)
            .map_err(|error| failed(&error))?;
        Ok(Self(Arc::new(Inner {
            manager,
            timeout: settings.timeout,
            prefix: settings.prefix.clone(),
            started: Instant::now(),
            rests_until_ms: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        })))
    }

    /// What every key begins with.
    pub(crate) fn prefix(&self) -> &str {
        &self.0.prefix
    }

    /// How often there was no answer, since the start. Requests that did not ask are not counted.
    pub(crate) fn failures(&self) -> u64 {
        self.0.failures.load(Ordering::Relaxed)
    }

    /// Asks, and waits for the configured time at most.
    ///
    /// # Errors
    /// [`RedisError`]; the server's words are in no error, for they may repeat what was sent.
    pub(crate) async fn ask<T>(
        &self,
        question: impl AsyncFnOnce(&mut ConnectionManager) -> RedisResult<T>,
    ) -> Result<T, RedisError> {
        let inner = &*self.0;
        if inner.now_ms() < inner.rests_until_ms.load(Ordering::Relaxed) {
            return Err(RedisError::Resting);
        }
        let mut manager = inner.manager.clone();
        let error = match tokio::time::timeout(inner.timeout, question(&mut manager)).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => {
                tracing::debug!(code = error.code(), kind = ?error.kind(), "redis failed");
                RedisError::Failed
            }
            Err(_) => RedisError::TimedOut,
        };
        inner.failures.fetch_add(1, Ordering::Relaxed);
        let until = inner.now_ms().saturating_add(millis(REST));
        inner.rests_until_ms.store(until, Ordering::Relaxed);
        Err(error)
    }
}

impl std::fmt::Debug for Redis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redis").field("prefix", &self.0.prefix).finish_non_exhaustive()
    }
}

// === impl Inner ===

impl Inner {
    fn now_ms(&self) -> u64 {
        millis(self.started.elapsed())
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn client(settings: &Settings) -> Result<Client, String> {
    let Settings { host, port, database, tls, ca_file, user, password, .. } = settings;
    let failed = |error: &dyn std::fmt::Display| format!("redis: {error}");
    let (host, port) = (host.clone(), *port);
    let address = if *tls {
        ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
    } else {
        ConnectionAddr::Tcp(host, port)
    };
    let mut login = RedisConnectionInfo::default().set_db(i64::from(*database));
    if let Some(user) = user {
        login = login.set_username(user);
    }
    if let Some(password) = password {
        login = login.set_password(password.expose());
    }
    let info = address.into_connection_info().map_err(|error| failed(&error))?;
    let info = info.set_redis_settings(login);
    let Some(path) = ca_file else {
        return Client::open(info).map_err(|error| failed(&error));
    };
    let pem = std::fs::read(path)
        .map_err(|error| format!("redis.ca_file {}: {error}", path.display()))?;
    let certificates = TlsCertificates { client_tls: None, root_cert: Some(pem) };
    Client::build_with_tls(info, certificates).map_err(|error| failed(&error))
}
