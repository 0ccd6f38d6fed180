//! Two gateways, one count: together they never admit more than one of them would.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;

use super::{Asking, OwnedClaim, Remote, Sharing, Unadmitted, Unreachable};
use crate::{
    Admission, Ask, Budget, Caps, Claim, Grant, Kind, Ledger, Need, Now, OnExceed, Priced,
    Reservation, Rule, SLOT_NOW, Scope, Shape, Used,
};

/// Counts by key and slot, as Redis keeps them; of gateways that are silent nothing is tested here.
#[derive(Debug, Default)]
struct Kept {
    counts: Mutex<HashMap<String, BTreeMap<u64, i64>>>,
    now_ms: Arc<AtomicU64>,
    is_away: AtomicBool,
    asked: AtomicU64,
}

impl Remote for Kept {
    fn ask<'a>(&'a self, ask: &'a Ask) -> Asking<'a> {
        Box::pin(async move {
            self.asked.fetch_add(1, Ordering::Relaxed);
            if self.is_away.load(Ordering::Relaxed) {
                return Err(Unreachable);
            }
            let mut counts = self.counts.lock().unwrap();
            let count = counts.entry(ask.key.clone()).or_default();
            let (slot, oldest) = match ask.shape {
                Shape::Window { slot_ms, slots } => {
                    // Redis has a clock of its own.
                    let now = (self.now_ms.load(Ordering::Relaxed) + 777) / slot_ms + 1_000;
                    (now, now + 1 - slots)
                }
                Shape::Sum { .. } | Shape::Held { .. } => (0, 0),
            };
            for (at, amount) in &ask.owed {
                let is_window = matches!(ask.shape, Shape::Window { .. });
                let at = if is_window && *at != SLOT_NOW { *at } else { slot };
                *count.entry(at).or_default() += amount;
            }
            count.retain(|at, amount| *at >= oldest && *amount > 0);
            let used: u64 = count.values().map(|amount| amount.unsigned_abs()).sum();
            let mut grant = Grant { slot, wait_ms: 1_000, ..Grant::default() };
            if ask.need > 0 && used + ask.need <= ask.limit {
                grant.granted = ask.want.max(ask.need).min(ask.limit - used);
                *count.entry(slot).or_default() += i64::try_from(grant.granted).unwrap();
            }
            grant.left = ask.limit.saturating_sub(used + grant.granted);
            Ok(grant)
        })
    }
}

/// Nothing here waits for anything.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits"),
    }
}

fn gateways(is_open: bool) -> ([Arc<Ledger>; 2], Arc<Kept>) {
    let kept = Arc::new(Kept::default());
    let gateway = || {
        let read = Arc::clone(&kept.now_ms);
        let clock = Arc::new(move || {
            let ms = read.load(Ordering::Relaxed);
            Now { ms, unix_s: ms / 1_000 }
        });
        let remote = Arc::clone(&kept) as Arc<dyn Remote>;
        Arc::new(Ledger::new(100, clock).shared(Sharing { remote, is_open }))
    };
    ([gateway(), gateway()], kept)
}

fn rule(kind: Kind, most: u64, on_exceed: OnExceed) -> Arc<Rule> {
    let money = Some(most as f64 * 1e-6);
    let caps = match kind {
        Kind::Requests => Caps { requests_per_minute: Some(most), ..Caps::default() },
        Kind::Tokens => Caps { tokens_per_minute: Some(most), ..Caps::default() },
        Kind::Concurrency => Caps { concurrency_max: Some(most), ..Caps::default() },
        Kind::BudgetDay => Caps { budget: Budget::new(money, None, "USD"), ..Caps::default() },
        Kind::BudgetMonth => Caps { budget: Budget::new(None, money, "USD"), ..Caps::default() },
    };
    Arc::new(Rule { name: "r".into(), scope: Scope::All, matching: None, caps, on_exceed })
}

fn need(output: u64) -> Need {
    let price = Priced { input: 1e-6, output: 1e-6, currency: "USD".into() };
    Need { input: 0, output, price: Some(price) }
}

