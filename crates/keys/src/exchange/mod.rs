//! A key for a token: what the key may do becomes what the token may do, for fifteen minutes.

use std::sync::Arc;

use serde_json::json;

use crate::api_key::random_symbols;
use crate::keyring::{Denied, KeyRing};
use crate::token::{Rules, TOKEN_LIFE_S, is_project};
use crate::{KeyStoreError, Scope};

#[cfg(test)]
mod tests;

/// `aud` of our tokens.
pub const TOKEN_AUDIENCE: &str = "tollgate-collector";
/// Symbols of a token's id.
const TOKEN_ID_SYMBOLS: usize = 20;

/// Exchanges keys for tokens, in the name of one issuer.
#[derive(Clone, Debug)]
pub struct Exchange {
    issuer: String,
    keys: Arc<KeyRing>,
}

/// A token, and what it says.
#[derive(Clone, PartialEq, Eq)]
pub struct Issued {
    /// The token itself; a secret.
    pub token: String,
    /// Which key it was exchanged for; no secret.
    pub key_id: String,
    /// The project that it is for.
    pub project_id: String,
    /// When it ends, in seconds since 1970.
    pub expires_s: u64,
    /// What it is good for.
    pub scopes: Vec<Scope>,
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The key opens nothing. Whoever sent it must not learn why.
    #[error("{0}")]
    Key(Denied),
    /// The key is good, but not for this.
    #[error("the key lacks the scope {0}")]
    Scope(Scope),
    /// The key is for another project.
    #[error("the key has no right to this project")]
    Project,
    /// The key is for all projects, and none was named.
    #[error("the key is for every project: name one in `requestedProjectId`")]
    NoProject,
    /// The keys cannot be read.
    #[error(transparent)]
    Unavailable(#[from] KeyStoreError),
}

// === impl Exchange ===

impl Exchange {
    /// In the name of `issuer`, whose key set is published below it.
    pub fn new(issuer: impl Into<String>, keys: Arc<KeyRing>) -> Self {
        Self { issuer: issuer.into(), keys }
    }

    /// `iss` of the tokens.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The keys.
    pub const fn keys(&self) -> &Arc<KeyRing> {
        &self.keys
    }

    /// What a token of ours must say for `scope`.
    pub fn rules(&self, scope: Scope) -> Rules {
        Rules {
            issuer: self.issuer.clone(),
            audience: TOKEN_AUDIENCE.to_owned(),
            life_s_max: TOKEN_LIFE_S,
            scope: Some(scope),
        }
    }

    /// A token for `credential`, to send telemetry of the project that the key is for, or of
    /// `project` where it is for all. Blocks on the file system.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn exchange(
        &self,
        credential: &str,
        project: Option<&str>,
        now_s: u64,
    ) -> Result<Issued, Refused> {
        let key = self.keys.authenticate(credential, now_s).map_err(|denied| match denied {
            Denied::Unavailable(error) => Refused::Unavailable(error),
            denied => Refused::Key(denied),
        })?;
        let scope = Scope::OtelWrite;
        if !key.may(scope) {
            return Err(Refused::Scope(scope));
        }
        let project_id = match (&key.project, project) {
            (Some(own), Some(asked)) if own != asked => return Err(Refused::Project),
            (Some(own), _) => own.clone(),
            (None, Some(asked)) if is_project(asked) => asked.to_owned(),
            (None, Some(_)) => return Err(Refused::Project),
            (None, None) => return Err(Refused::NoProject),
        };
        // It dies with its key.
        let life_end_s = now_s.saturating_add(TOKEN_LIFE_S);
        let expires_s = key.expires_s.map_or(life_end_s, |end_s| end_s.min(life_end_s));
        let signer = self.keys.signer(now_s)?.ok_or(Refused::Key(Denied::Unknown))?;
        let scopes = vec![scope];
        let token = signer.sign(&json!({
            "iss": self.issuer,
            "aud": TOKEN_AUDIENCE,
            "sub": project_id,
            "iat": now_s,
            "nbf": now_s,
            "exp": expires_s,
            "jti": random_symbols(TOKEN_ID_SYMBOLS).map_err(KeyStoreError::from)?,
            "scope": Scope::join(&scopes),
            "key_id": key.id,
        }));
        Ok(Issued { token, key_id: key.id.clone(), project_id, expires_s, scopes })
    }
}

impl std::fmt::Debug for Issued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issued")
            .field("key_id", &self.key_id)
            .field("project_id", &self.project_id)
            .finish_non_exhaustive()
    }
}
