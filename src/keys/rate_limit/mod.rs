//! So many tries a second from one address: a bucket of tokens for each.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

#[cfg(test)]
mod tests;

/// Tries a second, and as many at once.
pub(super) const TRIES_PER_S: f64 = 10.0;
/// Addresses that are remembered; while more than these are busy, strangers are refused.
const ADDRESSES_MAX: usize = 10_000;
/// What one customer has of IPv6 is at least this many bits of prefix.
const CUSTOMER_BITS: u32 = 64;

/// Remembers who tried how often.
#[derive(Default)]
pub(super) struct RateLimit {
    buckets: Mutex<HashMap<IpAddr, Bucket>>,
}

struct Bucket {
    tries: f64,
    filled: Instant,
}

// === impl RateLimit ===

impl RateLimit {
    /// Whether this address has a try left, without taking it.
    pub(super) fn has_tries(&self, address: IpAddr, now: Instant) -> bool {
        let buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.get(&customer(address)).is_none_or(|bucket| bucket.after(now) >= 1.0)
    }

    /// Takes one try of this address, if it has one.
    pub(super) fn admits(&self, address: IpAddr, now: Instant) -> bool {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let customer = customer(address);
        if buckets.len() >= ADDRESSES_MAX && !buckets.contains_key(&customer) {
            buckets.retain(|_, bucket| bucket.after(now) < TRIES_PER_S);
            if buckets.len() >= ADDRESSES_MAX {
                return false;
            }
        }
        let bucket = buckets.entry(customer).or_insert(Bucket { tries: TRIES_PER_S, filled: now });
        let tries = bucket.after(now);
        let admitted = tries >= 1.0;
        *bucket = Bucket { tries: if admitted { tries - 1.0 } else { tries }, filled: now };
        admitted
    }
}

// === impl Bucket ===

impl Bucket {
    fn after(&self, now: Instant) -> f64 {
        let waited = now.saturating_duration_since(self.filled).as_secs_f64();
        (self.tries + waited * TRIES_PER_S).min(TRIES_PER_S)
    }
}

fn customer(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let mask = u128::MAX << (Ipv6Addr::BITS - CUSTOMER_BITS);
            Ipv6Addr::from_bits(v6.to_bits() & mask).into()
        }
        v4 => v4,
    }
}
