//! What an entry is found by. The tenant is part of the type: there is no key without one.

use http::{HeaderMap, HeaderName, header};
use ring::digest::{Context, Digest, SHA256, SHA256_OUTPUT_LEN, digest};
use tollgate_providers::Endpoint;
use tollgate_providers::endpoint::PROVIDER_HEADER;

/// Headers that tell one caller from another.
static CREDENTIALS: [HeaderName; 8] = [
    HeaderName::from_static("x-to11-authorization"),
    header::AUTHORIZATION,
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("api-key"),
    HeaderName::from_static("x-goog-api-key"),
    header::PROXY_AUTHORIZATION,
    header::COOKIE,
    HeaderName::from_static("x-goog-user-project"),
];
/// Headers that go to the upstream and may change its answer begin with one of these.
const API_PREFIXES: [&str; 2] = ["anthropic-", "openai-"];
/// What the parts before the body mostly take.
const PARTS_BYTES: usize = 256;

/// Whose entries these are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tenant {
    /// A key of ours.
    Key(std::sync::Arc<str>),
    /// The SHA-256 of what the caller authenticates itself by.
    Credential([u8; SHA256_OUTPUT_LEN]),
    /// Everyone who brings none.
    Anonymous,
}

/// The SHA-256 of everything that an answer depends on.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key([u8; SHA256_OUTPUT_LEN]);

/// A key in the making.
///
/// Every part has its length before it, so that no two lists of parts are one text. They are few and
/// short, and are hashed together with the body.
#[derive(Clone)]
pub struct KeyMaker(Vec<u8>);

// === impl Tenant ===

impl Tenant {
    /// The tenant of a request that no layer named a key for: its credentials, wherever they are.
    pub fn of(headers: &HeaderMap, query: Option<&str>) -> Self {
        let mut parts = Vec::new();
        for name in &CREDENTIALS {
            for value in headers.get_all(name) {
                part(&mut parts, name.as_str().as_bytes());
                part(&mut parts, value.as_bytes());
            }
        }
        // A key in the query counts under whatever name it comes.
        if let Some(query) = query.filter(|query| !query.is_empty()) {
            part(&mut parts, b"?");
            part(&mut parts, query.as_bytes());
        }
        if parts.is_empty() {
            return Self::Anonymous;
        }
        Self::Credential(bytes(&digest(&SHA256, &parts)))
    }
}

// === impl Key ===

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key")
    }
}

impl Key {
    /// The key's bytes.
    pub const fn as_bytes(&self) -> &[u8; SHA256_OUTPUT_LEN] {
        &self.0
    }
}

// === impl KeyMaker ===

impl std::fmt::Debug for KeyMaker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyMaker")
    }
}

impl KeyMaker {
    /// All but the body: whose request it is, under which configuration, where it goes and in which
    /// version of its API.
    pub fn new(
        tenant: &Tenant,
        version: &[u8; 32],
        endpoint: &Endpoint,
        headers: &HeaderMap,
        query: Option<&str>,
    ) -> Self {
        let mut parts = Vec::with_capacity(PARTS_BYTES);
        match tenant {
            Tenant::Key(id) => {
                part(&mut parts, b"key");
                part(&mut parts, id.as_bytes());
            }
            Tenant::Credential(credential) => {
                part(&mut parts, b"credential");
                part(&mut parts, credential);
            }
            Tenant::Anonymous => part(&mut parts, b"anonymous"),
        }
        part(&mut parts, version);
        // Another release may write the same answer in other bytes.
        part(&mut parts, env!("CARGO_PKG_VERSION").as_bytes());
        part(&mut parts, endpoint.route().as_bytes());
        part(&mut parts, query.unwrap_or_default().as_bytes());
        let matters = |name: &str| {
            name == PROVIDER_HEADER || API_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        };
        let mut named: Vec<_> = headers.iter().filter(|(name, _)| matters(name.as_str())).collect();
        // A stable sort: of several values of one header the order may count.
        named.sort_by_key(|(name, _)| name.as_str());
        for (name, value) in named {
            part(&mut parts, name.as_str().as_bytes());
            part(&mut parts, value.as_bytes());
        }
        Self(parts)
    }

    /// The key of a request for this model with this canonical body. The model is the one that is
    /// routed, which the body need not name.
    pub fn finish(self, model: &str, body: &[u8], stream: bool) -> Key {
        let mut parts = self.0;
        part(&mut parts, model.as_bytes());
        part(&mut parts, if stream { b"stream" } else { b"plain" });
        // The body is not short: it stays where it is.
        parts.extend_from_slice(&(body.len() as u64).to_le_bytes());
        let mut hash = Context::new(&SHA256);
        hash.update(&parts);
        hash.update(body);
        Key(bytes(&hash.finish()))
    }
}

fn part(parts: &mut Vec<u8>, part: &[u8]) {
    parts.extend_from_slice(&(part.len() as u64).to_le_bytes());
    parts.extend_from_slice(part);
}

fn bytes(hash: &Digest) -> [u8; SHA256_OUTPUT_LEN] {
    // A SHA-256 always is this long; were it not, hashing once more would still tell all apart.
    hash.as_ref().try_into().unwrap_or_else(|_| {
        let mut out = [0; SHA256_OUTPUT_LEN];
        for (out, byte) in out.iter_mut().zip(digest(&SHA256, hash.as_ref()).as_ref()) {
            *out = *byte;
        }
        out
    })
}
