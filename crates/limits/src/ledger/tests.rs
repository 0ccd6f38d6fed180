//! Nobody gets more than there is, whoever asks at the same time; and nothing is kept for ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;

use super::{Ledger, Now, SHARDS};
use crate::{
    Budget, Caps, Claim, Exceeded, Kind, Need, OnExceed, Priced, Reservation, Rule, Scope, Used,
};

/// A ledger whose clock is set by hand, in milliseconds.
fn ledger(subjects_max: usize) -> (Arc<Ledger>, Arc<AtomicU64>) {
    let ms = Arc::new(AtomicU64::new(0));
    let read = Arc::clone(&ms);
    let clock = Arc::new(move || {
        let ms = read.load(Ordering::Relaxed);
        Now { ms, unix_s: ms / 1_000 }
    });
    (Arc::new(Ledger::new(subjects_max, clock)), ms)
}

fn rule(caps: Caps, on_exceed: OnExceed) -> Arc<Rule> {
    Arc::new(Rule { name: "r".into(), scope: Scope::Key, matching: None, caps, on_exceed })
}

fn need(input: u64, output: u64) -> Need {
    let price = Priced { input: 1e-6, output: 1e-6, currency: "USD".into() };
    Need { input, output, price: Some(price) }
}

fn reserve(
    ledger: &Arc<Ledger>,
    rule: &Arc<Rule>,
    subject: &str,
    need: Need,
) -> Result<Reservation, Exceeded> {
    ledger.reserve(&[Claim { rule, subject }], need)
}

fn used(tokens: u64) -> Used {
    Used { tokens: Some(tokens), cost: Some((tokens as f64 * 1e-6, "USD".into())) }
}

/// Caps of one kind each, at so many tokens, requests or millionths.
fn caps(kind: Kind, most: u64) -> Caps {
    let money = |most| most as f64 * 1e-6;
    match kind {
        Kind::Requests => Caps { requests_per_minute: Some(most), ..Caps::default() },
        Kind::Tokens => Caps { tokens_per_minute: Some(most), ..Caps::default() },
        Kind::Concurrency => Caps { concurrency_max: Some(most), ..Caps::default() },
        Kind::BudgetDay => {
            Caps { budget: Budget::new(Some(money(most)), None, "USD"), ..Caps::default() }
        }
        Kind::BudgetMonth => {
            Caps { budget: Budget::new(None, Some(money(most)), "USD"), ..Caps::default() }
        }
    }
}

#[test]
fn every_limit_admits_what_fits_and_refuses_one_more() {
    for kind in Kind::ALL {
        let (ledger, _) = ledger(100);
        let rule = rule(caps(kind, 10), OnExceed::Finish);
        let each = if matches!(kind, Kind::Requests | Kind::Concurrency) { 1 } else { 5 };
        let held: Vec<_> =
            (0..10 / each).map(|_| reserve(&ledger, &rule, "a", need(2, 3)).unwrap()).collect();
        let refused = reserve(&ledger, &rule, "a", need(1, 0)).unwrap_err();
        assert_eq!((refused.kind, refused.scope), (kind, Scope::Key));
        assert!(refused.retry_after_s().is_some_and(|after_s| after_s > 0), "{refused}");
        assert!(reserve(&ledger, &rule, "b", need(1, 0)).is_ok(), "{kind:?}: another subject");
        drop(held);
        let again = reserve(&ledger, &rule, "a", need(1, 0));
        assert_eq!(again.is_ok(), kind != Kind::Requests, "{kind:?}: nothing was used");
        let of_kind = |it: &(Scope, Kind, u64)| it.1 == kind && it.0 == Scope::Key;
        let counts = ledger.counts();
        let refused = counts.refused.iter().find(|it| of_kind(it)).unwrap().2;
        assert_eq!(refused, 1 + u64::from(kind == Kind::Requests));
    }
}

