//! What a running gateway knows of the keys: all of it, in memory, and a second old at most.
//!
//! The file may not be there yet, and may be written by the command line at any time.

mod seen;

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use subtle::ConstantTimeEq;

use crate::signing::{Lives, SigningKey};
use crate::store::KeyStore;
use crate::{ApiKey, KeyRecord, KeySet, KeyStoreError};
use seen::Seen;

#[cfg(test)]
mod tests;

/// How old what is known may be before the file is looked at again.
const FRESH: Duration = Duration::from_secs(1);
/// How old it may be for [`KeyRing::recognize`], which leaves reading to [`KeyRing::refresh`]: below the
/// five seconds in which a revoked key must end.
const STALE: Duration = Duration::from_secs(4);
/// What an unknown key is compared with, so that it takes as long as a known one.
const NO_HASH: [u8; 32] = [0; 32];

/// The keys of a running gateway.
pub struct KeyRing {
    path: PathBuf,
    known: RwLock<Arc<Known>>,
    source: Mutex<Source>,
    began: Instant,
    /// When the file was last looked at without an error, in milliseconds since `began`; 0 for never.
    looked_ms: AtomicU64,
}

/// Why a key opens nothing. Only for logs and counters: whoever sent it learns nothing of this.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// It is no key, or was not copied whole.
    #[error(transparent)]
    Bad(#[from] crate::BadKey),
    /// Nobody has ever made it.
    #[error("there is no such key")]
    Unknown,
    /// Its time is over.
    #[error("the key has expired")]
    Expired,
    /// Somebody has ended it.
    #[error("the key has been revoked")]
    Revoked,
    /// Nobody knows.
    #[error(transparent)]
    Unavailable(#[from] KeyStoreError),
}

#[derive(Default)]
struct Known {
    by_prefix: HashMap<String, Arc<KeyRecord>>,
    by_id: HashMap<String, Arc<KeyRecord>>,
    /// Newest first.
    signing: Vec<Arc<SigningKey>>,
    public: Arc<KeySet>,
    /// Forgotten with the rest when the file has changed.
    seen: Seen,
}

#[derive(Default)]
struct Source {
    store: Option<KeyStore>,
    version: Option<i64>,
    looked: Option<Instant>,
}

// === impl KeyRing ===

impl KeyRing {
    /// The keys in `path`, whether or not it is there yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let (known, source, looked_ms) = Default::default();
        Self { path: path.into(), known, source, began: Instant::now(), looked_ms }
    }

    /// Whose key this is, by what is in memory: for requests, which must not wait for a file. A new key
    /// is known after the next [`KeyRing::refresh`]. Blocks on the file system only where nobody calls
    /// that in time.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn recognize(&self, credential: &str, now_s: u64) -> Result<Arc<KeyRecord>, Denied> {
        let looked_ms = self.looked_ms.load(Ordering::Acquire);
        let looked = self.began + Duration::from_millis(looked_ms);
        let fresh = (looked_ms > 0 && looked.elapsed() < STALE).then(|| self.in_memory());
        // What it is good for is asked each time; that it is the one, once.
        if let Some(record) = fresh.as_ref().and_then(|known| known.seen.get(credential)) {
            return standing(&record, now_s).map(|()| record);
        }
        let key = ApiKey::parse(credential)?;
        let known = fresh.map_or_else(|| self.known(), Ok)?;
        let record = identify(&key, known.by_prefix.get(key.prefix()), now_s)?;
        known.seen.put(credential, &record);
        Ok(record)
    }

    /// Reads what has changed; to be called every second. Blocks on the file system.
    ///
    /// # Errors
    /// The file's.
    pub fn refresh(&self) -> Result<(), KeyStoreError> {
        self.refreshed(Duration::ZERO).map(drop)
    }

    /// Whose key this is. Blocks on the file system, once a second and for unknown keys.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn authenticate(&self, credential: &str, now_s: u64) -> Result<Arc<KeyRecord>, Denied> {
        let key = ApiKey::parse(credential)?;
        let mut found = self.known()?.by_prefix.get(key.prefix()).cloned();
        if found.is_none() {
            // It may be a moment old.
            found = self.refreshed(Duration::ZERO)?.by_prefix.get(key.prefix()).cloned();
        }
        identify(&key, found.as_ref(), now_s)
    }

    /// Whether the key with this id is still good. Blocks on the file system, once a second.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn check(&self, id: &str, now_s: u64) -> Result<(), Denied> {
        let known = self.known()?;
        standing(known.by_id.get(id).ok_or(Denied::Unknown)?, now_s)
    }

    /// What verifies our tokens. Blocks on the file system, once a second.
    ///
    /// # Errors
    /// The file's.
    pub fn public_keys(&self) -> Result<Arc<KeySet>, KeyStoreError> {
        Ok(Arc::clone(&self.known()?.public))
    }

    /// As [`KeyRing::public_keys`], but as the file is now, for a key that is not among them.
    ///
    /// # Errors
    /// The file's.
    pub fn public_keys_now(&self) -> Result<Arc<KeySet>, KeyStoreError> {
        Ok(Arc::clone(&self.refreshed(Duration::ZERO)?.public))
    }

    /// What signs tokens now; makes and drops keys as their lives ask for.
    pub(crate) fn signer(&self, now_s: u64) -> Result<Option<Arc<SigningKey>>, KeyStoreError> {
        let mut known = self.known()?;
        let lives = |known: &Known| Lives::of(known.signing.iter().map(|key| key.created_s), now_s);
        let mut now = lives(&known);
        if now.is_due || now.kept < known.signing.len() {
            self.rotate(now_s, now.signer.is_some())?;
            known = self.refreshed(Duration::ZERO)?;
            now = lives(&known);
        }
        Ok(now.signer.and_then(|at| known.signing.get(at).cloned()))
    }

    /// Makes and drops signing keys. While there is one, a file that cannot be written is no reason
    /// not to use it.
    fn rotate(&self, now_s: u64, has_signer: bool) -> Result<(), KeyStoreError> {
        let mut source = self.source();
        let Some(store) = &source.store else { return Ok(()) };
        match store.rotate(now_s) {
            Ok(false) => {}
            Ok(true) => tracing::info!("signing keys have been rotated"),
            Err(error) if has_signer => {
                tracing::warn!(%error, "signing keys could not be rotated");
            }
            Err(error) => return Err(error),
        }
        // Changes of our own do not show in the version.
        source.version = None;
        Ok(())
    }

    fn known(&self) -> Result<Arc<Known>, KeyStoreError> {
        self.refreshed(FRESH)
    }

    /// What is known, read again if it is older than this and the file has changed.
    fn refreshed(&self, fresh: Duration) -> Result<Arc<Known>, KeyStoreError> {
        let mut source = self.source();
        if source.looked.is_none_or(|looked| looked.elapsed() >= fresh) {
            if let Some(known) = source.read(&self.path)? {
                *self.known.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(known);
            }
            source.looked = Some(Instant::now());
            let looked_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.looked_ms.store(looked_ms.max(1), Ordering::Release);
        }
        drop(source);
        Ok(self.in_memory())
    }

    fn in_memory(&self) -> Arc<Known> {
        Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn source(&self) -> MutexGuard<'_, Source> {
        self.source.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing").field("path", &self.path).finish_non_exhaustive()
    }
}

