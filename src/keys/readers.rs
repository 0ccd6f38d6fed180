//! Who may ask the span store in SQL, and whose rows they see.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use tollgate_console::{NotOpened, QueryKeys};
use tollgate_keys::token::bearer;
use tollgate_keys::{Denied, KeyRing, Scope, now_s};
use tollgate_store::sql;

use super::rate_limit::RateLimit;

/// Judges the keys of those who ask.
struct Readers {
    keys: Arc<KeyRing>,
    /// Of keys that open nothing: good ones are not counted.
    failures: RateLimit,
}

/// What the control plane asks of keys that come with a query; `required` says whether of whoever is
/// on this machine, too.
pub(crate) fn query_keys(
    keys: Arc<KeyRing>,
    required: impl Fn() -> bool + Send + Sync + 'static,
) -> QueryKeys {
    let readers = Readers { keys, failures: RateLimit::default() };
    QueryKeys {
        required: Arc::new(required),
        opens: Arc::new(move |from, header| readers.open(from, header)),
    }
}

// === impl Readers ===

impl Readers {
    fn open(&self, from: IpAddr, header: &[u8]) -> Result<sql::Scope, NotOpened> {
        if !self.failures.has_tries(from, Instant::now()) {
            return Err(NotOpened::TooMany);
        }
        let opened = self.judge(header);
        if let Err(why) = &opened {
            tracing::warn!(ip = %from, reason = ?why, "a query was refused");
            if *why == NotOpened::Unknown {
                self.failures.admits(from, Instant::now());
            }
        }
        opened
    }

    fn judge(&self, header: &[u8]) -> Result<sql::Scope, NotOpened> {
        let key = bearer(header).ok_or(NotOpened::Unknown)?;
        match self.keys.authenticate(&key, now_s()) {
            Ok(key) if !key.scopes.contains(&Scope::QueryRead) => Err(NotOpened::WrongScope),
            Ok(key) => Ok(key.project.clone().map_or(sql::Scope::All, sql::Scope::Project)),
            Err(Denied::Unavailable(error)) => {
                tracing::error!(%error, "keys cannot be read");
                Err(NotOpened::Unavailable)
            }
            Err(_) => Err(NotOpened::Unknown),
        }
    }
}
