//! A store of answers outside of this process. Who gives it a connection is not known here.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;

use super::stored::{decode, encode};
use super::{Answer, Counts, Key};

/// Answers that several gateways share.
pub trait Remote: Send + Sync {
    /// The bytes that were put under this key; `None` as well where the store does not answer in
    /// time, which it counts itself.
    fn get(&self, key: &Key) -> BoxFuture<'_, Option<Bytes>>;

    /// Puts these bytes there for `ttl`, some time soon. `false` where that will not be: then nobody
    /// waits for it.
    fn put(&self, key: &Key, bytes: Vec<u8>, ttl: Duration) -> bool;
}

/// A remote store with the form that answers have in it.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) remote: Arc<dyn Remote>,
    pub(super) ttl: Duration,
    pub(super) counts: Arc<Counts>,
}

// === impl Shared ===

impl Shared {
    pub(super) async fn get(&self, key: &Key) -> Option<Arc<Answer>> {
        let bytes = self.remote.get(key).await?;
        decode(&bytes).map(Arc::new)
    }

    pub(super) fn put(&self, key: &Key, answer: &Answer) {
        if !self.remote.put(key, encode(answer), self.ttl) {
            self.counts.unwritten.add();
        }
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shared")
    }
}
