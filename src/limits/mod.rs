//! Who may call, and how much of it: what of that outlives a configuration, and what is made anew.

mod shared;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;
use tollgate_config::{OnRedisDown, Price, Settings};
use tollgate_filters::request::{CallerKeys, Callers, Prices, Quotas};
use tollgate_keys::KeyRing;
use tollgate_limits::{Counts, Ledger, Now, Priced, Sharing};
use tollgate_telemetry::metrics::LimitCounts;

use self::shared::SharedCounts;
use crate::keys::KnownCallers;
use crate::proxy::cost;
use crate::redis::Redis;

/// How often the keys' file is looked at: a revoked key ends soon after.
const REFRESH_EVERY: Duration = Duration::from_secs(1);
/// How often what is used beyond leases, and left of them, is told.
const TELL_EVERY: Duration = Duration::from_millis(200);

/// Callers and their counts: one for the process, whatever configuration is in force.
#[derive(Clone)]
pub(crate) struct Gate {
    ring: Arc<KeyRing>,
    pub(crate) callers: Arc<KnownCallers>,
    pub(crate) ledger: Arc<Ledger>,
}

/// `pricing`, as prices of one token.
#[derive(Debug)]
struct Pricing(BTreeMap<Arc<str>, Price>);

// === impl Gate ===

impl Gate {
    /// Nobody has used anything yet.
    pub(crate) fn new(settings: &Settings, ring: Arc<KeyRing>, redis: Option<&Redis>) -> Self {
        let began = Instant::now();
        let clock = Arc::new(move || Now {
            ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            unix_s: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
        });
        let ledger = Ledger::new(settings.limits.subjects_max, clock);
        let ledger = match (settings.limits.shared, redis) {
            (Some(on_redis_down), Some(redis)) => {
                let is_open = on_redis_down == OnRedisDown::Open;
                ledger
                    .shared(Sharing { remote: Arc::new(SharedCounts::new(redis.clone())), is_open })
            }
            _ => ledger,
        };
        let callers = Arc::new(KnownCallers::new(Arc::clone(&ring)));
        Self { callers, ring, ledger: Arc::new(ledger) }
    }

    /// Who may call by this configuration.
    pub(crate) fn keys(&self, settings: &Settings) -> CallerKeys {
        let callers: Arc<dyn Callers> = Arc::clone(&self.callers) as _;
        CallerKeys { callers, required: settings.keys.required }
    }

    /// How much each may use by this configuration.
    pub(crate) fn quotas(&self, settings: &Settings) -> Arc<Quotas> {
        let limits = &settings.limits;
        Arc::new(Quotas {
            ledger: Arc::clone(&self.ledger),
            rules: Arc::clone(&limits.rules),
            prices: Arc::new(Pricing(settings.pricing.clone())),
            unpriced: limits.unpriced,
            output_tokens_default: limits.output_tokens_default,
            on_exceed: limits.on_exceed,
            table: Arc::clone(&settings.table),
        })
    }

    /// Tells other gateways what they must know of our use, until `stopping`; then once more.
    pub(crate) async fn tell(self, mut stopping: watch::Receiver<bool>) {
        loop {
            let is_over = tokio::select! {
                () = tokio::time::sleep(TELL_EVERY) => false,
                _ = stopping.wait_for(|stop| *stop) => true,
            };
            if is_over {
                return self.ledger.leave().await;
            }
            self.ledger.tell().await;
        }
    }

    /// Keeps what is known of keys a second old at most, until `stopping`.
    pub(crate) async fn refresh(self, mut stopping: watch::Receiver<bool>) {
        let mut is_readable = true;
        loop {
            let ring = Arc::clone(&self.ring);
            // A panic in there is told by the panic hook; the next look may find it mended.
            if let Ok(read) = tokio::task::spawn_blocking(move || ring.refresh()).await {
                if let Err(error) = &read
                    && is_readable
                {
                    tracing::error!(%error, "callers' keys cannot be read");
                }
                is_readable = read.is_ok();
            }
            tokio::select! {
                () = tokio::time::sleep(REFRESH_EVERY) => {}
                _ = stopping.wait_for(|stop| *stop) => return,
            }
        }
    }
}

// === impl Pricing ===

impl Prices for Pricing {
    fn price(&self, model: &str) -> Option<Priced> {
        let Price { currency, input, output, .. } = cost::price_of(&self.0, &[Some(model)])?;
        let of_one = |price: &Option<f64>| price.map(|price| price / cost::TOKENS_PER_PRICE);
        Some(Priced {
            input: of_one(input)?,
            // Embeddings generate nothing, and have no price for it.
            output: of_one(output).unwrap_or(0.0),
            currency: Arc::clone(currency),
        })
    }
}

/// What became of limits, for metrics.
pub(crate) fn counts(ledger: &Ledger) -> LimitCounts {
    let counts = ledger.counts();
    let Counts { refused, tokens_reserved, tokens_settled, cut, .. } = counts;
    let Counts { pooled, unpriced, unreachable, subjects, .. } = counts;
    let refused =
        refused.into_iter().map(|(scope, kind, count)| (kind.name(), scope.name(), count));
    LimitCounts {
        refused: refused.collect(),
        tokens_reserved,
        tokens_settled,
        cut,
        pooled,
        unpriced,
        unreachable,
        subjects,
    }
}