// === impl Source ===

impl Source {
    /// Everything in the file; `None` where it is as it was, or not there yet.
    fn read(&mut self, path: &std::path::Path) -> Result<Option<Known>, KeyStoreError> {
        if self.store.is_none() {
            self.store = KeyStore::open(path)?;
        }
        let Some(store) = &self.store else { return Ok(None) };
        // Before the rows: a change in between is seen the next time.
        let version = store.version()?;
        if self.version == Some(version) {
            return Ok(None);
        }
        let records: Vec<_> = store.list()?.into_iter().map(Arc::new).collect();
        let signing: Vec<_> = store.signing_keys()?.into_iter().map(Arc::new).collect();
        let public = KeySet::ed25519(signing.iter().map(|key| (key.kid.as_str(), key.public())));
        let by = |name: fn(&KeyRecord) -> &String| {
            records.iter().map(|record| (name(record).clone(), Arc::clone(record))).collect()
        };
        let (by_prefix, by_id) = (by(|it| &it.prefix), by(|it| &it.id));
        self.version = Some(version);
        Ok(Some(Known {
            by_prefix,
            by_id,
            signing,
            public: Arc::new(public),
            seen: Seen::default(),
        }))
    }
}

/// Takes as long for a key that nobody has, and wherever a wrong one differs.
fn identify(
    key: &ApiKey,
    found: Option<&Arc<KeyRecord>>,
    now_s: u64,
) -> Result<Arc<KeyRecord>, Denied> {
    let hash = found.map_or(&NO_HASH[..], |record| &record.hash);
    let is_same = bool::from(key.hash().ct_eq(hash));
    match found {
        Some(record) if is_same => standing(record, now_s).map(|()| Arc::clone(record)),
        _ => Err(Denied::Unknown),
    }
}

fn standing(record: &KeyRecord, now_s: u64) -> Result<(), Denied> {
    if record.revoked_s.is_some() {
        return Err(Denied::Revoked);
    }
    if record.is_expired(now_s) {
        return Err(Denied::Expired);
    }
    Ok(())
}
