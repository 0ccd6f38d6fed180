//! Which refusal wins: one request that every layer refuses, and then one fault fewer after the other.

use std::future::ready;
use std::sync::Arc;

use tollgate_limits::{Budget, Caps, OnExceed, Rule, Scope};
use tower::service_fn;
use tower::util::BoxCloneSyncService;

use super::gates::{caller, keys, limited};
use super::stack::{BODY, guard, request, send, table};
use crate::cache::{self, Counts, Mode, Pace, ResponseCache};
use crate::request::{
    InFlight, OwnLayer, OwnLayers, Quotas, Rejection, Settings, Stack, Unpriced, Verdict, stack,
};

/// One reason to be refused, and the refusal it leads to.
struct Fault {
    /// The layer that refuses, by its name in `stack.rs`.
    layer: &'static str,
    /// Makes the request, or the stack, faulty.
    cause: fn(&mut Trial),
    /// What is answered.
    refusal: fn(&Rejection) -> bool,
}

/// A stack and a request to it, in the making.
struct Trial {
    key: Option<&'static str>,
    provider_key: bool,
    body: String,
    model: &'static str,
    headers: Vec<(&'static str, &'static str)>,
    full: bool,
    body_bytes_max: usize,
    unpriced: Unpriced,
    caps: Caps,
    own: OwnLayers,
}

/// Every way to be refused, in the order in which they win. A layer that is added to `stack.rs` gets its
/// line in its place.
const FAULTS: [Fault; 15] = [
    Fault {
        layer: "InFlightLayer",
        cause: |trial| trial.full = true,
        refusal: |it| matches!(it, Rejection::Overloaded { .. }),
    },
    Fault {
        layer: "CallerKeyLayer",
        cause: |trial| trial.key = None,
        refusal: |it| *it == Rejection::KeyMissing,
    },
    Fault {
        layer: "CallerKeyLayer",
        cause: |trial| trial.key = Some("Bearer tg_bad"),
        refusal: |it| *it == Rejection::KeyNotValid,
    },
    Fault {
        layer: "BodyLimitLayer",
        cause: |trial| trial.body_bytes_max = 10,
        refusal: |it| matches!(it, Rejection::BodyTooLarge { .. }),
    },
    Fault {
        layer: "BodyLimitLayer",
        cause: |trial| trial.headers.push(("content-encoding", "gzip")),
        refusal: |it| *it == Rejection::EncodedBody,
    },
    Fault {
        layer: "BodyLimitLayer",
        cause: |trial| trial.body.insert(0, '?'),
        refusal: |it| matches!(it, Rejection::InvalidJson { .. }),
    },
    Fault {
        layer: "BodyLimitLayer",
        cause: |trial| trial.body = trial.body.replace("true", "1"),
        refusal: |it| matches!(it, Rejection::InvalidField { field: "stream", .. }),
    },
    Fault {
        layer: "LimitsLayer",
        cause: |trial| trial.model = "forbidden",
        refusal: |it| matches!(it, Rejection::ModelNotAllowed { .. }),
    },
    Fault {
        layer: "LimitsLayer",
        cause: |trial| {
            trial.unpriced = Unpriced::Refuse;
            trial.caps.budget = Budget::new(Some(1.0), None, "EUR");
        },
        refusal: |it| matches!(it, Rejection::Unpriced { .. }),
    },
    Fault {
        layer: "LimitsLayer",
        cause: |trial| trial.caps.requests_per_minute = Some(0),
        refusal: |it| matches!(it, Rejection::Exceeded(_)),
    },
    Fault {
        layer: "GuardLayer",
        cause: |trial| trial.body = trial.body.replace("\"hi\"", "\"internal only\""),
        refusal: |it| matches!(it, Rejection::Guardrail(_)),
    },
    Fault {
        layer: "own.around",
        cause: |trial| trial.own = OwnLayers(vec![refusing()]),
        refusal: |it| matches!(it, Rejection::Unsuited { .. }),
    },
    Fault {
        layer: "CacheLayer",
        cause: |trial| trial.headers.push(("x-to11-cache", "only, please")),
        refusal: |it| matches!(it, Rejection::InvalidField { field: "x-to11-cache", .. }),
    },
    Fault {
        layer: "Route",
        cause: |trial| trial.model = "nobody",
        refusal: |it| matches!(it, Rejection::UnknownModel { .. }),
    },
    Fault {
        layer: "Route",
        cause: |trial| trial.provider_key = false,
        refusal: |it| matches!(it, Rejection::NoProviderKey { .. }),
    },
];

/// What only an answer that is there could avoid: the cache is asked when all is known to be well.
fn wants_an_entry(trial: &mut Trial) {
    trial.headers.insert(0, ("x-to11-cache", "only"));
}

