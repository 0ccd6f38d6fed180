//! What tokens are signed with: Ed25519 (RFC 8037), one key after the other.
//!
//! A key's life: published, after an hour used, after a month replaced, and still published until
//! every token that it signed has ended.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::json;

use crate::NoRandomness;
use crate::api_key::random_symbols;
use crate::token::{LEEWAY_S, TOKEN_LIFE_S};

#[cfg(test)]
mod tests;

/// How long a key is used, in seconds: thirty days.
pub(crate) const USED_S: u64 = 30 * 24 * 3_600;
/// How long a key is published before it is used, in seconds: whoever keeps the key set for less
/// than this knows every key in time.
pub(crate) const PUBLISHED_BEFORE_USE_S: u64 = 3_600;
/// How long a key is published after its use, in seconds.
pub(crate) const KEPT_AFTER_USE_S: u64 = 3_600;
// A token never outlives the key that proves it.
const _: () = assert!(KEPT_AFTER_USE_S > TOKEN_LIFE_S + 2 * LEEWAY_S);
const KID_SYMBOLS: usize = 16;

/// A key pair. Its secret half shows itself to nobody.
pub(crate) struct SigningKey {
    pub(crate) kid: String,
    pub(crate) created_s: u64,
    pair: Ed25519KeyPair,
    pkcs8: Vec<u8>,
}

/// What becomes of the keys that there are, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lives {
    /// Which one signs.
    pub(crate) signer: Option<usize>,
    /// Whether a new one is to be made.
    pub(crate) is_due: bool,
    /// How many of the newest are still needed.
    pub(crate) kept: usize,
}

// === impl Lives ===

impl Lives {
    pub(crate) fn of(created_s: impl Iterator<Item = u64>, now_s: u64) -> Self {
        let created_s: Vec<u64> = created_s.collect();
        let in_use = |created_s: &u64| created_s.saturating_add(PUBLISHED_BEFORE_USE_S) <= now_s;
        // While none has been published for long enough, as at first, the oldest has been for longest.
        let signer = created_s.iter().position(in_use).or_else(|| created_s.len().checked_sub(1));
        let newest = created_s.first();
        let is_due = newest.is_none_or(|newest| newest.saturating_add(USED_S) <= now_s);
        let since =
            |at: usize| created_s.get(at).map(|at| at.saturating_add(PUBLISHED_BEFORE_USE_S));
        // A key has no use once its successor has been in use for long enough.
        let done = |at: usize| {
            since(at).is_some_and(|since| since.saturating_add(KEPT_AFTER_USE_S) <= now_s)
        };
        let kept = (0..created_s.len()).find(|at| done(*at)).map_or(created_s.len(), |at| at + 1);
        Self { signer, is_due, kept }
    }
}

// === impl SigningKey ===

impl SigningKey {
    pub(crate) fn generate(now_s: u64) -> Result<Self, NoRandomness> {
        let pkcs8 =
            Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| NoRandomness)?;
        let kid = random_symbols(KID_SYMBOLS)?;
        Self::of(kid, pkcs8.as_ref().to_vec(), now_s).ok_or(NoRandomness)
    }

    /// `None` where the bytes are no key.
    pub(crate) fn of(kid: String, pkcs8: Vec<u8>, created_s: u64) -> Option<Self> {
        let pair = Ed25519KeyPair::from_pkcs8(&pkcs8).ok()?;
        Some(Self { kid, created_s, pair, pkcs8 })
    }

    pub(crate) fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    pub(crate) fn public(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    /// A compact JWS (RFC 7515) of these claims.
    pub(crate) fn sign(&self, claims: &serde_json::Value) -> String {
        let header = json!({ "alg": "EdDSA", "typ": "JWT", "kid": self.kid });
        let mut token = BASE64.encode(header.to_string());
        token.push('.');
        BASE64.encode_string(claims.to_string(), &mut token);
        let signature = self.pair.sign(token.as_bytes());
        token.push('.');
        BASE64.encode_string(signature.as_ref(), &mut token);
        token
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}
