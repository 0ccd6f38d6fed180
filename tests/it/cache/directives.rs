//! `x-to11-cache` in a request.

use super::{CHAT, MESSAGES, ask, ask_until_hit, body, calls, is_cached, said, world};
use crate::harness::attribute;

#[test]
fn no_store_looks_and_keeps_nothing() {
    let world = world("");
    let body = body("gpt-4o", "");
    let (answer, trace) = ask(&world, CHAT, &body, &["x-to11-cache: no-store"]);
    assert_eq!(said(&answer), (200, Some("miss")));
    assert!(!is_cached(&world, CHAT, &body, &trace));
    let (_, trace) = ask(&world, CHAT, &body, &[]);
    assert!(is_cached(&world, CHAT, &body, &trace));
    let (answer, _) = ask(&world, CHAT, &body, &["x-to11-cache: no-store"]);
    assert_eq!(said(&answer), (200, Some("hit")));
}

#[test]
fn no_cache_asks_anew_and_puts_the_answer_in_the_place_of_the_old_one() {
    let world = world("");
    world.mock.set("usual", tollgate_mock::Scenario { unique: true, ..Default::default() });
    let body = body("gpt-4o", "");
    let (first, _) = ask(&world, CHAT, &body, &[]);
    ask_until_hit(&world, CHAT, &body);
    let (second, trace) = ask(&world, CHAT, &body, &["x-to11-cache: No-Cache"]);
    assert_eq!(said(&second), (200, Some("skip")));
    assert_ne!(second.text(), first.text());
    assert!(is_cached(&world, CHAT, &body, &trace));
    assert_eq!(ask(&world, CHAT, &body, &[]).0.text(), second.text());
    let (third, trace) = ask(&world, CHAT, &body, &["x-to11-cache: no-cache, no-store"]);
    assert_eq!(said(&third), (200, Some("skip")));
    world.spans(&trace);
    assert_eq!(ask(&world, CHAT, &body, &[]).0.text(), second.text());
}

#[test]
fn only_is_answered_from_the_cache_or_with_504_in_the_callers_dialect() {
    let world = world("");
    let (chat, trace) = ask(&world, CHAT, &body("gpt-4o", ""), &["x-to11-cache: only"]);
    assert_eq!(said(&chat), (504, Some("miss")));
    assert_eq!(chat.header("x-to11-error-code"), Some("not_cached"));
    assert!(chat.json()["error"]["message"].is_string(), "{}", chat.text());
    let span = world.genai(&trace);
    assert_eq!(attribute(&span, "gateway.outcome"), Some("rejected"));
    assert_eq!(attribute(&span, "gen_ai.cache.status"), Some("miss"));
    assert_eq!(attribute(&span, "gen_ai.request.model"), Some("gpt-4o"));
    let body = body("claude-sonnet-4-6", "");
    let (messages, _) = ask(&world, MESSAGES, &body, &["x-to11-cache: only"]);
    assert_eq!(messages.status, 504);
    assert_eq!(messages.json()["type"], "error", "{}", messages.text());
    assert_eq!(calls(&world), 0);
}

#[test]
fn a_misspelt_wish_is_refused_and_none_goes_upstream() {
    let world = world("");
    let (answer, _) = ask(&world, CHAT, &body("gpt-4o", ""), &["x-to11-cache: no-stor"]);
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json()["error"]["param"], "x-to11-cache", "{}", answer.text());
    ask(&world, CHAT, &body("gpt-4o", ""), &["x-to11-cache: no-store"]);
    assert!(world.upstream()[0].header("x-to11-cache").is_none());
}
