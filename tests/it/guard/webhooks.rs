//! A detector that is somewhere else: what it is asked, and what its silence does.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{events, world};
use crate::client::post;
use crate::harness::{OPENAI_KEY, PATIENCE, free_port, trace_id, traceparent};

/// A head's lines, and the question.
type Asked = (Vec<String>, Value);

/// A webhook that answers each request with what stands in its text, as it is.
struct Guard {
    at: SocketAddr,
    connections: Arc<AtomicUsize>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Guard {
    fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let at = listener.local_addr().unwrap();
        let (connections, asked) = (Arc::new(AtomicUsize::new(0)), Arc::default());
        let guard = Self { at, connections, asked };
        let (connections, asked) = (Arc::clone(&guard.connections), Arc::clone(&guard.asked));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                connections.fetch_add(1, Ordering::Relaxed);
                let asked = Arc::clone(&asked);
                std::thread::spawn(move || serve(&stream, &asked));
            }
        });
        guard
    }
}

fn serve(stream: &TcpStream, asked: &Mutex<Vec<Asked>>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if line == "\r\n" {
                break;
            }
            // Names of headers have no case.
            let (name, value) = line.trim_end().split_once(": ").unwrap_or((line.trim_end(), ""));
            let name = if value.is_empty() { name.to_owned() } else { name.to_lowercase() };
            head.push(if value.is_empty() { name } else { format!("{name}: {value}") });
        }
        let length = head.iter().find_map(|it| it.strip_prefix("content-length: "));
        let mut body = vec![0; length?.parse().ok()?];
        reader.read_exact(&mut body).ok()?;
        let question: Value = serde_json::from_slice(&body).ok()?;
        let answer = question["text"].as_str()?.lines().next()?.to_owned();
        asked.lock().unwrap().push((head, question));
        match answer.as_str() {
            "hang" => std::thread::sleep(Duration::from_secs(120)),
            "close" => return None,
            _ => {}
        }
        let status = if answer == "busy" { "503 Busy" } else { "200 OK" };
        let text = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{answer}", answer.len());
        let mut stream = stream;
        stream.write_all(text.as_bytes()).ok()?;
    }
}

fn ask(text: &str) -> String {
    json!({ "model": "chat", "messages": [{ "role": "user", "content": text }] }).to_string()
}

const CHAT: &str = "/v1/chat/completions";

#[test]
fn a_webhook_sees_the_text_and_its_word_counts() {
    let guard = Guard::start();
    let world = world(&format!(
        "pii: {{ action: redact }}, webhooks: {{ moderation: {{ url: \"http://{}/check\", headers: {{ x-guard-key: \"env::OPENAI_KEY\" }} }} }}",
        guard.at
    ));
    let trace = trace_id();
    let text = "{\"action\":\"block\",\"reason\":\"asks for a recipe\"}\nI am bob@example.com";
    let headers = [&*traceparent(&trace), "x-to11-project-id: p-1"];
    let answer = post(world.gateway, CHAT, &headers, &ask(text));
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert_eq!(answer.header("x-to11-error-code"), Some("content_policy"));
    let message =
        "the guardrail `webhook` (moderation) blocked the request: it said so: asks for a recipe";
    assert_eq!(answer.json()["error"]["message"], message);
    assert!(world.upstream().is_empty());
    let (head, question) = guard.asked.lock().unwrap()[0].clone();
    assert_eq!(head[0], "POST /check HTTP/1.1");
    assert!(head.contains(&format!("x-guard-key: {OPENAI_KEY}")), "{head:?}");
    let id = answer.header("x-to11-request-id").unwrap();
    let expected = json!({ "direction": "input", "truncated": false, "model": "chat", "request_id": id, "project": "p-1",
        "text": text.replace("bob@example.com", "[REDACTED:email]") });
    assert_eq!(question, expected);
    let span = world.genai(&trace);
    assert_eq!(events(&span), ["pii input email redact 1", "webhook input moderation block 1"]);
    assert!(!format!("{span:?}").contains("recipe"), "its words go to the caller alone");
    for opinion in ["{\"action\":\"pass\"}", "{\"action\":\"flag\"}"] {
        let answer = post(world.gateway, CHAT, &[], &ask(opinion));
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    assert_eq!(world.upstream().len(), 2);
    assert_eq!(guard.connections.load(Ordering::Relaxed), 1, "the connection is kept");
}

#[test]
fn a_silent_webhook_refuses_or_lets_pass_as_configured_and_is_counted_either_way() {
    let (guard, nobody) = (Guard::start(), free_port());
    for (on_error, status) in [("closed", 400), ("open", 200)] {
        let world = world(&format!(
            "webhooks: {{ w: {{ url: \"http://{}\", timeout_ms: 2000, on_error: {on_error} }} }}",
            guard.at
        ));
        for (text, reason) in [
            ("hang", "timeout"),
            ("close", "unreachable"),
            ("busy", "status"),
            ("{\"action\":\"allow\"}", "malformed"),
            ("no json", "malformed"),
        ] {
            let (asked, trace) = (Instant::now(), trace_id());
            let answer = post(world.gateway, CHAT, &[&traceparent(&trace)], &ask(text));
            assert!(asked.elapsed() < PATIENCE, "{text}");
            assert_eq!(answer.status, status, "{text} {on_error}: {}", answer.text());
            assert_eq!(answer.text().contains(reason), status == 400, "{text}");
            // It is told of when its answer has gone.
            world.genai(&trace);
        }
        let metrics = world.running().metrics();
        let count = |reason: &str| {
            let is = |line: &&str| {
                line.starts_with("gateway_guardrail_unanswered_total{")
                    && line.contains("gateway_guardrail_webhook=\"w\"")
                    && line.contains(&format!("gateway_guardrail_reason=\"{reason}\""))
            };
            let line = metrics.lines().find(is).unwrap_or_else(|| panic!("{reason}: {metrics}"));
            line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
        };
        assert_eq!(
            [count("timeout"), count("unreachable"), count("status"), count("malformed")],
            [1.0, 1.0, 1.0, 2.0]
        );
    }
    let world = world(&format!("webhooks: {{ w: {{ url: \"http://127.0.0.1:{nobody}\" }} }}"));
    let answer = post(world.gateway, CHAT, &[], &ask("hi"));
    assert!(answer.status == 400 && answer.text().contains("unreachable"), "{}", answer.text());
}
