//! Cached answers in Redis: a look has the connection's short patience, a write is nobody's.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use redis::AsyncCommands;
use tokio::sync::Semaphore;
use tollgate_filters::cache::{Key, Remote};

use super::Redis;

/// Answers on their way to Redis at a time; one more is not written.
const WRITES_MAX: usize = 64;

/// The answers of one Redis server.
pub(crate) struct Answers {
    redis: Redis,
    writes: Arc<Semaphore>,
    /// Answers whose writing failed.
    unwritten: Arc<dyn Fn() + Send + Sync>,
}

// === impl Answers ===

impl Answers {
    /// `unwritten` is called for every answer that is not there in the end.
    pub(crate) fn new(redis: Redis, unwritten: Arc<dyn Fn() + Send + Sync>) -> Self {
        Self { redis, writes: Arc::new(Semaphore::new(WRITES_MAX)), unwritten }
    }

    fn name(&self, key: &Key) -> Vec<u8> {
        [self.redis.prefix().as_bytes(), b"answer:", key.as_bytes()].concat()
    }
}

impl Remote for Answers {
    fn get(&self, key: &Key) -> BoxFuture<'_, Option<Bytes>> {
        let name = self.name(key);
        Box::pin(async move {
            let found = self.redis.ask(async |redis| redis.get::<_, Option<Vec<u8>>>(&name).await);
            found.await.ok().flatten().map(Bytes::from)
        })
    }

    fn put(&self, key: &Key, bytes: Vec<u8>, ttl: Duration) -> bool {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return false };
        let Ok(place) = Arc::clone(&self.writes).try_acquire_owned() else { return false };
        let (redis, name) = (self.redis.clone(), self.name(key));
        let unwritten = Arc::clone(&self.unwritten);
        let seconds = ttl.as_secs().max(1);
        runtime.spawn(async move {
            let put =
                redis.ask(async |redis| redis.set_ex::<_, _, ()>(&name, &bytes, seconds).await);
            if put.await.is_err() {
                unwritten();
            }
            drop(place);
        });
        true
    }
}
