//! Shared counts in Redis: one script, which is one step for whoever asks at the same time.

use std::sync::LazyLock;

use redis::Script;
use tollgate_limits::{Ask, Asking, Grant, Remote, SLOT_NOW, Shape, Unreachable};

use crate::redis::Redis;

static SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("counts.lua")));

/// Counts in Redis, as one gateway sees them.
#[derive(Debug)]
pub(super) struct SharedCounts {
    redis: Redis,
    /// What this process is called there.
    gateway: String,
}

// === impl SharedCounts ===

impl SharedCounts {
    pub(super) fn new(redis: Redis) -> Self {
        Self { redis, gateway: format!("{:016x}", fastrand::u64(..)) }
    }

    async fn grant(&self, ask: &Ask) -> Result<Grant, Unreachable> {
        let (shape, a, b) = match ask.shape {
            Shape::Window { slot_ms, slots } => ("window", slot_ms, slots),
            Shape::Sum { ttl_ms } => ("sum", 0, ttl_ms),
            Shape::Held { ttl_ms } => ("held", 0, ttl_ms),
        };
        let mut call = SCRIPT.key(format!("{}limits:{}", self.redis.prefix(), ask.key));
        call.arg(shape).arg(a).arg(b).arg(ask.limit).arg(ask.need).arg(ask.want);
        call.arg(&self.gateway);
        for (slot, amount) in &ask.owed {
            match *slot {
                SLOT_NOW => call.arg("now"),
                slot => call.arg(slot),
            };
            call.arg(*amount);
        }
        let answer: Result<Vec<String>, _> =
            self.redis.ask(async |connection| call.invoke_async(connection).await).await;
        let numbers = answer.map_err(|_| Unreachable)?;
        let number = |at: usize| numbers.get(at).and_then(|text| text.parse::<u64>().ok());
        match (number(0), number(1), number(2), number(3)) {
            (Some(granted), Some(slot), Some(left), Some(wait_ms)) => {
                Ok(Grant { granted, slot, left, wait_ms })
            }
            _ => Err(Unreachable),
        }
    }
}

impl Remote for SharedCounts {
    fn ask<'a>(&'a self, ask: &'a Ask) -> Asking<'a> {
        Box::pin(self.grant(ask))
    }
}
