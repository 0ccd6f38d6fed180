//! Who may send to the collector, and where keys of our own are.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::fields::Entry;
use crate::listeners;
use crate::model::{Document, IssuerEntry};
use crate::settings::StoreSettings;

/// Where keys are if there is no SQLite store to put them beside.
const KEYS_FOLDER: &str = "data";
const KEYS_FILE: &str = "keys.db";
/// As our own tokens'.
const TOKEN_LIFE: Duration = Duration::from_secs(15 * 60);

/// Whether senders need a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuthMode {
    /// Nothing is sent without one. The default, unless the collector is bound to loopback.
    Required,
    /// A token is verified and decides about the project; without one, senders name it. The default
    /// on loopback.
    Optional,
    /// Nobody looks at tokens.
    Off,
}

/// `collector.auth` and `collector.issuers`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CollectorAuth {
    /// Whether senders need a token.
    pub mode: AuthMode,
    /// Whose tokens are good, besides ours.
    pub issuers: Vec<Issuer>,
}

/// `collector.issuers.<name>`: an OpenID provider whose tokens are good.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Issuer {
    /// Its name in the file.
    pub name: String,
    /// `iss` of its tokens.
    pub issuer: String,
    /// What must be in their `aud`.
    pub audience: String,
    /// Where its key set is.
    pub jwks: Jwks,
    /// How far their `exp` may be ahead; 15 minutes by default.
    pub token_life_max: Duration,
}

/// Where an issuer's key set is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Jwks {
    /// In a file, read at the start and when a token names a key that is not known.
    File(PathBuf),
    /// At a URL, fetched then.
    Url(String),
}

/// `keys`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Keys {
    /// Whether callers need a key of ours.
    pub required: bool,
    /// The key store; beside the SQLite store by default, else `data/keys.db`.
    pub path: PathBuf,
    /// `iss` of our tokens, without a slash at its end; `http://localhost:4500` by default, with the
    /// control plane's port.
    pub issuer: String,
}

// === impl AuthMode ===

impl AuthMode {
    pub(crate) const WORDS: [(&str, Self); 3] =
        [("required", Self::Required), ("optional", Self::Optional), ("off", Self::Off)];

    /// The word in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Optional => "optional",
            Self::Off => "off",
        }
    }
}

// === impl CollectorAuth ===

impl CollectorAuth {
    /// `is_local` tells whether only this machine reaches the collector.
    pub(crate) fn of(document: &Document, is_local: bool) -> Self {
        let Some(entry) = document.collector.as_ref().map(|collector| &collector.auth) else {
            return Self { mode: AuthMode::Off, issuers: Vec::new() };
        };
        let default = if is_local { AuthMode::Optional } else { AuthMode::Required };
        Self {
            mode: entry.mode.as_ref().map_or(default, |mode| mode.value),
            issuers: entry.issuers.iter().filter_map(issuer).collect(),
        }
    }
}

fn issuer(entry: &Entry<IssuerEntry>) -> Option<Issuer> {
    let written = &entry.value;
    let jwks = match (&written.jwks_file, &written.jwks_url) {
        (Some(file), _) => Jwks::File(file.value.clone().into()),
        (None, url) => Jwks::Url(url.as_ref()?.value.clone()),
    };
    Some(Issuer {
        name: entry.name.clone(),
        issuer: written.issuer.as_ref()?.value.clone(),
        audience: written.audience.as_ref()?.value.clone(),
        jwks,
        token_life_max: written.token_life_secs_max.map_or(TOKEN_LIFE, Duration::from_secs),
    })
}

// === impl Keys ===

impl Keys {
    pub(crate) fn of(document: &Document, store: Option<&StoreSettings>) -> Self {
        let entry = &document.keys;
        let folder = match store {
            Some(StoreSettings::Sqlite { path, .. }) => path.parent(),
            _ => None,
        };
        let default = || folder.unwrap_or(Path::new(KEYS_FOLDER)).join(KEYS_FILE);
        Self {
            required: entry.required,
            path: entry.path.as_ref().map_or_else(default, PathBuf::from),
            issuer: own_issuer(document),
        }
    }
}

/// `iss` of our own tokens.
pub(crate) fn own_issuer(document: &Document) -> String {
    let written = document.keys.issuer.as_ref();
    let written = written.map(|issuer| issuer.value.trim_end_matches('/').to_owned());
    let control = listeners::control_port(document);
    written.unwrap_or_else(|| format!("http://localhost:{control}"))
}
