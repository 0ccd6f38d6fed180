//! Key sets (RFC 7517): ours as we publish them, others' as we read them.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::token::Algorithm;

#[cfg(test)]
mod tests;

/// More keys than this no issuer has.
const KEYS_MAX: usize = 100;
const ED25519_BYTES: usize = 32;
const P256_COORDINATE_BYTES: usize = 32;
/// Marks a point on a curve that is written with both coordinates (SEC 1, section 2.3.3).
const UNCOMPRESSED: u8 = 4;

/// The public keys of one issuer, by `kid`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeySet(HashMap<String, PublicKey>);

/// Why a text is no key set to verify with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKeySet {
    /// Not a JSON object with a list `keys`.
    #[error("it is no JSON Web Key Set")]
    Malformed,
    /// Too many keys.
    #[error("it has more than {KEYS_MAX} keys")]
    TooMany,
    /// None of the keys can be used.
    #[error("none of its keys is for EdDSA, ES256 or RS256 and has a `kid`")]
    NoKey,
}

/// A public key, and with it the algorithm of every signature that it verifies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PublicKey {
    Ed25519(Vec<u8>),
    /// An uncompressed point.
    P256(Vec<u8>),
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
}

/// A key as it is written.
#[derive(Deserialize)]
struct Written {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

#[derive(Deserialize)]
struct WrittenSet {
    keys: Vec<Value>,
}

// === impl KeySet ===

impl KeySet {
    /// Reads a key set. Keys that we cannot use are passed over: issuers have some for other purposes.
    ///
    /// # Errors
    /// [`BadKeySet`].
    pub fn parse(text: &[u8]) -> Result<Self, BadKeySet> {
        let written: WrittenSet = serde_json::from_slice(text).map_err(|_| BadKeySet::Malformed)?;
        if written.keys.len() > KEYS_MAX {
            return Err(BadKeySet::TooMany);
        }
        let mut keys = HashMap::new();
        for key in written.keys {
            let Ok(written) = serde_json::from_value::<Written>(key) else { continue };
            if let (Some(kid), Some(key)) = (written.kid.clone(), written.key()) {
                // Of two keys of one name the first counts, wherever they are looked up.
                keys.entry(kid).or_insert(key);
            }
        }
        if keys.is_empty() { Err(BadKeySet::NoKey) } else { Ok(Self(keys)) }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a key has this `kid`.
    pub fn has(&self, kid: &str) -> bool {
        self.0.contains_key(kid)
    }

    pub(crate) fn get(&self, kid: &str) -> Option<&PublicKey> {
        self.0.get(kid)
    }

    pub(crate) fn ed25519<'k>(keys: impl Iterator<Item = (&'k str, &'k [u8])>) -> Self {
        let key = |(kid, key): (&str, &[u8])| (kid.to_owned(), PublicKey::Ed25519(key.to_vec()));
        Self(keys.map(key).collect())
    }

    /// As published (RFC 7517, RFC 8037), ordered by `kid`. Only Ed25519 keys are ours to publish.
    pub fn to_json(&self) -> Value {
        let mut keys: Vec<_> = self.0.iter().collect();
        keys.sort_by_key(|(kid, _)| *kid);
        let keys = keys.into_iter().filter_map(|(kid, key)| match key {
            PublicKey::Ed25519(x) => Some(json!({
                "kty": "OKP",
                "crv": "Ed25519",
                "use": "sig",
                "alg": Algorithm::EdDsa.name(),
                "kid": kid,
                "x": BASE64.encode(x),
            })),
            PublicKey::P256(_) | PublicKey::Rsa { .. } => None,
        });
        json!({ "keys": keys.collect::<Vec<_>>() })
    }
}

// === impl PublicKey ===

impl PublicKey {
    pub(crate) const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Ed25519(_) => Algorithm::EdDsa,
            Self::P256(_) => Algorithm::Es256,
            Self::Rsa { .. } => Algorithm::Rs256,
        }
    }

    pub(crate) fn verifies(&self, signed: &[u8], signature: &[u8]) -> bool {
        let verified = match self {
            Self::Ed25519(key) => UnparsedPublicKey::new(&ED25519, key).verify(signed, signature),
            Self::P256(key) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key).verify(signed, signature)
            }
            Self::Rsa { n, e } => RsaPublicKeyComponents { n, e }.verify(
                &RSA_PKCS1_2048_8192_SHA256,
                signed,
                signature,
            ),
        };
        verified.is_ok()
    }
}

// === impl Written ===

impl Written {
    /// The key, if it is one to verify signatures with, by an algorithm that we know.
    fn key(&self) -> Option<PublicKey> {
        if self.purpose.as_ref().is_some_and(|purpose| purpose != "sig") {
            return None;
        }
        let key = match (self.kty.as_str(), self.crv.as_deref()) {
            ("OKP", Some("Ed25519")) => PublicKey::Ed25519(bytes(&self.x, ED25519_BYTES)?),
            ("EC", Some("P-256")) => {
                let mut point = vec![UNCOMPRESSED];
                point.extend(bytes(&self.x, P256_COORDINATE_BYTES)?);
                point.extend(bytes(&self.y, P256_COORDINATE_BYTES)?);
                PublicKey::P256(point)
            }
            ("RSA", None) => {
                let number = |it: &Option<String>| BASE64.decode(it.as_ref()?).ok();
                PublicKey::Rsa { n: number(&self.n)?, e: number(&self.e)? }
            }
            _ => return None,
        };
        let named = self.alg.as_deref().is_none_or(|alg| alg == key.algorithm().name());
        named.then_some(key)
    }
}

fn bytes(written: &Option<String>, length: usize) -> Option<Vec<u8>> {
    BASE64.decode(written.as_ref()?).ok().filter(|bytes| bytes.len() == length)
}
