//! Only whole, unfiltered answers without an error are told again.

use tollgate_mock::{Fault, Piece, Scenario};

use super::{CHAT, MESSAGES, RESPONSES, ask, body, is_cached, world};
use crate::client::{leave_after, request};
use crate::harness::{World, trace_id, traceparent};

/// Asks the same thing once with this scenario, and says whether it was kept.
fn kept(world: &World, path: &str, model: &str, more: &str, scenario: Scenario) -> bool {
    let nonce = fastrand::u64(..);
    // Responses has its input elsewhere.
    let input = if path == RESPONSES { r#""input":"hi","# } else { "" };
    let body = body(model, &format!(r#""seed":{nonce},{input}{more}"#));
    // Whoever is asked again says the same.
    world.mock.set("usual", scenario);
    let (_, trace) = ask(world, path, &body, &[]);
    is_cached(world, path, &body, &trace)
}

fn all_ways() -> [(&'static str, &'static str); 4] {
    [(CHAT, "gpt-4o"), (MESSAGES, "claude-sonnet-4-6"), (RESPONSES, "gpt-4o"), (CHAT, "foreign")]
}

#[test]
fn good_answers_are_kept_in_every_dialect() {
    let world = world("streams: true");
    for (path, model) in all_ways() {
        for more in ["", r#""stream":true,"#] {
            let good = Scenario::text("Whole.");
            assert!(kept(&world, path, model, more, good), "{path} {model} {more}");
        }
    }
}

#[test]
fn broken_streams_are_not_kept_whatever_broke_them() {
    let world = world("streams: true");
    let faults = [
        Fault::CutAfterEvents(3),
        Fault::CutAfterBytes(200),
        Fault::ResetAfterEvents(3),
        Fault::ErrorEventAfter(3),
        Fault::NoDone,
        Fault::Garbage,
        Fault::RefuseAfterAccept,
        Fault::Status { code: 500, body: None, headers: Default::default() },
        Fault::Status { code: 201, body: None, headers: Default::default() },
    ];
    for (path, model) in all_ways() {
        for fault in &faults {
            let scenario = Scenario::fault(fault.clone());
            let kept = kept(&world, path, model, r#""stream":true,"#, scenario);
            assert!(!kept, "{path} {model} {fault:?}");
        }
    }
}

#[test]
fn broken_plain_answers_are_not_kept_whatever_broke_them() {
    let world = world("");
    let faults = [
        Fault::Truncated,
        Fault::CutAfterBytes(50),
        Fault::Garbage,
        Fault::ErrorEventAfter(0),
        Fault::RefuseAfterAccept,
        Fault::Status { code: 400, body: None, headers: Default::default() },
        Fault::Status { code: 529, body: None, headers: Default::default() },
        Fault::Status { code: 202, body: None, headers: Default::default() },
    ];
    for (path, model) in all_ways() {
        for fault in &faults {
            let kept = kept(&world, path, model, "", Scenario::fault(fault.clone()));
            assert!(!kept, "{path} {model} {fault:?}");
        }
    }
}

#[test]
fn filtered_refused_and_cut_off_answers_are_not_kept() {
    let world = world("streams: true");
    for (path, model) in all_ways() {
        for more in ["", r#""stream":true,"#] {
            for finish in ["content_filter", "length"] {
                let scenario =
                    Scenario { finish: Some(finish.to_owned()), ..Scenario::text("Hm.") };
                let kept = kept(&world, path, model, more, scenario);
                assert!(!kept, "{path} {model} {more} {finish}");
            }
        }
    }
    let refusal: Piece = Piece::Refusal("I will not.".into());
    for path in [CHAT, RESPONSES] {
        for more in ["", r#""stream":true,"#] {
            let scenario = Scenario { content: vec![refusal.clone()], ..Scenario::default() };
            assert!(!kept(&world, path, "gpt-4o", more, scenario), "{path} {more}");
        }
    }
}

#[test]
fn an_answer_whose_caller_left_is_not_kept() {
    let world = world("streams: true");
    let trace = trace_id();
    let body = body("gpt-4o", r#""stream":true,"#);
    world.mock.push("/", Scenario { gap_ms: 30, ..Scenario::default() });
    let bytes = request("POST", CHAT, &[&traceparent(&trace)], body.as_bytes());
    leave_after(world.gateway, &bytes, 3);
    assert!(!is_cached(&world, CHAT, &body, &trace));
}

#[test]
fn an_answer_larger_than_an_entry_may_be_is_passed_and_not_kept() {
    let world = world("streams: true, max_entry_bytes: 4000");
    for more in ["", r#""stream":true,"#] {
        assert!(kept(&world, CHAT, "gpt-4o", more, Scenario::text("Short.")), "{more}");
        let long = Scenario::text(&"long ".repeat(1_000));
        let body = body("gpt-4o", more);
        world.mock.push("/", long);
        let (answer, trace) = ask(&world, CHAT, &body, &[]);
        assert!(answer.complete && answer.body.len() > 4_000);
        assert!(!is_cached(&world, CHAT, &body, &trace), "{more}");
    }
    let text = world.running().metrics();
    assert!(
        text.contains(
            r#"gateway_cache_answers_total{result="too_large",otel_scope_name="tollgate"} 2"#
        ),
        "{text}"
    );
}