/// A layer of the operator's that lets nothing by.
fn refusing() -> OwnLayer {
    let refusal = || Rejection::Unsuited { field: "own".to_owned(), reason: "no".to_owned() };
    Arc::new(move |_| BoxCloneSyncService::new(service_fn(move |_| ready(Err(refusal())))))
}

// === impl Trial ===

impl Trial {
    /// Nothing is wrong with it.
    fn new() -> Self {
        Self {
            key: Some("Bearer tg_good"),
            provider_key: true,
            body: BODY.to_owned(),
            model: "gpt-4o",
            headers: Vec::new(),
            full: false,
            body_bytes_max: 1_000,
            unpriced: Unpriced::Allow,
            caps: Caps { requests_per_minute: Some(1), ..Caps::default() },
            own: OwnLayers::default(),
        }
    }

    fn stack(&self, in_flight: &InFlight) -> Stack {
        let rule = Rule {
            name: "all".into(),
            scope: Scope::All,
            matching: None,
            caps: self.caps.clone(),
            on_exceed: OnExceed::Finish,
        };
        let quotas = limited(table(), vec![rule]).0;
        let known = caller("key_1", Some(&["gpt-4o", "nobody"]), None);
        stack(&Settings {
            body_bytes_max: self.body_bytes_max,
            in_flight_max: 1,
            in_flight: in_flight.clone(),
            keys: keys(&[("tg_good", known)], true).1,
            quotas: Arc::new(Quotas { unpriced: self.unpriced, ..quotas }),
            table: table(),
            header_attributes: Arc::default(),
            guard: Some(guard()),
            cache: Some(cache()),
            own: self.own.clone(),
        })
    }

    /// Sends it; afterwards nothing of it is left.
    async fn send(&self) -> Result<Verdict, Rejection> {
        let in_flight = InFlight::default();
        let stack = self.stack(&in_flight);
        let _place = self.full.then(|| in_flight.acquire(1).unwrap());
        let mut headers = self.headers.clone();
        headers.extend(self.key.map(|key| ("authorization", key)));
        headers.extend(self.provider_key.then_some(("x-api-key", "sk-own")));
        let answer =
            send(&stack, request(&self.body.replace("gpt-4o", self.model), &headers)).await;
        let places = usize::from(self.full || answer.is_ok());
        assert_eq!(in_flight.count(), places, "a refused request keeps no place");
        answer
    }
}

fn cache() -> Arc<ResponseCache> {
    let second = std::time::Duration::from_secs(1);
    let settings = cache::Settings {
        ttl: second,
        bytes_max: 1 << 20,
        entry_bytes_max: 1 << 16,
        streams: true,
        pace: Pace::AtOnce,
        mode: Mode::Force,
        modes: Default::default(),
        wait: second,
        version: [0; 32],
    };
    Arc::new(ResponseCache::new(settings, Arc::new(Counts::default()), None))
}

/// Broken in these ways. What is broken first cannot be broken otherwise later.
fn broken(faults: &[Fault]) -> Trial {
    let mut trial = Trial::new();
    faults.iter().rev().for_each(|fault| (fault.cause)(&mut trial));
    trial
}

#[tokio::test]
async fn of_all_refusals_that_a_request_deserves_the_first_in_the_order_of_the_stack_wins() {
    for first in 0..FAULTS.len() {
        for last in first..FAULTS.len() {
            let refused = broken(&FAULTS[first..=last]).send().await.unwrap_err();
            let Fault { layer, refusal, .. } = &FAULTS[first];
            assert!(refusal(&refused), "{layer}, {first} to {last}: {refused:?}");
        }
        let mut trial = broken(&FAULTS[first..]);
        wants_an_entry(&mut trial);
        let refused = trial.send().await.unwrap_err();
        assert!((FAULTS[first].refusal)(&refused), "{first} to the end: {refused:?}");
    }
    let mut trial = Trial::new();
    wants_an_entry(&mut trial);
    assert_eq!(trial.send().await.unwrap_err(), Rejection::NotCached);
    assert!(matches!(Trial::new().send().await, Ok(Verdict::Forward(_))), "nothing is wrong");
}

#[test]
fn the_table_of_refusals_has_the_layers_that_refuse_in_the_order_of_the_stack() {
    let source = include_str!("../stack.rs");
    let written = source.split_once("ServiceBuilder::new()").unwrap().1;
    let places: Vec<_> =
        FAULTS.iter().map(|fault| (written.find(fault.layer), fault.layer)).collect();
    assert!(places.is_sorted() && places.iter().all(|(at, _)| at.is_some()), "{places:?}");
    // These two refuse nothing.
    let silent = ["RequestIdLayer", "ContextLayer"];
    let layers = written.matches(".layer(").count() + written.matches(".service(").count();
    let mut named: Vec<_> = FAULTS.iter().map(|fault| fault.layer).collect();
    named.dedup();
    assert_eq!(named.len() + silent.len(), layers, "a layer has no line in the table");
}
