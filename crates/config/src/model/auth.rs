//! `keys`, `collector.auth`, `collector.issuers`.

use crate::auth::AuthMode;
use crate::fields::{Entry, Fields, Located};

/// The longest life of an issuer's tokens, in seconds: a day.
const TOKEN_LIFE_SECS_MAX: u64 = 24 * 60 * 60;

/// `keys`.
#[derive(Debug, Default)]
pub(crate) struct KeysEntry {
    pub(crate) required: bool,
    pub(crate) path: Option<String>,
    pub(crate) issuer: Option<Located<String>>,
}

/// Who may send to the collector.
#[derive(Debug, Default)]
pub(crate) struct AuthEntry {
    pub(crate) mode: Option<Located<AuthMode>>,
    pub(crate) issuers: Vec<Entry<IssuerEntry>>,
}

/// `collector.issuers.<name>`.
#[derive(Clone, Debug)]
pub(crate) struct IssuerEntry {
    pub(crate) issuer: Option<Located<String>>,
    pub(crate) audience: Option<Located<String>>,
    pub(crate) jwks_file: Option<Located<String>>,
    pub(crate) jwks_url: Option<Located<String>>,
    pub(crate) token_life_secs_max: Option<u64>,
}

pub(super) fn keys(fields: &mut Fields<'_, '_>) -> KeysEntry {
    KeysEntry {
        required: fields.flag("required").is_some_and(|flag| flag.value),
        path: fields.text("path").map(|path| path.value),
        issuer: fields.text("issuer"),
    }
}

pub(super) fn collector(fields: &mut Fields<'_, '_>) -> AuthEntry {
    AuthEntry {
        mode: fields.choice("auth", &AuthMode::WORDS),
        issuers: fields.table("issuers", issuer),
    }
}

fn issuer(fields: &mut Fields<'_, '_>) -> IssuerEntry {
    let entry = IssuerEntry {
        issuer: fields.text("issuer"),
        audience: fields.text("audience"),
        jwks_file: fields.text("jwks_file"),
        jwks_url: fields.text("jwks_url"),
        token_life_secs_max: fields
            .integer("token_life_secs_max", 1..=TOKEN_LIFE_SECS_MAX, "s")
            .map(|life| life.value),
    };
    fields.require("issuer", "what its tokens say in `iss`");
    fields.require("audience", "what its tokens for us say in `aud`");
    entry
}
