//! Who calls, by the keys that a running gateway knows: asked for every request, from memory.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tollgate_filters::request::{Caller, Callers, KeyRefusal};
use tollgate_keys::token::is_project;
use tollgate_keys::{Denied, Grants, KeyRecord, KeyRing, Scope, now_s};
use tollgate_limits::{Budget, Caps, OnExceed, Patterns, Rule};

#[cfg(test)]
mod tests;

/// The name of the rule that a key's own limits are. No configured rule can be called so.
const OWN_RULE: &str = "(key)";
/// What attributes from a key's metadata begin with.
const METADATA: &str = "gateway.key.metadata.";

/// The callers that keys make.
pub(crate) struct KnownCallers {
    ring: Arc<KeyRing>,
    made: RwLock<Made>,
    results: [AtomicU64; Outcome::ALL.len()],
}

/// Callers by the key's id, with the record that they were made from.
type Made = HashMap<String, (Arc<KeyRecord>, Arc<Caller>)>;

/// What comes of a request's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Accepted,
    Anonymous,
    Missing,
    Malformed,
    Unknown,
    Expired,
    Revoked,
    /// It is good for other things.
    Scope,
    /// It is for another project.
    Project,
    Unavailable,
}

// === impl KnownCallers ===

impl KnownCallers {
    pub(crate) fn new(ring: Arc<KeyRing>) -> Self {
        Self { ring, made: RwLock::default(), results: Default::default() }
    }

    /// What came of all requests' keys, by name.
    pub(crate) fn results(&self) -> Vec<(&'static str, u64)> {
        let count = |(outcome, count): (Outcome, &AtomicU64)| {
            (outcome.name(), count.load(Ordering::Relaxed))
        };
        Outcome::ALL.into_iter().zip(&self.results).map(count).collect()
    }

    fn look_up(&self, key: &str, project: Option<&str>) -> Result<Arc<Caller>, Outcome> {
        let record = self.ring.recognize(key, now_s()).map_err(|denied| match denied {
            Denied::Bad(_) => Outcome::Malformed,
            Denied::Unknown => Outcome::Unknown,
            Denied::Expired => Outcome::Expired,
            Denied::Revoked => Outcome::Revoked,
            Denied::Unavailable(error) => {
                tracing::error!(%error, "callers' keys cannot be checked");
                Outcome::Unavailable
            }
        })?;
        if !record.may(Scope::GatewayCall) {
            return Err(Outcome::Scope);
        }
        match (&record.project, project) {
            (Some(own), Some(asked)) if own != asked => Err(Outcome::Project),
            (None, Some(asked)) if !is_project(asked) => Err(Outcome::Project),
            // For one project of many: made for this request.
            (None, Some(asked)) => Ok(Arc::new(caller(&record, Some(asked)))),
            _ => Ok(self.made(&record)),
        }
    }

    /// The caller of a key, made once for each version of its record.
    fn made(&self, record: &Arc<KeyRecord>) -> Arc<Caller> {
        let made = self.made.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, caller)) = made.get(&record.id)
            && Arc::ptr_eq(of, record)
        {
            return Arc::clone(caller);
        }
        drop(made);
        let caller = Arc::new(caller(record, record.project.as_deref()));
        let mut made = self.made.write().unwrap_or_else(PoisonError::into_inner);
        // There are never more than keys.
        made.insert(record.id.clone(), (Arc::clone(record), Arc::clone(&caller)));
        caller
    }

    fn count(&self, outcome: Outcome) {
        if let Some(count) = self.results.get(outcome as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Callers for KnownCallers {
    fn identify(&self, key: &str, project: Option<&str>) -> Result<Arc<Caller>, KeyRefusal> {
        let found = self.look_up(key, project);
        self.count(*found.as_ref().err().unwrap_or(&Outcome::Accepted));
        found.map_err(|outcome| match outcome {
            Outcome::Unavailable => KeyRefusal::Unavailable,
            Outcome::Scope => KeyRefusal::NotForCalls,
            Outcome::Project => KeyRefusal::OtherProject,
            _ => KeyRefusal::NotValid,
        })
    }

    fn anonymous(&self, refused: bool) {
        self.count(if refused { Outcome::Missing } else { Outcome::Anonymous });
    }
}

impl fmt::Debug for KnownCallers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KnownCallers").finish_non_exhaustive()
    }
}

// === impl Outcome ===

impl Outcome {
    const ALL: [Self; 10] = [
        Self::Accepted,
        Self::Anonymous,
        Self::Missing,
        Self::Malformed,
        Self::Unknown,
        Self::Expired,
        Self::Revoked,
        Self::Scope,
        Self::Project,
        Self::Unavailable,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Anonymous => "anonymous",
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Scope => "scope",
            Self::Project => "project",
            Self::Unavailable => "unavailable",
        }
    }
}

fn caller(record: &KeyRecord, project: Option<&str>) -> Caller {
    let Grants { models, metadata, .. } = &record.grants;
    let metadata = metadata
        .iter()
        .map(|(name, value)| (Arc::from(format!("{METADATA}{name}")), value.clone()));
    Caller {
        key_id: record.id.as_str().into(),
        key_name: record.name.as_str().into(),
        project: project.map(Arc::from),
        metadata: metadata.collect(),
        models: (!models.is_empty()).then(|| Patterns::new(models.iter().map(String::as_str))),
        rule: own_rule(&record.grants),
    }
}

/// What the key's calls may use, as a rule like those of the configuration.
fn own_rule(grants: &Grants) -> Option<Arc<Rule>> {
    let Grants { requests_per_minute, tokens_per_minute, concurrency_max, .. } = *grants;
    let (day_nanos, month_nanos) = (grants.budget_day_nanos, grants.budget_month_nanos);
    let any_budget = day_nanos.is_some() || month_nanos.is_some();
    let currency = || grants.currency.as_str().into();
    let budget = any_budget.then(|| Budget { day_nanos, month_nanos, currency: currency() });
    let caps = Caps { requests_per_minute, tokens_per_minute, concurrency_max, budget };
    (!caps.is_empty()).then(|| {
        Arc::new(Rule {
            name: OWN_RULE.into(),
            scope: tollgate_limits::Scope::Key,
            matching: None,
            caps,
            on_exceed: OnExceed::Finish,
        })
    })
}
