//! Callers and limits for tests: known keys, prices, and a clock that is set by hand.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tollgate_limits::{Ledger, Now, OnExceed, Patterns, Priced, Rule};
use tollgate_routing::Table;

use crate::request::{Caller, CallerKeys, Callers, KeyRefusal, Prices, Quotas, Unpriced};

/// Keys by their text; what is not in it is not valid.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    pub(crate) known: HashMap<String, Result<Arc<Caller>, KeyRefusal>>,
    /// Every key and project that was asked about; requests without a key are empty.
    pub(crate) asked: Mutex<Vec<(String, Option<String>)>>,
}

impl Callers for Keys {
    fn identify(&self, key: &str, project: Option<&str>) -> Result<Arc<Caller>, KeyRefusal> {
        self.asked.lock().unwrap().push((key.to_owned(), project.map(str::to_owned)));
        self.known.get(key).cloned().unwrap_or(Err(KeyRefusal::NotValid))
    }

    fn anonymous(&self, _refused: bool) {
        self.asked.lock().unwrap().push((String::new(), None));
    }
}

/// Nobody needs a key, and none is known.
pub(crate) fn open() -> CallerKeys {
    CallerKeys { callers: Arc::new(Keys::default()), required: false }
}

/// These keys are known.
pub(crate) fn keys(known: &[(&str, Arc<Caller>)], required: bool) -> (Arc<Keys>, CallerKeys) {
    let known = known.iter().map(|(key, caller)| ((*key).to_owned(), Ok(Arc::clone(caller))));
    let keys = Arc::new(Keys { known: known.collect(), asked: Mutex::default() });
    (Arc::clone(&keys), CallerKeys { callers: keys, required })
}

pub(crate) fn caller(id: &str, models: Option<&[&str]>, rule: Option<Rule>) -> Arc<Caller> {
    Arc::new(Caller {
        key_id: id.into(),
        key_name: "".into(),
        project: None,
        metadata: Arc::default(),
        models: models.map(|models| Patterns::new(models.iter().copied())),
        rule: rule.map(Arc::new),
    })
}

/// One currency unit for a million tokens of input, two for output; of `free` models nobody knows.
#[derive(Debug)]
struct Flat;

impl Prices for Flat {
    fn price(&self, model: &str) -> Option<Priced> {
        let price = Priced { input: 1e-6, output: 2e-6, currency: "USD".into() };
        (!model.starts_with("free")).then_some(price)
    }
}

pub(crate) fn unlimited(table: Arc<Table>) -> Quotas {
    limited(table, Vec::new()).0
}

/// These rules, and the clock in milliseconds.
pub(crate) fn limited(table: Arc<Table>, rules: Vec<Rule>) -> (Quotas, Arc<AtomicU64>) {
    let ms = Arc::new(AtomicU64::new(0));
    let read = Arc::clone(&ms);
    let clock = Arc::new(move || {
        let ms = read.load(Ordering::Relaxed);
        Now { ms, unix_s: ms / 1_000 }
    });
    let quotas = Quotas {
        ledger: Arc::new(Ledger::new(1_000, clock)),
        rules: rules.into_iter().map(Arc::new).collect(),
        prices: Arc::new(Flat),
        unpriced: Unpriced::Allow,
        output_tokens_default: 100,
        on_exceed: OnExceed::Finish,
        table,
    };
    (quotas, ms)
}
