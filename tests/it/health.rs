//! Targets that are ejected and come back, subjects that keep their arm, load that goes where it
//! is light.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::thread::sleep;
use std::time::{Duration, Instant};

use tollgate::reload::Reload;
use tollgate_mock::{Fault, Scenario};

use crate::client::{Answer, connect, exchange, post, read, request};
use crate::harness::{World, attribute, trace_id, traceparent, until};

const CHAT: &str = r#"{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}"#;
const CHAT_STREAM: &str =
    r#"{"model":"gpt-4o","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
/// How long an ejection lasts whose end is waited for, and for how long where a machine was too busy to
/// see all of it.
const EJECT: [Duration; 3] =
    [Duration::from_millis(1_500), Duration::from_secs(8), Duration::from_secs(30)];

/// Two targets in order; two faults in a row eject one of them for longer than any test.
const TWO: &str = r#"
providers:
  one: { base_url: "{mock}/@one/v1", models: [gpt-4o], auth_type: none }
  two: { base_url: "{mock}/@two/v1", models: [gpt-4o], auth_type: none }
routing: { health: { eject_after: 2, eject_ms: 600000 }, retry: { max_retries: 0 } }
targets: { one: { model: gpt-4o, provider: one }, two: { model: gpt-4o, provider: two } }
routes: { r: { models: [gpt-4o], strategy: fallback, targets: [one, two] } }
"#;

fn world() -> World {
    World::new(TWO)
}

/// The same with ejections that end.
fn brief(eject: Duration) -> World {
    World::new(&TWO.replace("eject_ms: 600000", &format!("eject_ms: {}", eject.as_millis())))
}

fn ask(world: &World, body: &str) -> Answer {
    post(world.gateway, "/v1/chat/completions", &[], body)
}

/// The target that answered.
fn answered_by(world: &World) -> String {
    let trace = trace_id();
    let answer = post(world.gateway, "/v1/chat/completions", &[&traceparent(&trace)], CHAT);
    assert_eq!(answer.status, 200, "{}", answer.text());
    attribute(&world.genai(&trace), "gateway.routing.target").unwrap().to_owned()
}

/// What the control plane says of a target.
fn state(world: &World, target: &str) -> serde_json::Value {
    let request = request("GET", "/api/targets", &[], b"");
    let request = String::from_utf8(request).unwrap().replace("gateway.test", "localhost");
    let list = exchange(world.control, request.as_bytes()).json();
    let found = list.as_array().unwrap().iter().find(|it| it["target"] == target);
    found.unwrap_or_else(|| panic!("{target} in {list}")).clone()
}

fn asked(world: &World, target: &str) -> usize {
    let prefix = format!("/@{target}/");
    world.upstream().iter().filter(|it| it.path_and_query.starts_with(&prefix)).count()
}

#[test]
fn a_target_is_ejected_after_its_faults_tried_again_and_brought_back() {
    assert!(EJECT.into_iter().any(is_ejected_and_brought_back), "an ejection is seen in time");
}

/// `false` where an ejection ended before all of it was looked at.
fn is_ejected_and_brought_back(eject: Duration) -> bool {
    let world = brief(eject);
    world.mock.set("one", Scenario::status(500));
    let began = Instant::now();
    for _ in 0..5 {
        assert_eq!(answered_by(&world), "two");
    }
    let (count, ejected) = (asked(&world, "one"), state(&world, "one"));
    let metrics = world.running().metrics();
    if began.elapsed() >= eject {
        return false;
    }
    assert_eq!(count, 2, "nobody asks it after the second fault");
    assert_eq!((&ejected["standing"], &ejected["ejections"]), (&"ejected".into(), &1.into()));
    assert_eq!(state(&world, "two")["standing"], "in_service");
    for (name, value) in [("ejected", "1"), ("ejections_total", "1"), ("in_flight", "0")] {
        let name = format!("gateway_target_{name}{{");
        let line =
            metrics.lines().find(|line| line.starts_with(&name) && line.contains("target=\"one\""));
        let line = line.unwrap_or_else(|| panic!("{name} in\n{metrics}"));
        assert!(line.ends_with(&format!(" {value}")), "{line}");
    }
    sleep(eject);
    let again = Instant::now();
    assert_eq!(answered_by(&world), "two", "the probe failed");
    assert_eq!(answered_by(&world), "two");
    let (count, ejected) = (asked(&world, "one"), state(&world, "one"));
    if again.elapsed() >= eject {
        return false;
    }
    assert_eq!(count, 3, "one request tried it");
    assert_eq!(ejected["ejections"], 2);
    world.mock.set("one", Scenario::text("well again"));
    sleep(eject);
    assert_eq!(answered_by(&world), "one");
    assert_eq!(answered_by(&world), "one");
    assert_eq!(state(&world, "one")["standing"], "in_service");
    true
}

