//! Whether a token is good: a JWT (RFC 7519) in the compact form of JWS (RFC 7515), judged as
//! RFC 8725 asks.
//!
//! What verifies a token is chosen by us: the algorithm belongs to the key, and the key is one that
//! was there before. Nothing that a token names is fetched.

mod claims;
mod object;

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

use crate::jwks::KeySet;
pub use claims::{Claims, is_project};
use object::Object;

#[cfg(test)]
mod tests;

/// The longest token, in bytes.
pub const TOKEN_BYTES_MAX: usize = 4_096;
/// How long our own tokens live, in seconds.
pub const TOKEN_LIFE_S: u64 = 15 * 60;
/// How far clocks may be apart, in seconds.
pub const LEEWAY_S: u64 = 30;
/// Header fields that bring or name a key, or ask for what we do not know.
const REFUSED_FIELDS: [&str; 5] = ["jwk", "jku", "x5u", "x5c", "crit"];

/// Signature algorithms (RFC 7518, RFC 8037). There is no symmetric one, and no `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// Ed25519.
    EdDsa,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// RSA, PKCS #1 version 1.5, with SHA-256.
    Rs256,
}

/// Why a token is not good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rejected {
    /// Longer than [`TOKEN_BYTES_MAX`].
    TooLong,
    /// Not three parts of base64url, or not JSON objects without repeated fields.
    Malformed,
    /// Its header brings a key, or asks for what we do not know.
    Header,
    /// An algorithm that is not accepted, or another one than its key's.
    Algorithm,
    /// Nobody here trusts its issuer.
    Issuer,
    /// Its key is none of its issuer's.
    Key,
    /// The signature is not that of this key over this text.
    Signature,
    /// Its time is over.
    Expired,
    /// Its time has not come.
    NotYet,
    /// It lives longer than tokens may.
    Life,
    /// It is meant for somebody else.
    Audience,
    /// A claim is missing or has the wrong type.
    Claims,
    /// It gives no right to this.
    Scope,
    /// The key that it was exchanged for has been revoked.
    Revoked,
}

/// What a token of one issuer must say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// `iss`.
    pub issuer: String,
    /// What must be in `aud`.
    pub audience: String,
    /// How far `exp` may be ahead, in seconds.
    pub life_s_max: u64,
    /// What must be in `scope`, if anything.
    pub scope: Option<crate::Scope>,
}

/// A token of which nothing is known to be true yet.
#[derive(Debug)]
pub struct Unverified<'t> {
    signed: &'t str,
    signature: Vec<u8>,
    algorithm: Algorithm,
    kid: String,
    issuer: String,
    claims: Object,
}

// === impl Algorithm ===

impl Algorithm {
    /// The name in headers and key sets.
    pub const fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
        }
    }

    fn named(name: &str) -> Option<Self> {
        [Self::EdDsa, Self::Es256, Self::Rs256].into_iter().find(|it| it.name() == name)
    }
}

// === impl Rejected ===

impl Rejected {
    /// All there are.
    pub const ALL: [Self; 14] = [
        Self::TooLong,
        Self::Malformed,
        Self::Header,
        Self::Algorithm,
        Self::Issuer,
        Self::Key,
        Self::Signature,
        Self::Expired,
        Self::NotYet,
        Self::Life,
        Self::Audience,
        Self::Claims,
        Self::Scope,
        Self::Revoked,
    ];

    /// What a sender is told.
    pub const fn message(self) -> &'static str {
        match self {
            Self::TooLong => "the token is too long",
            Self::Malformed => "the token is damaged or no JWT",
            Self::Header => "the token's header has a field that is not accepted",
            Self::Algorithm => "the token's algorithm is not accepted",
            Self::Issuer => "the token's issuer is not known here",
            Self::Key => "the token's key is not known here",
            Self::Signature => "the token's signature is wrong",
            Self::Expired => "the token has expired: exchange the key again",
            Self::NotYet => "the token is not valid yet",
            Self::Life => "the token lives too long",
            Self::Audience => "the token is for another audience",
            Self::Claims => "the token lacks a claim, or one has the wrong type",
            Self::Scope => "the token lacks the scope for this",
            Self::Revoked => "the token's key has been revoked",
        }
    }

    /// One word for counters.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::Malformed => "malformed",
            Self::Header => "header",
            Self::Algorithm => "algorithm",
            Self::Issuer => "issuer",
            Self::Key => "key",
            Self::Signature => "signature",
            Self::Expired => "expired",
            Self::NotYet => "not_yet",
            Self::Life => "life",
            Self::Audience => "audience",
            Self::Claims => "claims",
            Self::Scope => "scope",
            Self::Revoked => "revoked",
        }
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for Rejected {}

// === impl Unverified ===

impl<'t> Unverified<'t> {
    /// Takes a token apart.
    ///
    /// # Errors
    /// What can be told without a key.
    pub fn parse(token: &'t str) -> Result<Self, Rejected> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(Rejected::TooLong);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(Rejected::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(Rejected::Malformed)?;
        let header = object(header)?;
        if REFUSED_FIELDS.iter().any(|field| header.has(field)) {
            return Err(Rejected::Header);
        }
        let algorithm = header.text("alg").and_then(Algorithm::named).ok_or(Rejected::Algorithm)?;
        let kid = header.text("kid").ok_or(Rejected::Key)?.to_owned();
        let claims = object(claims)?;
        let issuer = claims.text("iss").ok_or(Rejected::Claims)?.to_owned();
        // Strict: bits behind the last byte would make two texts of one signature.
        let signature = BASE64.decode(signature).map_err(|_| Rejected::Malformed)?;
        Ok(Self { signed, signature, algorithm, kid, issuer, claims })
    }

    /// Who says to have issued it; chooses the rules and keys that it is verified by.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Which of the issuer's keys it says to be signed with.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Verifies it against the keys and rules of its issuer.
    ///
    /// # Errors
    /// The first of all that is wrong with it.
    pub fn verify(&self, rules: &Rules, keys: &KeySet, now_s: u64) -> Result<Claims, Rejected> {
        if self.issuer != rules.issuer {
            return Err(Rejected::Issuer);
        }
        let key = keys.get(&self.kid).ok_or(Rejected::Key)?;
        if key.algorithm() != self.algorithm {
            return Err(Rejected::Algorithm);
        }
        if !key.verifies(self.signed.as_bytes(), &self.signature) {
            return Err(Rejected::Signature);
        }
        claims::check(&self.claims, rules, now_s)
    }
}

fn object(part: &str) -> Result<Object, Rejected> {
    let bytes = BASE64.decode(part).map_err(|_| Rejected::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| Rejected::Malformed)
}

/// What stands behind `Bearer` in an `Authorization` header (RFC 6750), if it is one.
pub fn bearer(header: &[u8]) -> Option<Cow<'_, str>> {
    let (scheme, token) = header.split_at_checked("Bearer ".len())?;
    let is_bearer = scheme.eq_ignore_ascii_case(b"Bearer ");
    // Only what is no token has to be made text first.
    is_bearer.then(|| String::from_utf8_lossy(token.trim_ascii()))
}
