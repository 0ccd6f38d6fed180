//! What is answered without an upstream, and the other ways in.

use crate::client::{exchange, post, request};
use crate::harness::World;

#[test]
fn health_and_models_are_answered_here() {
    let world = World::usual();
    let get = |path: &str| exchange(world.gateway, &request("GET", path, &[], b""));
    assert_eq!(get("/health").json()["status"], "ok");
    let list = get("/v1/models").json();
    assert_eq!(list["object"], "list");
    let ids: Vec<_> = list["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| model["id"].as_str().unwrap())
        .collect();
    for id in ["gpt-4o", "gpt-4o-mini", "claude-sonnet-4-6", "claude-resilient"] {
        assert_eq!(ids.iter().filter(|known| **known == id).count(), 1, "{id} once in {ids:?}");
    }
    assert_eq!(get("/v1/models/gpt-4o-mini").json()["id"], "gpt-4o-mini");
    let unknown = get("/v1/models/nobody");
    assert_eq!((unknown.status, unknown.header("x-to11-error-code")), (404, Some("UnknownModel")));
    let anthropic = exchange(
        world.gateway,
        &request("GET", "/v1/models", &["anthropic-version: 2023-06-01"], b""),
    );
    assert_eq!(anthropic.json()["has_more"], false);
    assert_eq!(world.mock.connections(), 0);
}

#[test]
fn head_gets_the_head_of_what_get_gets() {
    let world = World::usual();
    let mut stream = crate::client::connect(world.gateway);
    for path in ["/health", "/v1/models", "/v1/models/gpt-4o"] {
        let get = exchange(world.gateway, &request("GET", path, &[], b""));
        // One connection for all: a body that came would be taken for the next head.
        std::io::Write::write_all(&mut stream, &request("HEAD", path, &[], b"")).unwrap();
        let head = read_head(&mut stream);
        assert!(head.starts_with("HTTP/1.1 200"), "{path}: {head}");
        let length = format!("content-length: {}\r\n", get.body.len());
        assert!(head.to_ascii_lowercase().contains(&length), "{path}: {head}");
    }
}

fn read_head(stream: &mut std::net::TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        std::io::Read::read_exact(stream, &mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

#[test]
fn a_wrong_method_is_told_the_right_ones() {
    let world = World::usual();
    for (method, path, allow) in [
        ("POST", "/v1/models", "GET, HEAD"),
        ("GET", "/v1/rerank", "POST"),
        ("PUT", "/v1/files", "GET, POST"),
        ("POST", "/v1/files/file-1", "GET, DELETE"),
        ("DELETE", "/v1/files/file-1/content", "GET"),
        ("GET", "/v1/audio/transcriptions", "POST"),
    ] {
        let answer = exchange(world.gateway, &request(method, path, &[], b""));
        assert_eq!((answer.status, answer.header("allow")), (405, Some(allow)), "{method} {path}");
    }
    assert_eq!(world.mock.connections(), 0);
}

#[test]
fn one_connection_serves_many_requests() {
    let world = World::usual();
    let mut stream = crate::client::connect(world.gateway);
    for body in [
        r#"{"model":"gpt-4o-mini","messages":[]}"#,
        "broken",
        r#"{"model":"gpt-4o-mini","stream":true,"messages":[]}"#,
    ] {
        std::io::Write::write_all(
            &mut stream,
            &request("POST", "/v1/chat/completions", &[], body.as_bytes()),
        )
        .unwrap();
        let answer = crate::client::read(&mut stream, usize::MAX).unwrap();
        assert_eq!(answer.status, if body == "broken" { 400 } else { 200 });
        assert!(answer.complete);
    }
}

#[test]
fn the_control_plane_answers_and_shows_traces() {
    let world = World::usual();
    let get = |path: &str| {
        let bytes = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        exchange(world.control, bytes.as_bytes())
    };
    assert_eq!(get("/health").status, 200);
    assert_eq!(get("/ready").json()["status"], "ready");
    assert!(get("/metrics").text().contains("gateway_in_flight"));
    let page = get("/");
    assert!(page.header("content-security-policy").unwrap().contains("default-src 'none'"));
    let trace = crate::harness::trace_id();
    let headers = [&*crate::harness::traceparent(&trace)];
    post(
        world.gateway,
        "/v1/chat/completions",
        &headers,
        r#"{"model":"gpt-4o-mini","messages":[]}"#,
    );
    world.spans(&trace);
    let list = get("/api/traces").json();
    assert_eq!(list["traces"][0]["trace_id"], trace);
    let one = get(&format!("/api/traces/{trace}")).json();
    assert_eq!(one["spans"].as_array().unwrap().len(), 2);
    assert_eq!(get("/api/traces/ffffffffffffffffffffffffffffffff").status, 404);
}

#[test]
fn a_stop_lets_running_requests_end_and_loses_no_span() {
    let world = World::usual();
    world.mock.push("/v1/", tollgate_mock::Scenario::load(30, 50, 10));
    let gateway = world.gateway;
    let caller = std::thread::spawn(move || {
        post(
            gateway,
            "/v1/chat/completions",
            &[],
            r#"{"model":"gpt-4o-mini","stream":true,"messages":[]}"#,
        )
    });
    let until = std::time::Instant::now() + crate::harness::PATIENCE;
    while world.running().in_flight() == 0 {
        assert!(std::time::Instant::now() < until);
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    drop(world);
    let answer = caller.join().unwrap();
    assert!(answer.complete && answer.text().contains("[DONE]"), "the stream ended by itself");
}
