//! Who is sending: the first stage, before anything of the body is read.
//!
//! A token says which project its sender is of; [`Sender::stamp`] writes that over whatever the
//! resource says. Off, optional or required, by configuration.

mod counts;
mod issuer;
mod sender;
mod service;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use tollgate_keys::token::{Claims, Rejected, Rules, Unverified, bearer};
use tollgate_keys::{Denied, Exchange, KeySet, Scope, now_s};

use counts::Counts;
use issuer::External;
pub use issuer::{FetchKeySet, IssuerSettings};
pub(crate) use sender::Sender;
pub(crate) use service::AuthLayer;

#[cfg(test)]
mod tests;

/// How often key sets are fetched again, so that keys which an issuer has withdrawn are forgotten.
const REFRESH_EVERY: Duration = Duration::from_secs(600);

/// Whether senders need a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthMode {
    /// Nothing is taken without one.
    Required,
    /// A token is verified and decides about the project; without one, senders name it.
    Optional,
    /// Nobody looks at tokens.
    Off,
}

/// Verifies senders. A clone shares its counters.
#[derive(Clone)]
pub struct Auth {
    mode: AuthMode,
    own: Option<Arc<Own>>,
    issuers: Arc<[External]>,
    counts: Arc<Counts>,
}

/// Why a sender is turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unauthenticated {
    /// There is no token.
    Missing,
    /// There is one, and it is not good.
    Rejected(Rejected),
    /// The keys to judge it by cannot be had; worth another try.
    Unavailable,
}

struct Own {
    exchange: Exchange,
    rules: Rules,
}

// === impl Auth ===

impl Auth {
    /// Takes everybody's word.
    pub fn off() -> Self {
        Self::new(AuthMode::Off, None, Vec::new())
    }

    /// Takes our own tokens, if there are any, and those of `issuers`.
    pub fn new(mode: AuthMode, own: Option<Exchange>, issuers: Vec<IssuerSettings>) -> Self {
        let own = own.map(|exchange| {
            let rules = exchange.rules(Scope::OtelWrite);
            Arc::new(Own { exchange, rules })
        });
        let issuers = issuers.into_iter().map(External::new).collect();
        Self { mode, own, issuers, counts: Arc::default() }
    }

    /// Requests turned away so far, by reason; every reason is there.
    pub fn refusals(&self) -> Vec<(&'static str, u64)> {
        self.counts.refusals()
    }

    /// Requests whose token was good.
    pub fn accepted(&self) -> u64 {
        self.counts.accepted()
    }

    /// Fetches the key sets of all issuers, at once and from time to time; never ends.
    pub(crate) async fn keep_key_sets(&self) {
        if self.mode == AuthMode::Off || self.issuers.is_empty() {
            std::future::pending::<()>().await;
        }
        loop {
            join_all(self.issuers.iter().map(External::refresh)).await;
            tokio::time::sleep(REFRESH_EVERY).await;
        }
    }

    /// Who is sending, by the headers of a request.
    pub(crate) async fn check(&self, headers: &HeaderMap) -> Result<Sender, Unauthenticated> {
        if self.mode == AuthMode::Off {
            return Ok(Sender::Unverified);
        }
        let mut credentials = headers.get_all(AUTHORIZATION).iter();
        let checked = match (credentials.next(), credentials.next()) {
            (None, _) if self.mode == AuthMode::Optional => return Ok(Sender::Unverified),
            (None, _) => Err(Unauthenticated::Missing),
            // Whoever reads the other one sees another sender.
            (Some(_), Some(_)) => Err(Rejected::Malformed.into()),
            (Some(header), None) => match bearer(header.as_bytes()) {
                Some(token) => self.verify(&token, now_s()).await,
                None => Err(Unauthenticated::Missing),
            },
        };
        self.counts.count(checked.as_ref().err().copied());
        checked.map(|claims| Sender::Of(claims.project.into()))
    }

    async fn verify(&self, token: &str, now_s: u64) -> Result<Claims, Unauthenticated> {
        let token = Unverified::parse(token)?;
        if let Some(own) = self.own.as_ref().filter(|own| own.rules.issuer == token.issuer()) {
            return own.verify(&token, now_s);
        }
        let issuer = self.issuers.iter().find(|issuer| issuer.rules.issuer == token.issuer());
        let issuer = issuer.ok_or(Rejected::Issuer)?;
        let keys = issuer.keys(token.kid()).await.ok_or(Unauthenticated::Unavailable)?;
        Ok(token.verify(&issuer.rules, &keys, now_s)?)
    }
}

// === impl Own ===

impl Own {
    fn verify(&self, token: &Unverified<'_>, now_s: u64) -> Result<Claims, Unauthenticated> {
        let keys = self.key_set(token.kid()).ok_or(Unauthenticated::Unavailable)?;
        let claims = token.verify(&self.rules, &keys, now_s)?;
        let key_id = claims.key_id.as_ref().ok_or(Rejected::Claims)?;
        match self.exchange.keys().check(key_id, now_s) {
            Ok(()) => Ok(claims),
            Err(Denied::Unavailable(error)) => {
                tracing::warn!(%error, "a token cannot be checked");
                Err(Unauthenticated::Unavailable)
            }
            Err(_) => Err(Rejected::Revoked.into()),
        }
    }

    fn key_set(&self, kid: &str) -> Option<Arc<KeySet>> {
        let keys = self.exchange.keys();
        let known = keys.public_keys().and_then(|known| match known.has(kid) {
            true => Ok(known),
            // Another process may have made it a moment ago.
            false => keys.public_keys_now(),
        });
        known.inspect_err(|error| tracing::warn!(%error, "a token cannot be checked")).ok()
    }
}

// === impl Unauthenticated ===

impl Unauthenticated {
    /// What the sender is told.
    pub(crate) const fn message(self) -> &'static str {
        match self {
            Self::Missing => "send a token: `authorization: Bearer TOKEN`",
            Self::Rejected(rejected) => rejected.message(),
            Self::Unavailable => "tokens cannot be checked now; try again later",
        }
    }

    /// One word for counters.
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Rejected(rejected) => rejected.reason(),
            Self::Unavailable => "unavailable",
        }
    }
}

impl From<Rejected> for Unauthenticated {
    fn from(rejected: Rejected) -> Self {
        Self::Rejected(rejected)
    }
}
