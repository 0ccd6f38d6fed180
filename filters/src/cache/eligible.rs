//! Which requests are looked for, and which answers may be told again: the rules of `docs/cache.md`.

use tollgate_providers::canonical::canonical;
use tollgate_providers::{Endpoint, EndpointKind};
use tollgate_routing::{Plan, Strategy};

use super::{Key, KeyMaker, Mode, Settings};
use crate::request::Facts;

/// Why an answer ended, where it ended by itself: nothing was cut off, held back or filtered. In
/// lower case. What is not listed is not taken for an end.
const NATURAL_ENDS: [&str; 11] = [
    "stop",
    "end_turn",
    "stop_sequence",
    "tool_calls",
    "tool_use",
    "tool_call",
    "function_call",
    "completed",
    "complete",
    "eos",
    "eos_token",
];

/// A request as the cache sees it.
pub(crate) struct Question<'a> {
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) facts: &'a Facts,
    pub(crate) plan: &'a Plan,
    pub(crate) body: &'a [u8],
    /// All of the key but the body.
    pub(crate) key: KeyMaker,
}

/// Whether an answer that gives this reason for its end ended by itself.
pub fn is_natural_end(reason: &str) -> bool {
    NATURAL_ENDS.iter().any(|known| known.eq_ignore_ascii_case(reason))
}

/// Whether such a request may be looked for at all.
pub(super) fn is_asked_for(settings: &Settings, endpoint: &Endpoint, facts: &Facts) -> bool {
    let is_answer = endpoint.dialect().is_some() || is_exact(endpoint);
    is_answer && (!facts.stream || settings.streams)
}

/// The key of a request that is to be looked for.
pub(super) fn key(settings: &Settings, question: Question<'_>) -> Option<Key> {
    let Question { endpoint, facts, plan, body, key } = question;
    let mode = mode(settings, plan);
    if mode == Mode::Never || !is_asked_for(settings, endpoint, facts) {
        return None;
    }
    // An experiment would take one arm's answer for another's.
    let is_one = is_certain(endpoint, facts) && plan.strategy != Strategy::Experiment;
    if mode != Mode::Force && !is_one {
        return None;
    }
    let body = canonical(endpoint, body, facts.stream).ok()?;
    Some(key.finish(&facts.model, &body, facts.stream))
}

/// Where nothing is said, providers let chance have its part.
pub(super) fn is_certain(endpoint: &Endpoint, facts: &Facts) -> bool {
    is_exact(endpoint) || facts.params.temperature == Some(0.0)
}

fn is_exact(endpoint: &Endpoint) -> bool {
    matches!(endpoint.kind(), EndpointKind::Embeddings | EndpointKind::Rerank)
}

fn mode(settings: &Settings, plan: &Plan) -> Mode {
    let own = plan.name.as_ref().and_then(|name| {
        // A map of pairs is asked with a pair; names are shared, not copied.
        settings.modes.get(&(plan.layer, std::sync::Arc::clone(name)))
    });
    own.copied().unwrap_or(settings.mode)
}
