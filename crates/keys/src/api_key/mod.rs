//! A key as text: `tg_<environment?>_<prefix>_<secret and checksum>`.
//!
//! The prefix finds the key and may be shown; the secret has 160 bits; the checksum tells a typing
//! error from a key that does not exist without asking anybody.

use std::fmt;

use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use subtle::ConstantTimeEq;

use crate::NoRandomness;

#[cfg(test)]
mod tests;

const MARK: &str = "tg";
/// 32 symbols, none of which is easily taken for another: five bits each.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const PREFIX_SYMBOLS: usize = 10;
const SECRET_SYMBOLS: usize = 32;
const CHECKSUM_SYMBOLS: usize = 6;
/// No key is longer, in bytes.
pub(crate) const TEXT_BYTES_MAX: usize = 64;

/// A key with its secret. Shown to nobody but by [`ApiKey::expose`].
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    text: String,
    prefix: String,
}

/// What a key says of where it is used. For the eye: rights come from scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Environment {
    /// `live`.
    Live,
    /// `test`.
    Test,
}

/// Why a text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// It does not look like one.
    #[error("this is no key of tollgate's: those start with `tg_`")]
    Shape,
    /// It looks like one, but was not copied right.
    #[error("the key has a typing error or is incomplete")]
    Checksum,
}

// === impl ApiKey ===

impl ApiKey {
    /// A new key that nobody else has.
    ///
    /// # Errors
    /// The system gives no randomness.
    pub fn generate(environment: Option<Environment>) -> Result<Self, NoRandomness> {
        Self::with_prefix(random_symbols(PREFIX_SYMBOLS)?, environment)
    }

    /// Another secret behind a prefix that somebody has.
    #[cfg(test)]
    pub(crate) fn forged(prefix: &str) -> Self {
        Self::with_prefix(prefix.to_owned(), None).unwrap()
    }

    fn with_prefix(prefix: String, environment: Option<Environment>) -> Result<Self, NoRandomness> {
        let secret = random_symbols(SECRET_SYMBOLS)?;
        let environment = environment.map_or_else(String::new, |it| format!("{}_", it.name()));
        let mut text = format!("{MARK}_{environment}{prefix}_{secret}");
        text.push_str(&checksum(&text));
        Ok(Self { text, prefix })
    }

    /// Reads a key, of which nothing is known but that it was copied whole.
    ///
    /// # Errors
    /// [`BadKey`].
    pub fn parse(text: &str) -> Result<Self, BadKey> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(BadKey::Shape);
        }
        let parts: Vec<&str> = text.split('_').collect();
        let (prefix, secret) = match parts.as_slice() {
            [MARK, "live" | "test", prefix, secret] | [MARK, prefix, secret] => (*prefix, *secret),
            [MARK, ..] => return Err(BadKey::Checksum),
            _ => return Err(BadKey::Shape),
        };
        let legal = |part: &str| part.bytes().all(is_symbol);
        if prefix.len() != PREFIX_SYMBOLS
            || secret.len() != SECRET_SYMBOLS + CHECKSUM_SYMBOLS
            || !legal(prefix)
            || !legal(secret)
        {
            return Err(BadKey::Checksum);
        }
        let (body, found) = text.split_at(text.len() - CHECKSUM_SYMBOLS);
        if !bool::from(checksum(body).as_bytes().ct_eq(found.as_bytes())) {
            return Err(BadKey::Checksum);
        }
        Ok(Self { text: text.to_owned(), prefix: prefix.to_owned() })
    }

    /// What the key is found by; no secret.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The whole key.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// What is kept of it. The secret is random, so nothing slower than SHA-256 is called for.
    pub(crate) fn hash(&self) -> Vec<u8> {
        digest(&SHA256, self.text.as_bytes()).as_ref().to_vec()
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKey").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

// === impl Environment ===

impl Environment {
    const fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }
}

/// Symbols that nobody can guess.
pub(crate) fn random_symbols(count: usize) -> Result<String, NoRandomness> {
    let mut bytes = vec![0; count];
    SystemRandom::new().fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(symbols(&bytes))
}

/// Whether it is one of [`ALPHABET`], without looking through that for each letter of each request.
const fn is_symbol(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'z') && !matches!(byte, b'i' | b'l' | b'o' | b'u')
}

fn checksum(text: &str) -> String {
    let digest = digest(&SHA256, text.as_bytes());
    symbols(digest.as_ref().get(..CHECKSUM_SYMBOLS).unwrap_or_default())
}

/// One symbol for each byte, of its last five bits.
fn symbols(bytes: &[u8]) -> String {
    let symbol = |byte: &u8| ALPHABET.get(usize::from(byte % 32)).copied().map(char::from);
    bytes.iter().filter_map(symbol).collect()
}