fn used(tokens: u64) -> Used {
    Used { tokens: Some(tokens), cost: Some((tokens as f64 * 1e-6, "USD".into())) }
}

fn ask(ledger: &Arc<Ledger>, rule: &Arc<Rule>, output: u64) -> Result<Reservation, Unadmitted> {
    let claims = [Claim { rule, subject: "" }];
    match ledger.admit(&claims, &need(output)) {
        Ok(Admission::Admitted(reservation)) => Ok(reservation),
        Ok(Admission::Ask) => {
            let claims = [OwnedClaim { rule: Arc::clone(rule), subject: String::new() }];
            now(ledger.ask(&claims, need(output)))
        }
        Err(exceeded) => Err(Unadmitted::Exceeded(exceeded)),
    }
}

#[test]
fn what_one_gateway_uses_the_other_does_not_have() {
    for kind in Kind::ALL {
        let ([one, two], _) = gateways(true);
        let rule = rule(kind, 10, OnExceed::Finish);
        let held: Vec<_> =
            (0..10).map(|n| ask(if n % 2 == 0 { &one } else { &two }, &rule, 1).unwrap()).collect();
        for gateway in [&one, &two] {
            assert!(
                matches!(ask(gateway, &rule, 1), Err(Unadmitted::Exceeded(it)) if it.kind == kind)
            );
        }
        // Nobody used anything: it comes back to both, once it was told.
        held.into_iter().for_each(|held| held.settle(&used(0)));
        now(one.tell());
        now(two.tell());
        let again = ask(&two, &rule, 1);
        assert_eq!(again.is_ok(), kind != Kind::Requests, "{kind:?}: {again:?}");
    }
}

#[test]
fn most_requests_ask_nobody_and_an_unused_lease_comes_back() {
    let ([one, two], kept) = gateways(true);
    let rule = rule(Kind::Requests, 1_000, OnExceed::Finish);
    for _ in 0..500 {
        ask(&one, &rule, 1).unwrap().settle(&used(1));
    }
    assert_eq!(kept.asked.load(Ordering::Relaxed), 10, "a twentieth each time");
    assert!((0..500).all(|_| ask(&two, &rule, 1).is_ok()), "all that is left");
    assert!(ask(&one, &rule, 1).is_err());
    let ([one, two], kept) = gateways(true);
    ask(&one, &rule, 1).unwrap().settle(&used(1));
    assert!(!(0..999).all(|_| ask(&two, &rule, 1).is_ok()), "49 are leased elsewhere");
    kept.now_ms.store(2_000, Ordering::Relaxed);
    now(one.tell());
    assert!((0..49).all(|_| ask(&two, &rule, 1).is_ok()));
    assert!(ask(&two, &rule, 1).is_err() && ask(&one, &rule, 1).is_err());
    now(one.tell());
    now(two.tell());
    let kept: i64 = kept.counts.lock().unwrap()["r::requests"].values().sum();
    assert_eq!(kept, 1_000);
}

#[test]
fn what_is_used_beyond_the_reservation_comes_from_the_lease_first() {
    let ([one, _], kept) = gateways(true);
    let rule = rule(Kind::Tokens, 300, OnExceed::Finish);
    // Fifteen are leased, ten reserved and thirty used.
    (0..10).for_each(|_| ask(&one, &rule, 10).unwrap().settle(&used(30)));
    now(one.tell());
    let kept: i64 = kept.counts.lock().unwrap()["r::tokens"].values().sum();
    assert_eq!(kept, 300, "no lease is left beside what is used");
    assert!(ask(&one, &rule, 1).is_err());
}

#[test]
fn a_gateway_that_leaves_takes_no_lease_along() {
    let ([one, two], _) = gateways(true);
    let rule = rule(Kind::Requests, 1_000, OnExceed::Finish);
    ask(&one, &rule, 1).unwrap().settle(&used(1));
    now(one.leave());
    assert!((0..999).all(|_| ask(&two, &rule, 1).is_ok()));
    assert!(ask(&two, &rule, 1).is_err());
}

