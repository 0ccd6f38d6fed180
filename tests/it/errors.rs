//! Bad input: the status and code of the contract, in the caller's dialect, and no upstream byte.

use std::io::{Read as _, Write as _};

use tollgate_mock::{Fault, Scenario};

use crate::client::{Answer, exchange, post, request};
use crate::harness::{USUAL, World, attribute};

const PATHS: [&str; 2] = ["/v1/chat/completions", "/v1/messages"];

/// Checks what every refusal has.
fn assert_refused(world: &World, answer: &Answer, path: &str, status: u16, code: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.header("x-to11-error-code"), Some(code));
    let id = answer.header("x-to11-request-id").expect("every answer names its request");
    let error = answer.json();
    if path.contains("messages") {
        assert_eq!(error["type"], "error");
        assert_eq!(error["request_id"], id);
        assert!(error["error"]["type"].is_string() && error["error"]["message"].is_string());
    } else {
        let error = &error["error"];
        assert!(error["message"].is_string() && error["type"].is_string());
        assert!(error.get("param").is_some() && error["code"] == code);
    }
    assert_eq!(world.mock.connections(), 0, "no upstream byte");
}

#[test]
fn a_body_that_cannot_be_used_is_refused() {
    let world = World::usual();
    let deep = format!("{{\"model\":\"gpt-4o\",\"x\":{}{}}}", "[".repeat(64), "]".repeat(64));
    for path in PATHS {
        for (body, status, code) in [
            ("not json", 400, "bad_request"),
            ("[1]", 400, "bad_request"),
            ("{\"model\":\"gpt-4o\"", 400, "bad_request"),
            ("{\"messages\":[]}", 400, "bad_request"),
            ("{\"model\":7}", 400, "bad_request"),
            ("{\"model\":\"gpt-4o\",\"model\":\"gpt-4o\"}", 400, "bad_request"),
            ("{\"model\":\"gpt-4o\",\"stream\":\"yes\"}", 400, "bad_request"),
            (&*deep, 400, "bad_request"),
            ("{\"model\":\"nobody-knows\"}", 404, "UnknownModel"),
            ("{\"model\":\"function::nobody\"}", 404, "UnknownModel"),
        ] {
            let answer = post(world.gateway, path, &[], body);
            assert_refused(&world, &answer, path, status, code);
        }
    }
}

#[test]
fn a_request_line_that_means_nothing_is_refused() {
    let world = World::usual();
    let unknown = exchange(world.gateway, &request("POST", "/v1/nothing", &[], b"{}"));
    assert_refused(&world, &unknown, "/v1/nothing", 404, "bad_request");
    for path in ["/v1//chat/completions", "/v1/chat/completions/", "/v1/chat%2fcompletions", "/"] {
        let answer = exchange(world.gateway, &request("POST", path, &[], b"{}"));
        assert_refused(&world, &answer, path, 404, "bad_request");
    }
    for path in PATHS {
        let answer = exchange(world.gateway, &request("DELETE", path, &[], b""));
        assert_refused(&world, &answer, path, 405, "bad_request");
        assert_eq!(answer.header("allow"), Some("POST"));
    }
}

#[test]
fn contradictory_framing_and_compressed_bodies_are_refused() {
    let world = World::usual();
    let both = b"POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    let answer = exchange(world.gateway, both);
    assert_refused(&world, &answer, "/v1/chat/completions", 400, "bad_request");
    let answer =
        post(world.gateway, PATHS[0], &["content-encoding: gzip"], "{\"model\":\"gpt-4o\"}");
    assert_refused(&world, &answer, PATHS[0], 415, "bad_request");
}

