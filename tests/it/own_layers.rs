//! The gateway of `docs/write-a-layer.md`: its layer and its body filter at work, and the page showing
//! them as they are.

use tollgate::Gateway;
use tollgate_mock::{Fault, Scenario};

use crate::client::post;
use crate::harness::{World, attribute, trace_id, traceparent};

#[path = "../../docs/own_gateway/notice.rs"]
mod notice;
#[path = "../../docs/own_gateway/project.rs"]
mod project;

const CHAT: &str = "/v1/chat/completions";
const SECTIONS: &str = r#"
providers: { openai: { base_url: "{mock}/@usual/v1", models: [gpt-4o, gpt-4o-mini], auth_type: none } }
targets:   { small: { model: gpt-4o-mini, provider: openai } }
routes:    { small: { models: [small], strategy: single, targets: [small] } }
cache:     { enabled: true, streams: true }
"#;

fn world() -> World {
    let builder = Gateway::builder()
        .layer(project::ProjectLayer::new(["search"]))
        .body_filter(notice::notice);
    World::built(SECTIONS, builder)
}

fn body(more: &str) -> String {
    format!(r#"{{"model":"gpt-4o",{more}"messages":[{{"role":"user","content":"hi"}}]}}"#)
}

#[test]
fn a_layer_of_ones_own_refuses_in_the_callers_dialect_with_a_span() {
    let world = world();
    let trace = trace_id();
    let answer = post(world.gateway, CHAT, &[&traceparent(&trace)], &body(""));
    assert_eq!(answer.status, 403);
    assert_eq!(answer.header("x-to11-error-code"), Some("no_project"));
    assert!(answer.json()["error"]["message"].as_str().unwrap().contains("x-project"));
    let span = world.genai(&trace);
    assert_eq!(attribute(&span, "gateway.outcome"), Some("rejected"));
    assert!(world.upstream().is_empty());
}

#[test]
fn a_layer_of_ones_own_sends_requests_elsewhere() {
    let world = world();
    for (project, model) in [("search", "gpt-4o"), ("toys", "gpt-4o-mini")] {
        let header = format!("x-project: {project}");
        let answer = post(world.gateway, CHAT, &[&header], &body(""));
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(world.upstream().last().unwrap().json()["model"], model, "{project}");
    }
}

#[test]
fn a_body_filter_of_ones_own_sees_what_leaves_and_nothing_else_is_touched() {
    let world = world();
    let stream = body(r#""stream":true,"#);
    let ask = |body: &str| post(world.gateway, CHAT, &["x-project: search"], body);
    let (answer, without) = (ask(&stream), post(world.mock.addr(), CHAT, &[], &stream));
    let expected = format!("{}: {} bytes\n\n", without.text(), without.body.len());
    assert_eq!(answer.text(), expected);
    assert!(answer.complete);
    let plain = ask(&body(""));
    assert_eq!(plain.text(), post(world.mock.addr(), CHAT, &[], &body("")).text());
    assert!(plain.header("content-length").is_some(), "it passes no filter");
    world.mock.set(
        "usual",
        Scenario::fault(Fault::Status { code: 400, body: None, headers: Default::default() }),
    );
    let refused = ask(&stream);
    assert!(refused.status == 400 && !refused.text().contains("bytes\n"), "{}", refused.text());
}

#[test]
fn the_cache_keeps_what_the_filter_let_out_under_what_the_layer_made_of_the_request() {
    let world = world();
    let stream = body(r#""temperature":0,"stream":true,"#);
    let ask = |project: &str, more: &[&str]| {
        let project = format!("x-project: {project}");
        let headers: Vec<&str> = more.iter().copied().chain([project.as_str()]).collect();
        post(world.gateway, CHAT, &headers, &stream)
    };
    let trace = trace_id();
    let first = ask("search", &[&traceparent(&trace)]);
    world.spans(&trace);
    let again = ask("search", &["x-to11-cache: only"]);
    assert_eq!(again.header("x-to11-cache"), Some("hit"), "{}", again.text());
    assert_eq!(again.text(), first.text());
    assert_eq!(again.text().matches(" bytes\n").count(), 1, "once, not once more");
    let other = ask("toys", &[]);
    assert_eq!(other.header("x-to11-cache"), Some("miss"), "routed elsewhere");
}

#[test]
fn the_page_shows_the_example_as_it_is() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/write-a-layer.md")).unwrap();
    for file in ["main.rs", "project.rs", "notice.rs"] {
        let code = std::fs::read_to_string(root.join("docs/own_gateway").join(file)).unwrap();
        let (_, code) = code.split_once("\n\n").unwrap();
        assert!(page.contains(code.trim()), "copy docs/own_gateway/{file} into the page again");
    }
}