#[test]
fn what_one_rule_refuses_costs_the_others_nothing() {
    let (ledger, _) = ledger(100);
    let wide = rule(caps(Kind::Requests, 3), OnExceed::Finish);
    let narrow = Arc::new(Rule {
        name: "n".into(),
        ..(*rule(caps(Kind::Tokens, 1), OnExceed::Finish)).clone()
    });
    for _ in 0..10 {
        let claims = [Claim { rule: &wide, subject: "a" }, Claim { rule: &narrow, subject: "a" }];
        assert!(ledger.reserve(&claims, need(2, 0)).is_err());
    }
    for _ in 0..3 {
        assert!(reserve(&ledger, &wide, "a", need(2, 0)).is_ok());
    }
    assert!(reserve(&ledger, &wide, "a", need(2, 0)).is_err());
}

#[test]
fn a_stream_takes_more_in_steps_and_is_cut_or_finished_where_no_more_is_left() {
    for (on_exceed, kind) in [
        (OnExceed::Cut, Kind::Tokens),
        (OnExceed::Cut, Kind::BudgetDay),
        (OnExceed::Finish, Kind::Tokens),
        (OnExceed::Finish, Kind::BudgetMonth),
    ] {
        let (ledger, _) = ledger(100);
        let rule = rule(caps(kind, 200), on_exceed);
        let mut stream = reserve(&ledger, &rule, "a", need(0, 10)).unwrap();
        assert!(stream.counts_tokens());
        assert!((0..=10).all(|seen| stream.output(seen).is_ok()), "reserved");
        assert!(stream.output(11).is_ok(), "74 by now");
        assert!(reserve(&ledger, &rule, "a", need(0, 127)).is_err(), "126 are left");
        let other = reserve(&ledger, &rule, "a", need(0, 126)).unwrap();
        assert!(stream.output(74).is_ok());
        let more = stream.output(75);
        assert_eq!(more.is_err(), on_exceed == OnExceed::Cut, "{kind:?}");
        if let Err(exceeded) = more {
            assert_eq!(exceeded.kind, kind);
            assert_eq!(ledger.counts().cut, 1);
        }
        stream.settle(&used(75));
        other.settle(&used(0));
        assert!(reserve(&ledger, &rule, "a", need(0, 126)).is_err(), "75 are used");
        assert!(reserve(&ledger, &rule, "a", need(0, 125)).is_ok());
    }
}

#[test]
fn without_the_truth_what_is_known_counts() {
    let (ledger, _) = ledger(100);
    let rule = rule(caps(Kind::Tokens, 100), OnExceed::Finish);
    drop(reserve(&ledger, &rule, "a", need(30, 70)).unwrap());
    let mut sent = reserve(&ledger, &rule, "a", need(30, 70)).expect("nothing was sent before");
    sent.began();
    sent.output(5).unwrap();
    drop(sent);
    assert!(reserve(&ledger, &rule, "a", need(0, 66)).is_err());
    let unknown = reserve(&ledger, &rule, "a", need(0, 65)).unwrap();
    unknown.settle(&Used { tokens: None, cost: None });
    assert!(reserve(&ledger, &rule, "a", need(1, 0)).is_err(), "it may have used all of it");
}

#[test]
fn more_than_was_reserved_counts_against_those_who_come_after() {
    let (ledger, ms) = ledger(100);
    let rule = rule(caps(Kind::Tokens, 100), OnExceed::Finish);
    reserve(&ledger, &rule, "a", need(10, 10)).unwrap().settle(&used(150));
    let refused = reserve(&ledger, &rule, "a", need(1, 0)).unwrap_err();
    ms.store(u64::try_from(refused.wait.unwrap().as_millis()).unwrap(), Ordering::Relaxed);
    assert!(reserve(&ledger, &rule, "a", need(1, 0)).is_ok());
}

