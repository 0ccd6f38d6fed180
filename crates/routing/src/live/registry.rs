//! The states of all targets, carried from one configuration to the next.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::{Health, Live, Load};
use crate::table::Table;
use crate::target::Target;

/// What makes a target the same one in another configuration: provider, name and model.
type Key = [Arc<str>; 3];
type Targets = BTreeMap<Key, (Arc<Live>, Option<Health>)>;

/// The states of all targets that routes and functions choose from. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Registry {
    origin: Instant,
    /// Locked when a configuration is loaded and when somebody looks; never by a request.
    targets: Arc<Mutex<Targets>>,
}

/// One target's state, for people and metrics.
#[derive(Clone, Debug)]
pub struct TargetState {
    /// The provider's name.
    pub provider: Arc<str>,
    /// The target's name.
    pub target: Arc<str>,
    /// The upstream's model.
    pub model: Arc<str>,
    /// Its numbers.
    pub load: Load,
    /// When it is ejected, if ever.
    pub health: Option<Health>,
    /// How often it was.
    pub ejections: u64,
}

// === impl Registry ===

impl Registry {
    /// Knows nothing yet.
    pub fn new(now: Instant) -> Self {
        Self { origin: now, targets: Arc::default() }
    }

    /// Gives the targets of a table their states: the one that a target of the same provider, name
    /// and model had before, else a new one. Those that are gone are forgotten.
    ///
    /// Comes before the first request of that table; a target that has a state already keeps it.
    pub fn adopt(&self, table: &Table) {
        let mut targets = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::take(&mut *targets);
        for target in table.managed() {
            let key = key(target);
            let known = before.get(&key).or_else(|| targets.get(&key)).map(|(live, _)| live);
            let live = known.map_or_else(|| Arc::new(Live::new(self.origin)), Arc::clone);
            target.live.fill(&live);
            let live = target.live.get().map_or(live, Arc::clone);
            targets.insert(key, (live, target.health));
        }
    }

    /// Every target's state at `now`, by provider, name and model.
    pub fn states(&self, now: Instant) -> Vec<TargetState> {
        let targets = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        let state = |([provider, target, model], (live, health)): (&Key, &(Arc<Live>, _))| {
            let health: Option<Health> = *health;
            TargetState {
                provider: Arc::clone(provider),
                target: Arc::clone(target),
                model: Arc::clone(model),
                load: live.load(health.as_ref(), now),
                health,
                ejections: live.ejections(),
            }
        };
        targets.iter().map(state).collect()
    }
}

fn key(target: &Target) -> Key {
    [&target.provider.name, &target.name, &target.model].map(Arc::clone)
}