#[test]
fn without_an_answer_each_counts_for_itself_or_nobody_is_let_in() {
    for is_open in [true, false] {
        let ([one, two], kept) = gateways(is_open);
        let rule = rule(Kind::Requests, 3, OnExceed::Finish);
        kept.is_away.store(true, Ordering::Relaxed);
        for gateway in [&one, &two] {
            for _ in 0..3 {
                let admitted = ask(gateway, &rule, 1);
                assert_eq!(admitted.is_ok(), is_open, "{admitted:?}");
                let is_unknown = matches!(admitted, Err(Unadmitted::Unreachable));
                assert_eq!(is_unknown, !is_open);
            }
            assert!(ask(gateway, &rule, 1).is_err(), "its own count is kept");
            assert!(gateway.counts().unreachable >= 3);
        }
        kept.is_away.store(false, Ordering::Relaxed);
        kept.now_ms.store(70_000, Ordering::Relaxed);
        assert!(ask(&one, &rule, 1).is_ok());
    }
}

#[test]
fn a_stream_that_goes_on_elsewhere_is_cut_when_all_is_used() {
    let ([one, two], _) = gateways(true);
    let rule = rule(Kind::Tokens, 1_000, OnExceed::Cut);
    let mut stream = ask(&one, &rule, 10).unwrap();
    let other = ask(&two, &rule, 900).unwrap();
    let cut = (11..2_000).find(|seen| {
        now(one.tell());
        stream.output(*seen).is_err()
    });
    // It takes 64 at a time, and what the lease does not have it tells afterwards.
    assert!(cut.is_some_and(|seen| (70..=300).contains(&seen)), "{cut:?}");
    other.settle(&used(900));
    stream.settle(&used(cut.unwrap()));
    now(one.tell());
    now(two.tell());
    assert!(ask(&two, &rule, 1).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Show: as in one process, with two gateways and one count.
    #[test]
    fn clients_of_two_gateways_never_get_more_than_there_is(
        kind in proptest::sample::select(Kind::ALL.to_vec()),
        most in 1_u64..60,
        asks in proptest::collection::vec((1_u64..8, 0_u64..20, 0_u64..900), 4..60),
    ) {
        let ([one, two], kept) = gateways(true);
        let rule = rule(kind, most, OnExceed::Finish);
        let is_plain = matches!(kind, Kind::Requests | Kind::Concurrency);
        let (running, within) = (AtomicU64::new(0), Mutex::new(Vec::new()));
        std::thread::scope(|scope| {
            for client in 0..4 {
                let (ledger, rule, asks, kept) = (if client % 2 == 0 { &one } else { &two }, &rule, &asks, &kept);
                let (running, within) = (&running, &within);
                scope.spawn(move || {
                    for (output, truth, pause_ms) in asks.iter().skip(client).step_by(4) {
                        kept.now_ms.fetch_add(*pause_ms, Ordering::SeqCst);
                        let at_ms = kept.now_ms.load(Ordering::SeqCst);
                        let Ok(held) = ask(ledger, rule, *output) else { continue };
                        let now_running = running.fetch_add(1, Ordering::SeqCst) + 1;
                        if kind == Kind::Concurrency {
                            assert!(now_running <= most, "{now_running} of {most} at a time");
                        }
                        let (reserved, truth) = if is_plain { (1, 1) } else { (*output, *truth) };
                        within.lock().unwrap().push((at_ms, truth.min(reserved)));
                        running.fetch_sub(1, Ordering::SeqCst);
                        held.settle(&used(truth));
                        now(ledger.tell());
                    }
                });
            }
        });
        let within = within.into_inner().unwrap();
        let is_window = matches!(kind, Kind::Requests | Kind::Tokens);
        if kind != Kind::Concurrency {
            for (start_ms, _) in &within {
                // Threads read the clock a moment before they ask: a slot less than a minute is sure.
                let inside = within.iter().filter(|(at, _)| !is_window || (at >= start_ms && *at < start_ms + 55_000));
                let sum: u64 = inside.map(|(_, amount)| amount).sum();
                prop_assert!(sum <= most, "{sum} of {most} within what was reserved");
            }
        }
    }
}
