//! Every token once, at its price; what is not known costs nothing that is known.

use std::collections::BTreeMap;
use std::sync::Arc;

use tollgate_config::Price;
use tollgate_providers::Usage;

use super::{cost, price_of};

fn price() -> Price {
    Price {
        currency: "USD".into(),
        input: Some(3.0),
        output: Some(15.0),
        cache_read: Some(0.3),
        cache_write: Some(3.75),
        cache_write_1h: Some(6.0),
        reasoning: Some(20.0),
    }
}

fn usage() -> Usage {
    Usage { input: Some(1000), output: Some(100), ..Usage::default() }
}

/// In millionths of the currency.
fn micros(usage: Usage, price: &Price) -> Option<i64> {
    #[allow(clippy::cast_possible_truncation, reason = "a test's small numbers")]
    cost(&usage, price).map(|cost| (cost.amount * 1e6).round() as i64)
}

#[test]
fn tokens_cost_what_their_kind_costs() {
    assert_eq!(micros(usage(), &price()), Some(3_000 + 1_500));
    let euros = Price { currency: "EUR".into(), ..price() };
    assert_eq!(&*cost(&usage(), &euros).unwrap().currency, "EUR");
}

#[test]
fn trap_13_cached_tokens_are_billed_once_whoever_reports_them() {
    let apart = Usage {
        cache_read: Some(400),
        cache_creation: Some(200),
        input_excludes_cache: true,
        ..usage()
    };
    assert_eq!(micros(apart, &price()), Some(3_000 + 120 + 750 + 1_500));
    let inside = Usage { input: Some(1600), input_excludes_cache: false, ..apart };
    assert_eq!(micros(inside, &price()), micros(apart, &price()));
    let hour = Usage { cache_creation_1h: Some(40), ..apart };
    assert_eq!(micros(hour, &price()), Some(3_000 + 120 + 600 + 240 + 1_500));
}

#[test]
fn trap_15_a_cache_write_has_its_price_whoever_bills_it() {
    let written = Usage { cache_creation: Some(600), ..usage() };
    assert_eq!(micros(written, &price()), Some(400 * 3 + 2_250 + 1_500));
    let unpriced = Price { cache_write: None, ..price() };
    assert_eq!(micros(written, &unpriced), None, "unknown is not the price of input");
}

#[test]
fn reasoning_is_billed_once_inside_the_output_or_beside_it() {
    let inside = Usage { reasoning: Some(60), ..usage() };
    assert_eq!(micros(inside, &price()), Some(3_000 + 600 + 1_200));
    let beside = Usage { output: Some(40), output_excludes_reasoning: true, ..inside };
    assert_eq!(micros(beside, &price()), micros(inside, &price()));
    let as_output = Price { reasoning: None, ..price() };
    assert_eq!(micros(inside, &as_output), micros(usage(), &as_output), "output, by default");
}

#[test]
fn what_is_not_known_has_no_cost() {
    for unknown in [
        Usage { input: None, ..usage() },
        Usage { output: None, ..usage() },
        Usage { cache_read: Some(1001), ..usage() },
        Usage { reasoning: Some(101), ..usage() },
        Usage { cache_creation_1h: Some(1), ..usage() },
        Usage { input: Some(u64::MAX), ..usage() },
        Usage { cache_read: Some(u64::MAX), cache_creation: Some(1), ..usage() },
    ] {
        assert_eq!(cost(&unknown, &price()), None, "{unknown:?}");
    }
    for unpriced in [Price { input: None, ..price() }, Price { output: None, ..price() }] {
        assert_eq!(cost(&usage(), &unpriced), None, "{unpriced:?}");
    }
    let unread = Price { cache_read: None, cache_write: None, ..price() };
    assert!(cost(&usage(), &unread).is_some(), "what is not used needs no price");
    let embedding =
        Usage { input: Some(1000), total: Some(1000), output: None, ..Usage::default() };
    let input_only = Price { output: None, ..price() };
    assert_eq!(micros(embedding, &input_only), Some(3_000), "nothing was generated");
}

#[test]
fn a_price_is_found_by_the_answers_model_then_what_was_sent_then_what_was_asked_for() {
    let named = |input| Price { input: Some(input), ..price() };
    let pricing: BTreeMap<Arc<str>, Price> = [
        ("gpt-4o".into(), named(1.0)),
        ("gpt-4o-2024-05-13".into(), named(2.0)),
        ("mini".into(), named(3.0)),
        ("alias".into(), named(4.0)),
    ]
    .into();
    let found = |models: [Option<&str>; 3]| price_of(&pricing, &models).and_then(|it| it.input);
    assert_eq!(found([Some("gpt-4o"), Some("mini"), Some("alias")]), Some(1.0));
    assert_eq!(found([Some("gpt-4o-2024-05-13"), None, None]), Some(2.0), "exact before a date");
    assert_eq!(found([Some("gpt-4o-2024-08-06"), Some("mini"), None]), Some(1.0), "a snapshot");
    assert_eq!(found([Some("gpt-4o-mini"), Some("mini"), Some("alias")]), Some(3.0));
    assert_eq!(found([None, Some("other"), Some("alias")]), Some(4.0));
    assert_eq!(found([Some("gpt-4o-mini"), None, Some("x")]), None, "no mere beginning of a name");
}

/// Numbers that look random and are the same on every run.
fn next(state: &mut u64, below: u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) % below
}

#[test]
fn a_cost_is_the_sum_of_its_disjoint_parts_and_never_falls_when_tokens_are_added() {
    let mut state = 5;
    for round in 0..20_000 {
        let mut draw = |below| next(&mut state, below);
        let (plain, read, write, hour) = (draw(9_000), draw(9_000), draw(9_000), draw(9_000));
        let (text, reasoning) = (draw(9_000), draw(9_000));
        let (input_excludes_cache, output_excludes_reasoning) = (draw(2) == 0, draw(2) == 0);
        let made = |plain: u64, read: u64, text: u64, reasoning: u64| Usage {
            input: Some(if input_excludes_cache { plain } else { plain + read + write + hour }),
            output: Some(if output_excludes_reasoning { text } else { text + reasoning }),
            cache_read: Some(read),
            cache_creation: Some(write + hour),
            cache_creation_1h: Some(hour),
            reasoning: Some(reasoning),
            input_excludes_cache,
            output_excludes_reasoning,
            ..Usage::default()
        };
        let amount = |usage| cost(&usage, &price()).unwrap().amount;
        let whole = amount(made(plain, read, text, reasoning));
        let sum = [
            (plain, 3.0),
            (read, 0.3),
            (write, 3.75),
            (hour, 6.0),
            (text, 15.0),
            (reasoning, 20.0),
        ]
        .iter()
        .map(|(tokens, price)| f64::from(u32::try_from(*tokens).unwrap()) * price / 1e6)
        .sum::<f64>();
        assert!((whole - sum).abs() < 1e-9, "round {round}: {whole} is not {sum}");
        for more in [
            made(plain + 1, read, text, reasoning),
            made(plain, read + 1, text, reasoning),
            made(plain, read, text + 1, reasoning),
            made(plain, read, text, reasoning + 1),
        ] {
            assert!(amount(more) > whole, "round {round}: more tokens cost more");
        }
    }
}
