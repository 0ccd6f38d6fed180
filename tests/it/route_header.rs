//! `x-to11-route`: where a request went, for those who asked for it.

use tollgate_mock::{Fault, Scenario};

use crate::client::{Answer, post};
use crate::harness::{OPENAI_KEY, USUAL, World};

const HEADER: &str = "x-to11-route";
const SHOWN: &str =
    "server: { port: {gateway}, threads: 1, work_stealing: true, route_header: true }\n";
const FUNCTION: &str = "functions: { pick: { strategy: experiment, variants: { only: { model: gpt-4o, provider: openai } } } }\n";

fn world() -> World {
    World::new(&format!("{USUAL}{FUNCTION}{SHOWN}"))
}

fn ask(world: &World, model: &str, stream: bool) -> Answer {
    let body = format!(
        r#"{{"model":"{model}","stream":{stream},"messages":[{{"role":"user","content":"hi"}}]}}"#
    );
    post(world.gateway, "/v1/chat/completions", &["authorization: Bearer mine"], &body)
}

#[test]
fn each_layer_says_how_it_was_reached() {
    let world = world();
    let cases = [
        ("gpt-4o", "route=resilient;layer=route;target=primary;attempt=1"),
        ("gpt-4o-mini", "layer=passthrough;target=openai;attempt=1"),
        ("pick", "function=pick;layer=function;target=only;variant=only;attempt=1"),
    ];
    for (model, expected) in cases {
        for stream in [false, true] {
            let answer = ask(&world, model, stream);
            assert_eq!(answer.status, 200, "{}", answer.text());
            assert_eq!(answer.header(HEADER), Some(expected), "{model}, stream {stream}");
        }
    }
}

#[test]
fn after_a_fail_over_the_target_that_answered_is_named() {
    let world = world();
    for (fault, stream) in [
        (Scenario::status(503), false),
        (Scenario::fault(Fault::RefuseAfterAccept), false),
        (Scenario::fault(Fault::CutAfterEvents(1)), true),
    ] {
        world.mock.set("first", fault);
        let answer = ask(&world, "gpt-4o", stream);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let expected = "route=resilient;layer=route;target=secondary;attempt=2";
        assert_eq!(answer.header(HEADER), Some(expected));
    }
}

#[test]
fn an_error_says_where_the_last_attempt_went_and_a_refusal_nothing() {
    let world = world();
    world.mock.set("first", Scenario::fault(Fault::RefuseAfterAccept));
    for fault in [Scenario::status(500), Scenario::status(400), Scenario::fault(Fault::Reset)] {
        for _ in 0..2 {
            world.mock.push("/v1/chat/completions", fault.clone());
        }
        let answer = ask(&world, "gpt-4o", false);
        assert!(answer.status >= 400, "{}", answer.text());
        let shown = answer.header(HEADER).unwrap_or_else(|| panic!("{}", answer.text()));
        assert!(shown.starts_with("route=resilient;layer=route;target="), "{shown}");
        assert!(!shown.contains("127.0.0.1") && !shown.contains(OPENAI_KEY), "{shown}");
        while world.mock.unserved() > 0 {
            let _spent = ask(&world, "openai::gpt-4o", false);
        }
    }
    let unknown = ask(&world, "nobody", false);
    assert_eq!((unknown.status, unknown.header(HEADER)), (404, None), "there was no plan");
}

#[test]
fn nobody_is_told_who_did_not_ask() {
    let world = World::usual();
    let mut chained = Scenario::text("hello");
    chained.headers.insert(HEADER.to_owned(), "layer=route;target=inner;attempt=1".to_owned());
    for scenario in [Scenario::text("hello"), chained] {
        world.mock.set("first", scenario);
        let answer = ask(&world, "gpt-4o", false);
        assert_eq!((answer.status, answer.header(HEADER)), (200, None));
    }
}

#[test]
fn the_command_line_foresees_the_arm_that_a_subject_gets() {
    let world = World::new(&format!(
        "providers: {{ openai: {{ base_url: \"{{mock}}/v1\", models: [gpt-4o], auth_type: none }} }}\n\
         functions:\n  pick:\n    strategy: experiment\n    sticky_by: \"header:x-tenant\"\n    \
         variants: {{ left: {{ model: gpt-4o }}, right: {{ model: gpt-4o }} }}\n{SHOWN}"
    ));
    let config = world.config().to_string_lossy().into_owned();
    let foreseen = |header: &str| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_tollgate"))
            .args(["route", "pick", "-c", &config, "--header", header])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8(output.stdout).unwrap()
    };
    let body = r#"{"model":"pick","messages":[{"role":"user","content":"hi"}]}"#;
    let mut arms = std::collections::BTreeSet::new();
    for tenant in 0..12 {
        let header = format!("x-tenant: t{tenant}");
        let answer = post(world.gateway, "/v1/chat/completions", &[&header], body);
        let shown = answer.header(HEADER).unwrap();
        let arm = shown.split(';').find_map(|field| field.strip_prefix("variant=")).unwrap();
        let said = foreseen(&header);
        assert!(said.contains(&format!("these headers lead to `{arm}`")), "{shown}\n{said}");
        arms.insert(arm.to_owned());
    }
    assert_eq!(arms.len(), 2, "both arms were seen");
    let said = foreseen("x-other: 1");
    assert!(
        said.contains("no header tells the header:x-tenant, so each request is drawn"),
        "{said}"
    );
}