#[test]
fn one_live_request_is_the_probe_while_the_others_stay_away() {
    let world = brief(EJECT[0]);
    world.mock.set("one", Scenario::status(503));
    (0..2).for_each(|_| assert_eq!(answered_by(&world), "two"));
    world.mock.set("one", Scenario::fault(Fault::HangHead));
    sleep(EJECT[0]);
    let mut probe = connect(world.gateway);
    let bytes = request("POST", "/v1/chat/completions", &[], CHAT.as_bytes());
    probe.write_all(&bytes).unwrap();
    until("the probe is on its way", || asked(&world, "one") == 3);
    (0..4).for_each(|_| assert_eq!(answered_by(&world), "two"));
    assert_eq!(asked(&world, "one"), 3);
    drop(probe);
    until("the probe is given back", || state(&world, "one")["standing"] == "half_open");
    world.mock.set("one", Scenario::text("well again"));
    assert_eq!(answered_by(&world), "one", "its caller left: that said nothing");
}

#[test]
fn what_the_caller_does_wrong_and_callers_that_leave_eject_nothing() {
    let world = world();
    for status in [400, 404, 413, 422] {
        world.mock.set("one", Scenario::status(status));
        (0..3).for_each(|_| assert_eq!(ask(&world, CHAT).status, status));
    }
    world.mock.set("one", Scenario::load(500, 80, 10));
    for _ in 0..3 {
        let mut stream = connect(world.gateway);
        let bytes = request("POST", "/v1/chat/completions", &[], CHAT_STREAM.as_bytes());
        stream.write_all(&bytes).unwrap();
        assert_eq!(read(&mut stream, 3).unwrap().status, 200);
    }
    until("all have left", || state(&world, "one")["in_flight"] == 0);
    let state = state(&world, "one");
    assert_eq!((&state["standing"], &state["ejections"]), (&"in_service".into(), &0.into()));
}

#[test]
fn a_refused_key_ejects_its_target_and_no_other() {
    let world = world();
    world.mock.set("one", Scenario::status(401));
    (0..3).for_each(|_| assert_eq!(answered_by(&world), "two"));
    assert_eq!(asked(&world, "one"), 2);
    assert_eq!(state(&world, "one")["standing"], "ejected");
    assert_eq!(state(&world, "two")["standing"], "in_service");
}

#[test]
fn streams_that_break_after_their_first_content_eject_too() {
    let world = world();
    world.mock.set("one", Scenario::fault(Fault::ResetAfterEvents(5)));
    for _ in 0..2 {
        assert!(ask(&world, CHAT_STREAM).text().contains("error"));
    }
    until("both are counted", || state(&world, "one")["standing"] == "ejected");
    assert_eq!(answered_by(&world), "two");
}

#[test]
fn where_every_target_is_ejected_requests_are_answered_all_the_same() {
    let world = world();
    for target in ["one", "two"] {
        world.mock.set(target, Scenario::status(500));
    }
    (0..2).for_each(|_| assert_eq!(ask(&world, CHAT).status, 500));
    for target in ["one", "two"] {
        until("ejected", || state(&world, target)["standing"] == "ejected");
        world.mock.set(target, Scenario::text("well again"));
    }
    assert_eq!(answered_by(&world), "one", "asked although it is ejected");
    // And so brought back.
    until("in service", || state(&world, "one")["standing"] == "in_service");
}

#[test]
fn a_reload_forgets_neither_an_ejection_nor_what_is_in_flight() {
    let world = world();
    world.mock.set("one", Scenario::status(500));
    (0..2).for_each(|_| assert_eq!(answered_by(&world), "two"));
    world.mock.set("two", Scenario::load(40, 80, 250));
    let mut running = connect(world.gateway);
    let bytes = request("POST", "/v1/chat/completions", &[], CHAT_STREAM.as_bytes());
    running.write_all(&bytes).unwrap();
    until("it is on its way", || state(&world, "two")["in_flight"] == 1);
    let changed = TWO.replace("eject_ms: 600000", "eject_ms: 600001");
    std::fs::write(world.config(), world.whole(&changed)).unwrap();
    assert_eq!(world.running().reload(), Some(Reload::Applied));
    let [one, two] = ["one", "two"].map(|target| state(&world, target));
    assert_eq!((&one["standing"], &one["ejections"]), (&"ejected".into(), &1.into()));
    assert_eq!((&two["in_flight"], &two["health"]["eject_ms"]), (&1.into(), &600_001.into()));
    assert!(read(&mut running, usize::MAX).unwrap().text().contains("[DONE]"));
    until("it has ended", || state(&world, "two")["in_flight"] == 0);
}

