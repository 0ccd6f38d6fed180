//! Who may call, and how much: which refusal wins, what is counted to whom, and what comes back.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tollgate_limits::{Budget, Caps, Exceeded, Kind, OnExceed, Patterns, Rule, Scope, Used};

use super::gates::{caller, keys, limited, open, unlimited};
use super::stack::{BODY, request, send, table};
use crate::request::{
    CallerKeys, InFlight, Quotas, Rejection, Settings, Stack, Unpriced, Verdict, stack,
};

fn build(keys: CallerKeys, quotas: Quotas) -> Stack {
    stack(&Settings {
        body_bytes_max: 10_000,
        in_flight_max: 100,
        in_flight: InFlight::default(),
        keys,
        quotas: Arc::new(quotas),
        table: table(),
        header_attributes: Arc::default(),
        guard: None,
    })
}

fn rule(scope: Scope, caps: Caps) -> Rule {
    let on_exceed = OnExceed::Finish;
    Rule { name: scope.name().into(), scope, matching: None, caps, on_exceed }
}

fn requests(most: u64) -> Caps {
    Caps { requests_per_minute: Some(most), ..Caps::default() }
}

fn exceeded(outcome: Result<Verdict, Rejection>) -> Exceeded {
    match outcome {
        Err(Rejection::Exceeded(exceeded)) => *exceeded,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn refusals_of_a_caller_come_in_the_order_of_the_stack() {
    let full = rule(Scope::All, requests(1));
    let known = caller("key_1", Some(&["gpt-4o"]), None);
    let (_, required) = keys(&[("tg_good", known)], true);
    let stack = build(required, limited(table(), vec![full]).0);
    let key = [("authorization", "Bearer tg_good"), ("x-api-key", "sk-own")];
    // Its body is no JSON: who does not know that has not read it.
    let refused = send(&stack, request("x", &[])).await.unwrap_err();
    assert_eq!((refused.status().as_u16(), refused.code()), (401, "auth"));
    assert_eq!(refused, Rejection::KeyMissing);
    let bad = [("authorization", "Bearer tg_bad")];
    let refused = send(&stack, request("x", &bad)).await.unwrap_err();
    assert_eq!((refused.status().as_u16(), refused), (401, Rejection::KeyNotValid));
    let refused = send(&stack, request("x", &key)).await.unwrap_err();
    assert!(matches!(refused, Rejection::InvalidJson { .. }), "a good key is asked for more");
    let _first = send(&stack, request(BODY, &key)).await.unwrap();
    let other = r#"{"model":"other"}"#;
    let refused = send(&stack, request(other, &key)).await.unwrap_err();
    assert_eq!(refused, Rejection::ModelNotAllowed { model: "other".to_owned() });
    assert_eq!((refused.status().as_u16(), refused.code()), (403, "forbidden"));
    let refused = exceeded(send(&stack, request(BODY, &key)).await);
    assert_eq!((refused.kind, refused.scope), (Kind::Requests, Scope::All));
}

#[tokio::test]
async fn what_is_counted_apart_has_its_own_limit_at_n_and_n_plus_one() {
    let user = |id: &'static str| [("x-to11-user-id", id)];
    for (scope, mine, other) in [
        (Scope::User, &user("ada")[..], &user("bob")[..]),
        (Scope::User, &[], &user("bob")[..]),
        (Scope::Key, &[("x-api-key", "tg_one")], &[("x-api-key", "tg_two")]),
        (Scope::Key, &[], &[("x-api-key", "tg_two")]),
    ] {
        let (_, known) = keys(
            &[("tg_one", caller("1", None, None)), ("tg_two", caller("2", None, None))],
            false,
        );
        let stack = build(known, limited(table(), vec![rule(scope, requests(2))]).0);
        // The body names a user of its own, which counts where no header does.
        let body = r#"{"model":"gpt-4o","messages":[]}"#;
        let with_key = |headers: &[(&'static str, &'static str)]| {
            let mut request = request(body, headers);
            request.headers_mut().insert("api-key", "sk-own".parse().unwrap());
            request
        };
        assert!(send(&stack, with_key(mine)).await.is_ok());
        assert!(send(&stack, with_key(mine)).await.is_ok());
        let refused = exceeded(send(&stack, with_key(mine)).await);
        assert_eq!((refused.kind, refused.scope, refused.limit), (Kind::Requests, scope, 2));
        assert!(send(&stack, with_key(other)).await.is_ok(), "{scope:?}: another one has its own");
    }
}

#[tokio::test]
async fn a_rule_is_for_the_names_that_it_lists() {
    let matching = Some(Patterns::new(["gpt-*"]));
    let rule = Rule { matching, ..rule(Scope::Model, requests(1)) };
    let stack = build(open(), limited(table(), vec![rule]).0);
    assert!(send(&stack, request(BODY, &[])).await.is_ok());
    assert!(matches!(send(&stack, request(BODY, &[])).await, Err(Rejection::Exceeded(_))));
    for _ in 0..3 {
        let unknown = send(&stack, request(r#"{"model":"o4"}"#, &[])).await.unwrap_err();
        assert!(matches!(unknown, Rejection::UnknownModel { .. }), "no rule is for it");
    }
}

#[tokio::test]
async fn a_reservation_holds_until_the_truth_and_comes_back_where_a_later_layer_refuses() {
    let caps = Caps { tokens_per_minute: Some(1_000), concurrency_max: Some(1), ..Caps::default() };
    let (quotas, _) = limited(table(), vec![rule(Scope::All, caps)]);
    let ledger = Arc::clone(&quotas.ledger);
    let stack = build(open(), quotas);
    // No such model, so the innermost layer refuses it, as often as it likes.
    for _ in 0..50 {
        let body = r#"{"model":"nobody","max_tokens":900,"messages":[]}"#;
        let refused = send(&stack, request(body, &[])).await.unwrap_err();
        assert!(matches!(refused, Rejection::UnknownModel { .. }), "{refused}");
    }
    let body = r#"{"model":"gpt-4o","max_tokens":900,"messages":[]}"#;
    let Ok(Verdict::Forward(forward)) = send(&stack, request(body, &[])).await else { panic!() };
    let busy = exceeded(send(&stack, request(body, &[])).await);
    assert_eq!(busy.kind, Kind::Tokens, "looked at before places");
    let small = r#"{"model":"gpt-4o","max_tokens":1,"messages":[]}"#;
    assert_eq!(exceeded(send(&stack, request(small, &[])).await).kind, Kind::Concurrency);
    forward.reservation.unwrap().settle(&Used { tokens: Some(10), cost: None });
    assert!(send(&stack, request(body, &[])).await.is_ok(), "990 are left");
    assert_eq!(ledger.counts().tokens_settled, 10);
}

#[tokio::test]
async fn tokens_are_reserved_as_the_request_says_or_by_the_default() {
    let caps = |most| Caps { tokens_per_minute: Some(most), ..Caps::default() };
    for (body, output) in [
        (r#"{"model":"gpt-4o","messages":[]}"#, 100),
        (r#"{"model":"gpt-4o","messages":[],"max_tokens":7}"#, 7),
        (r#"{"model":"gpt-4o","messages":[],"max_completion_tokens":7,"n":3}"#, 21),
        (r#"{"model":"gpt-4o","messages":[],"max_tokens":-7}"#, 0),
    ] {
        let enough = build(open(), limited(table(), vec![rule(Scope::All, caps(output.max(1)))]).0);
        assert!(send(&enough, request(body, &[])).await.is_ok(), "{body}");
        let Some(less) = u64::checked_sub(output, 1).filter(|less| *less > 0) else { continue };
        let little = build(open(), limited(table(), vec![rule(Scope::All, caps(less))]).0);
        let refused = exceeded(send(&little, request(body, &[])).await);
        assert_eq!((refused.kind, refused.tokens, refused.wait), (Kind::Tokens, output, None));
        assert!(refused.to_string().contains("lower its token limit"), "{refused}");
    }
    let long = format!(
        r#"{{"model":"gpt-4o","max_tokens":1,"messages":[{{"role":"user","content":"{}"}}]}}"#,
        "word ".repeat(500)
    );
    let stack = build(open(), limited(table(), vec![rule(Scope::All, caps(200))]).0);
    assert!(exceeded(send(&stack, request(&long, &[])).await).tokens > 200, "the input counts");
}

#[tokio::test]
async fn a_budget_is_kept_by_the_price_and_begins_anew_with_the_day() {
    let budget = Budget::new(Some(0.001), None, "USD");
    let caps = Caps { budget, ..Caps::default() };
    let (quotas, ms) = limited(table(), vec![rule(Scope::All, caps.clone())]);
    let stack = build(open(), quotas);
    // 400 tokens of output at two millionths each.
    let body = r#"{"model":"gpt-4o","messages":[],"max_tokens":400}"#;
    let Ok(Verdict::Forward(first)) = send(&stack, request(body, &[])).await else { panic!() };
    let refused = send(&stack, request(body, &[])).await.unwrap_err();
    assert_eq!((refused.status().as_u16(), refused.code()), (429, "quota"));
    assert_eq!(refused.retry_after().unwrap().as_secs(), 86_400);
    assert!(refused.to_string().contains("0.001 USD a day"), "{refused}");
    let used = Used { tokens: Some(100), cost: Some((0.000_2, "USD".into())) };
    first.reservation.unwrap().settle(&used);
    let Ok(Verdict::Forward(second)) = send(&stack, request(body, &[])).await else { panic!() };
    second.reservation.unwrap().settle(&Used { tokens: None, cost: None });
    assert!(send(&stack, request(body, &[])).await.is_err(), "what nobody knows was reserved");
    ms.store(86_400_000, Ordering::Relaxed);
    assert!(send(&stack, request(body, &[])).await.is_ok());
    for (unpriced, currency) in [(Unpriced::Refuse, "EUR"), (Unpriced::Allow, "EUR")] {
        let budget = Budget::new(Some(0.0), None, currency);
        let caps = Caps { budget, ..Caps::default() };
        let (quotas, _) = limited(table(), vec![rule(Scope::All, caps)]);
        let ledger = Arc::clone(&quotas.ledger);
        let stack = build(open(), Quotas { unpriced, ..quotas });
        let outcome = send(&stack, request(body, &[])).await;
        assert_eq!(outcome.is_ok(), unpriced == Unpriced::Allow, "no price in euros");
        if let Err(refused) = outcome {
            assert_eq!((refused.status().as_u16(), refused.code()), (403, "forbidden"));
        }
        assert_eq!(ledger.counts().unpriced, 1);
    }
}

#[tokio::test]
async fn a_key_of_ours_alone_is_no_key_of_the_providers() {
    let (_, known) = keys(&[("tg_good", caller("1", None, None))], false);
    let stack = build(known, unlimited(table()));
    let only = send(&stack, request(BODY, &[("authorization", "Bearer tg_good")])).await;
    assert_eq!(only.unwrap_err(), Rejection::NoProviderKey { provider: "openai".into() });
    for theirs in [("x-api-key", "sk-own"), ("authorization", "Bearer sk-own")] {
        let both = [("x-to11-authorization", "Bearer tg_good"), theirs];
        assert!(send(&stack, request(BODY, &both)).await.is_ok(), "{theirs:?}");
    }
    assert!(send(&stack, request(BODY, &[])).await.is_ok(), "who shows none is the provider's");
}