#[test]
fn a_body_is_taken_at_the_limit_and_refused_above_it() {
    let world = World::new(&format!("{USUAL}limits: {{ body_bytes_max: 2000 }}\n"));
    let body = |bytes: usize| {
        let frame = r#"{"model":"gpt-4o-mini","messages":[],"x":""}"#.len();
        format!(r#"{{"model":"gpt-4o-mini","messages":[],"x":"{}"}}"#, "x".repeat(bytes - frame))
    };
    for path in PATHS {
        let answer = post(world.gateway, path, &[], &body(2001));
        assert_refused(&world, &answer, path, 413, "bad_request");
        let chunked = format!(
            "POST {path} HTTP/1.1\r\nhost: g\r\ntransfer-encoding: chunked\r\n\r\n7d1\r\n{}\r\n0\r\n\r\n",
            body(2001)
        );
        let answer = exchange(world.gateway, chunked.as_bytes());
        assert_refused(&world, &answer, path, 413, "bad_request");
    }
    assert_eq!(post(world.gateway, PATHS[0], &[], &body(2000)).status, 200);
}

#[test]
fn requests_are_taken_at_the_in_flight_limit_and_shed_above_it() {
    let world = World::new(&format!("{USUAL}limits: {{ in_flight_max: 2 }}\n"));
    world.mock.push("/v1/", Scenario::fault(Fault::HangHead));
    world.mock.push("/v1/", Scenario::fault(Fault::HangHead));
    let body = br#"{"model":"gpt-4o-mini","messages":[]}"#;
    let held: Vec<_> = (0..2)
        .map(|_| {
            let mut stream = crate::client::connect(world.gateway);
            stream.write_all(&request("POST", PATHS[0], &[], body)).unwrap();
            stream
        })
        .collect();
    let until = std::time::Instant::now() + crate::harness::PATIENCE;
    // Only what has reached the mock has taken its scenario.
    while world.running().in_flight() < 2 || world.mock.unserved() > 0 {
        assert!(std::time::Instant::now() < until, "two requests are in flight");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    shed_without_a_body(&world, body);
    drop(held);
    while world.running().in_flight() > 0 {
        assert!(std::time::Instant::now() < until, "the places are given back");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert_eq!(exchange(world.gateway, &request("POST", PATHS[0], &[], body)).status, 200);
}

/// What is shed is told so before its body has come, on a connection that stays unless a body was offered that nobody
/// asks for.
fn shed_without_a_body(world: &World, body: &[u8]) {
    let mut stream = crate::client::connect(world.gateway);
    let whole = request("POST", PATHS[0], &[], body);
    for _ in 0..2 {
        let (most, rest) = whole.split_at(whole.len() - 5);
        stream.write_all(most).unwrap();
        let answer = crate::client::read(&mut stream, usize::MAX).unwrap();
        assert_eq!(answer.status, 503);
        assert_eq!(answer.header("x-to11-error-code"), Some("overloaded"));
        assert_eq!(answer.header("retry-after"), Some("1"));
        let trace = answer.header("traceparent").unwrap().split('-').nth(1).unwrap();
        let span = world.genai(trace);
        assert_eq!(attribute(&span, "gateway.outcome"), Some("rejected"));
        stream.write_all(rest).unwrap();
    }
    let head = request("POST", PATHS[0], &["expect: 100-continue", "content-length: 9"], b"");
    stream.write_all(&head).unwrap();
    let answer = crate::client::read(&mut stream, usize::MAX).unwrap();
    assert_eq!((answer.status, answer.complete), (503, true));
    assert_eq!(
        stream.read(&mut [0; 8]).unwrap(),
        0,
        "the next request would be taken for the body"
    );
}

#[test]
fn an_upstreams_refusal_is_forwarded_byte_for_byte_but_for_the_message_of_a_5xx() {
    let world = World::usual();
    let secret = r#"{"error":{"message":"internal host db-7 is down","type":"server_error","param":null,"code":null}}"#;
    let fault = |code, body: Option<&str>| {
        let headers =
            std::collections::BTreeMap::from([("retry-after".to_owned(), "7".to_owned())]);
        Scenario::fault(Fault::Status { code, body: body.map(str::to_owned), headers })
    };
    let body = r#"{"model":"gpt-4o-mini","messages":[]}"#;
    let odd = r#"{ "error" : {"message":"Request too long","type":"invalid_request_error","code":"context_length_exceeded"} }"#;
    world.mock.push("/v1/", fault(400, Some(odd)));
    let answer = post(world.gateway, PATHS[0], &[], body);
    assert_eq!((answer.status, answer.text().as_str()), (400, odd));
    assert_eq!(answer.header("x-to11-error-code"), Some("bad_request"));
    assert_eq!(answer.header("x-to11-upstream-provider"), Some("openai"));
    world.mock.push("/v1/", fault(429, Some(r#"{"error":{"message":"m","type":"insufficient_quota","code":"insufficient_quota"}}"#)));
    let answer = post(world.gateway, PATHS[0], &[], body);
    assert_eq!((answer.status, answer.header("x-to11-error-code")), (429, Some("quota")));
    assert_eq!(answer.header("retry-after"), Some("7"));
    world.mock.push("/v1/", fault(500, Some(secret)));
    let answer = post(world.gateway, PATHS[0], &[], body);
    assert_eq!(answer.status, 500);
    assert_eq!(answer.json()["error"]["message"], "provider returned status 500");
    assert!(answer.complete);
}
