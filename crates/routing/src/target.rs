//! A target: one model at one provider, with the credential and the deadlines of its attempts.

use std::sync::Arc;
use std::time::Duration;

use tollgate_providers::{Provider, Secret};

use crate::live::{Health, LiveSlot};

/// One place a request may be sent to.
#[derive(Clone, Debug)]
pub struct Target {
    /// The key under `targets`; the model or the variant for an ephemeral target; the provider's
    /// name in passthrough.
    pub name: Arc<str>,
    /// Who serves it.
    pub provider: Arc<Provider>,
    /// The model name that the provider is asked for.
    pub model: Arc<str>,
    /// Relative weight for the weighted strategy; 0 is never drawn.
    pub weight: u32,
    /// Whose key authenticates the attempt.
    pub credential: Credential,
    /// How long each phase of an attempt may take.
    pub deadlines: Deadlines,
    /// When it is left alone for a while; never by default.
    pub health: Option<Health>,
    /// What is known of it right now, once a registry has taken it in.
    pub live: LiveSlot,
}

/// Whose key authenticates an attempt.
#[derive(Clone, Debug)]
pub enum Credential {
    /// The caller's own headers go upstream as they came: passthrough.
    Caller,
    /// The gateway's key replaces whatever the caller sent.
    Managed(Secret),
    /// Nothing is sent: a local provider.
    None,
}

/// How long each phase of an attempt may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// To an established connection, TLS included.
    pub connect: Duration,
    /// From the request being sent to the response head (`timeout_ms`).
    pub head: Duration,
    /// From the request being sent to the first content (`first_token_timeout_ms`); none by default.
    pub first_token: Option<Duration>,
    /// Between two content events (`idle_timeout_ms`).
    pub idle: Duration,
    /// For the whole request, all attempts together (`total_timeout_ms`).
    pub total: Duration,
}

// === impl Credential ===

impl Credential {
    /// The gateway's own key, where it has one for the target.
    pub const fn managed(&self) -> Option<&Secret> {
        match self {
            Self::Managed(secret) => Some(secret),
            Self::Caller | Self::None => None,
        }
    }
}

// === impl Deadlines ===

impl Deadlines {
    /// Default time to connect.
    pub const CONNECT: Duration = Duration::from_secs(5);
    /// Default time to the response head, where neither target, model, provider nor defaults say.
    pub const HEAD: Duration = Duration::from_secs(30);
    /// Default time between two content events.
    pub const IDLE: Duration = Duration::from_secs(60);
    /// Default time for the whole request.
    pub const TOTAL: Duration = Duration::from_secs(900);

    /// The time to the first sign of an answer.
    pub fn patience(&self, stream: bool) -> Duration {
        self.first_token.filter(|_| stream).map_or(self.head, |first| first.min(self.head))
    }
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            connect: Self::CONNECT,
            head: Self::HEAD,
            first_token: None,
            idle: Self::IDLE,
            total: Self::TOTAL,
        }
    }
}
