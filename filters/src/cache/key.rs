//! What an entry is found by. The tenant is part of the type: there is no key without one.

use http::HeaderMap;
use ring::digest::{Context, Digest, SHA256, SHA256_OUTPUT_LEN, digest};
use tollgate_providers::Endpoint;
use tollgate_providers::endpoint::PROVIDER_HEADER;

/// Headers that tell one caller from another.
const CREDENTIALS: [&str; 8] = [
    "x-to11-authorization",
    "authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "proxy-authorization",
    "cookie",
    "x-goog-user-project",
];
/// Headers that go to the upstream and may change its answer begin with one of these.
const API_PREFIXES: [&str; 2] = ["anthropic-", "openai-"];

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
/// Every part has its length before it, so that no two lists of parts are one text.
#[derive(Clone)]
pub struct KeyMaker(Context);

// === impl Tenant ===

impl Tenant {
    /// The tenant of a request that no layer named a key for: its credentials, wherever they are.
    pub fn of(headers: &HeaderMap, query: Option<&str>) -> Self {
        let mut hash = Hash::default();
        for name in CREDENTIALS {
            for value in headers.get_all(name) {
                hash.part(name.as_bytes());
                hash.part(value.as_bytes());
            }
        }
        // A key in the query counts under whatever name it comes.
        if let Some(query) = query.filter(|query| !query.is_empty()) {
            hash.part(b"?");
            hash.part(query.as_bytes());
        }
        hash.0.map_or(Self::Anonymous, |context| Self::Credential(bytes(&context.finish())))
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
        let mut hash = Hash::default();
        match tenant {
            Tenant::Key(id) => {
                hash.part(b"key");
                hash.part(id.as_bytes());
            }
            Tenant::Credential(credential) => {
                hash.part(b"credential");
                hash.part(credential);
            }
            Tenant::Anonymous => hash.part(b"anonymous"),
        }
        hash.part(version);
        // Another release may write the same answer in other bytes.
        hash.part(env!("CARGO_PKG_VERSION").as_bytes());
        hash.part(endpoint.route().as_bytes());
        hash.part(query.unwrap_or_default().as_bytes());
        let matters = |name: &str| {
            name == PROVIDER_HEADER || API_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        };
        let mut named: Vec<_> = headers.iter().filter(|(name, _)| matters(name.as_str())).collect();
        // A stable sort: of several values of one header the order may count.
        named.sort_by_key(|(name, _)| name.as_str());
        for (name, value) in named {
            hash.part(name.as_str().as_bytes());
            hash.part(value.as_bytes());
        }
        Self(hash.context())
    }

    /// The key of a request for this model with this canonical body. The model is the one that is
    /// routed, which the body need not name.
    pub fn finish(self, model: &str, body: &[u8], stream: bool) -> Key {
        let mut hash = Hash(Some(self.0));
        hash.part(model.as_bytes());
        hash.part(if stream { b"stream" } else { b"plain" });
        hash.part(body);
        Key(bytes(&hash.context().finish()))
    }
}

/// Nothing yet, or a hash of parts.
#[derive(Default)]
struct Hash(Option<Context>);

// === impl Hash ===

impl Hash {
    fn part(&mut self, part: &[u8]) {
        let context = self.0.get_or_insert_with(|| Context::new(&SHA256));
        context.update(&(part.len() as u64).to_le_bytes());
        context.update(part);
    }

    fn context(self) -> Context {
        self.0.unwrap_or_else(|| Context::new(&SHA256))
    }
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