#[test]
fn with_one_of_three_targets_down_no_caller_of_any_strategy_notices() {
    for strategy in ["latency", "least_busy", "weighted"] {
        let gone = crate::harness::free_port();
        let world = World::new(
            &r#"
providers:
  gone: { base_url: "http://127.0.0.1:GONE/v1", models: [gpt-4o], auth_type: none }
  one:  { base_url: "{mock}/@one/v1", models: [gpt-4o], auth_type: none }
  two:  { base_url: "{mock}/@two/v1", models: [gpt-4o], auth_type: none }
routing: { health: { eject_after: 2, eject_ms: 60000 }, retry: { max_retries: 0 } }
targets: { gone: { model: gpt-4o, provider: gone }, one: { model: gpt-4o, provider: one }, two: { model: gpt-4o, provider: two } }
routes: { r: { models: [gpt-4o], strategy: STRATEGY, sticky_by: user, targets: [gone, one, two] } }
"#
            .replace("GONE", &gone.to_string())
            .replace("STRATEGY", strategy)
            .replace("sticky_by: user, ", if strategy == "weighted" { "sticky_by: user, " } else { "" }),
        );
        for number in 0..300 {
            let user = format!("x-to11-user-id: user-{number}");
            let answer = post(world.gateway, "/v1/chat/completions", &[&user], CHAT);
            assert_eq!(answer.status, 200, "{strategy}, request {number}: {}", answer.text());
        }
        assert_eq!(asked(&world, "one") + asked(&world, "two"), 300, "{strategy}");
        assert!(asked(&world, "one") > 50 && asked(&world, "two") > 50, "{strategy}: both serve");
        let gone = state(&world, "gone");
        if strategy != "latency" {
            assert_eq!(gone["standing"], "ejected", "{strategy}");
        }
        assert!(gone["ejections"].as_u64() <= Some(1), "{strategy}: {gone}");
    }
}

#[test]
fn a_subject_keeps_its_arm_whichever_way_it_is_named() {
    let world = World::new(
        r#"
providers: { openai: { base_url: "{mock}/v1", models: [gpt-4o, gpt-4o-mini], auth_type: none } }
functions:
  by-user: { strategy: experiment, sticky_by: user, variants: { a: { model: gpt-4o }, b: { model: gpt-4o-mini } } }
  by-tenant: { strategy: experiment, sticky_by: "header:x-tenant", variants: { a: { model: gpt-4o }, b: { model: gpt-4o-mini } } }
"#,
    );
    let arm = |function: &str, headers: &[&str], user: &str| {
        let body = format!(
            r#"{{"model":"{function}","user":"{user}","messages":[{{"role":"user","content":"hi"}}]}}"#
        );
        let answer = post(world.gateway, "/v1/chat/completions", headers, &body);
        answer.header("x-gateway-variant").unwrap().to_owned()
    };
    let mut arms = BTreeMap::<String, BTreeSet<String>>::new();
    for round in 0..40 {
        let user = format!("user-{}", round % 10);
        let header = format!("x-to11-user-id: {user}");
        // The header counts before the body; both name the same user.
        let named: (&[&str], &str) = if round < 20 { (&[&header], "x") } else { (&[], &user) };
        arms.entry(user.clone()).or_default().insert(arm("by-user", named.0, named.1));
        let tenant = format!("x-tenant: tenant-{}", round % 10);
        arms.entry(tenant.clone()).or_default().insert(arm("by-tenant", &[&tenant], ""));
    }
    assert!(arms.values().all(|arms| arms.len() == 1), "{arms:?}");
    let all: BTreeSet<_> = arms.values().flatten().collect();
    assert_eq!(all.len(), 2, "both arms are taken");
    let drawn: BTreeSet<_> = (0..40).map(|_| arm("by-tenant", &[], "")).collect();
    assert_eq!(drawn.len(), 2, "without a subject it is drawn");
}

#[test]
fn load_goes_where_fewer_requests_run_and_where_content_comes_sooner() {
    for (strategy, busy) in [("least_busy", true), ("latency", false)] {
        let world = World::new(
            &r#"
providers:
  one: { base_url: "{mock}/@one/v1", models: [gpt-4o], auth_type: none }
  two: { base_url: "{mock}/@two/v1", models: [gpt-4o], auth_type: none }
targets: { one: { model: gpt-4o, provider: one }, two: { model: gpt-4o, provider: two } }
routes: { r: { models: [gpt-4o], strategy: STRATEGY, targets: [one, two] } }
"#
            .replace("STRATEGY", strategy),
        );
        let slow = if busy {
            Scenario::fault(Fault::HangHead)
        } else {
            Scenario { first_delay_ms: 3_000, ..Scenario::text("slow") }
        };
        world.mock.set("one", slow);
        let mut held = Vec::new();
        // Until the slow one was asked, which both strategies do before they know better.
        until("the slow target is asked", || {
            let mut stream = connect(world.gateway);
            let bytes = request("POST", "/v1/chat/completions", &[], CHAT.as_bytes());
            stream.write_all(&bytes).unwrap();
            held.push(stream);
            // The request has gone where it goes once one more has reached somebody.
            until("it is asked somewhere", || world.upstream().len() == held.len());
            asked(&world, "one") > 0
        });
        if !busy {
            // Known to be slow it is once it has answered.
            held.iter_mut().for_each(|stream| drop(read(stream, usize::MAX).unwrap()));
        }
        let is_free = || until("its place is free", || state(&world, "two")["in_flight"] == 0);
        is_free();
        let before = asked(&world, "one");
        for _ in 0..20 {
            assert_eq!(ask(&world, CHAT).status, 200, "{strategy}");
            is_free();
        }
        assert_eq!(asked(&world, "one"), before, "{strategy}");
        drop(held);
    }
}