#[test]
fn subjects_beyond_the_most_share_one_limit_and_idle_ones_are_forgotten() {
    let (ledger, ms) = ledger(SHARDS);
    let rule = rule(caps(Kind::Requests, 1), OnExceed::Finish);
    let admitted = |from: u32| {
        let ask = |n: u32| reserve(&ledger, &rule, &n.to_string(), Need::default()).is_ok();
        (from..from + 500).filter(|n| ask(*n)).count()
    };
    let first = admitted(0);
    assert!(
        (2..=SHARDS + 1).contains(&first),
        "each shard's one, and all others together: {first}"
    );
    assert_eq!(ledger.counts().pooled as usize, 500 - (first - 1));
    assert!(ledger.counts().subjects as usize <= SHARDS + 1);
    assert_eq!(admitted(1_000), 0, "nobody gets round it by a new name");
    ms.store(100_000, Ordering::Relaxed);
    assert!((2..=SHARDS + 1).contains(&admitted(2_000)), "places of the idle are given to others");
}

#[test]
fn a_status_is_that_of_the_limit_with_the_least_left() {
    let (ledger, _) = ledger(100);
    let both =
        Caps { requests_per_minute: Some(10), tokens_per_minute: Some(100), ..Caps::default() };
    let rule = rule(both, OnExceed::Finish);
    let first = reserve(&ledger, &rule, "a", need(5, 0)).unwrap().status().unwrap();
    assert_eq!((first.kind, first.limit, first.left), (Kind::Requests, 10, 9));
    let second = reserve(&ledger, &rule, "a", need(70, 0)).unwrap().status().unwrap();
    assert_eq!((second.kind, second.limit, second.left), (Kind::Tokens, 100, 30));
    assert_eq!(second.reset.as_secs(), 62);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Show: N clients at once, each limit and budget. What is admitted together never needs more
    /// than there is; what is used beyond is what requests used without having reserved it.
    #[test]
    fn trap_44_clients_at_once_never_get_more_than_there_is(
        kind in proptest::sample::select(Kind::ALL.to_vec()),
        clients in 2_usize..8,
        most in 1_u64..60,
        asks in proptest::collection::vec((0_u64..5, 0_u64..8, 0_u64..20), 4..40),
    ) {
        let (ledger, _) = ledger(100);
        let rule = rule(caps(kind, most), OnExceed::Finish);
        let is_plain = matches!(kind, Kind::Requests | Kind::Concurrency);
        // What is held and what is used, and the most of it at any time, kept beside the ledger.
        let (now, admitted, beyond) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for client in 0..clients {
                let (ledger, rule, asks) = (&ledger, &rule, &asks);
                let (now, admitted, beyond) = (&now, &admitted, &beyond);
                scope.spawn(move || {
                    for (input, output, truth) in asks.iter().skip(client).step_by(clients) {
                        let Ok(held) = reserve(ledger, rule, "a", need(*input, *output)) else { continue };
                        let reserved = if is_plain { 1 } else { input + output };
                        let running = now.fetch_add(1, Ordering::SeqCst) + 1;
                        if kind == Kind::Concurrency {
                            assert!(running <= most, "{running} at a time");
                        }
                        std::thread::yield_now();
                        let truth = if is_plain { 1 } else { *truth };
                        beyond.fetch_add(truth.saturating_sub(reserved), Ordering::SeqCst);
                        admitted.fetch_add(truth.min(reserved), Ordering::SeqCst);
                        now.fetch_sub(1, Ordering::SeqCst);
                        held.settle(&used(truth));
                    }
                });
            }
        });
        if kind != Kind::Concurrency {
            let sum = admitted.load(Ordering::SeqCst);
            prop_assert!(sum <= most, "{sum} of {most} within what was reserved");
        }
        // One after the other, nobody exceeds it by more than its own remainder.
        let (ledger, _) = self::ledger(100);
        let mut total = 0;
        for (input, output, truth) in &asks {
            let Ok(held) = reserve(&ledger, &rule, "a", need(*input, *output)) else { continue };
            let (reserved, truth) = if is_plain { (1, 1) } else { (input + output, *truth) };
            held.settle(&used(truth));
            total += truth;
            if kind != Kind::Concurrency {
                prop_assert!(total <= most + truth.saturating_sub(reserved), "{total} of {most}");
            }
        }
    }
}
