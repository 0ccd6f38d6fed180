//! An issuer that is not us, and its keys as far as we have seen them.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::Instant;
use tollgate_keys::KeySet;
use tollgate_keys::token::Rules;

/// How often the key set is fetched at most.
pub(super) const FETCH_EVERY_MIN: Duration = Duration::from_secs(30);

/// Gets the text of an issuer's key set, or says why not. It bounds its own time and size.
pub type FetchKeySet = Arc<dyn Fn() -> BoxFuture<'static, Result<Vec<u8>, String>> + Send + Sync>;

/// An issuer whose tokens are good.
#[derive(Clone)]
pub struct IssuerSettings {
    /// What the operator calls it.
    pub name: String,
    /// What its tokens must say.
    pub rules: Rules,
    /// Where its keys come from.
    pub fetch: FetchKeySet,
}

/// An issuer that is not us.
pub(super) struct External {
    name: String,
    pub(super) rules: Rules,
    fetch: FetchKeySet,
    known: RwLock<Option<Arc<KeySet>>>,
    /// When it was fetched last, with or without success. Held while fetching.
    fetched: tokio::sync::Mutex<Option<Instant>>,
}

// === impl External ===

impl External {
    pub(super) fn new(settings: IssuerSettings) -> Self {
        let IssuerSettings { name, rules, fetch } = settings;
        Self { name, rules, fetch, known: RwLock::default(), fetched: Default::default() }
    }

    /// Its keys, with `kid` among them if it can be had; `None` while there are none at all.
    pub(super) async fn keys(&self, kid: &str) -> Option<Arc<KeySet>> {
        if let Some(known) = self.known().filter(|known| known.has(kid)) {
            return Some(known);
        }
        self.refresh().await;
        self.known()
    }

    /// Fetches the key set, unless that was done a moment ago. What is known stays if it fails.
    pub(super) async fn refresh(&self) {
        let mut fetched = self.fetched.lock().await;
        if fetched.is_some_and(|fetched| fetched.elapsed() < FETCH_EVERY_MIN) {
            return;
        }
        *fetched = Some(Instant::now());
        let read = (self.fetch)().await.and_then(|text| {
            KeySet::parse(&text).map_err(|error| format!("what was fetched is no use: {error}"))
        });
        match read {
            Ok(keys) => {
                tracing::info!(issuer = self.name, keys = keys.len(), "key set fetched");
                *self.known.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(keys));
            }
            Err(error) => {
                tracing::warn!(issuer = self.name, error, "the key set could not be fetched");
            }
        }
    }

    fn known(&self) -> Option<Arc<KeySet>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
