//! Where content is not kept, or taken out, it is in no row, export, log line or metric.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tollgate_mock::Piece;

use super::says;
use crate::client::post;
use crate::harness::{PATIENCE, USUAL, World, attribute, trace_id, traceparent};

/// All there is to log, but for the libraries that the gateway itself never lets speak.
const LOG: &str = "trace,pingora_core=warn,pingora_proxy=error,pingora_cache=warn,pingora_http=warn,pingora_pool=warn,h2=warn,hyper=warn";

/// Everything that somebody got.
#[derive(Clone, Default)]
pub(crate) struct Heard(Arc<Mutex<Vec<u8>>>);

// === impl Heard ===

impl Heard {
    fn push(&self, bytes: &[u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl Write for Heard {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.push(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// An OTLP backend that keeps whatever is sent to it, as it came.
pub(crate) fn backend() -> (u16, Heard) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let (port, heard) = (listener.local_addr().unwrap().port(), Heard::default());
    let kept = heard.clone();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let kept = kept.clone();
            std::thread::spawn(move || {
                stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
                let mut buffer = [0; 65_536];
                let mut pending = false;
                loop {
                    match stream.read(&mut buffer) {
                        Ok(0) => return,
                        Ok(read) => {
                            kept.push(&buffer[..read]);
                            pending = true;
                        }
                        // A pause is the end of a request.
                        Err(_) if pending => {
                            pending = false;
                            if stream
                                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                                .is_err()
                            {
                                return;
                            }
                        }
                        Err(_) => {}
                    }
                }
            });
        }
    });
    (port, heard)
}

/// Everything that is logged in this process, in every detail.
pub(crate) fn logged() -> Heard {
    static HEARD: std::sync::OnceLock<Heard> = std::sync::OnceLock::new();
    let heard = HEARD.get_or_init(|| {
        let heard = Heard::default();
        let writer = heard.clone();
        let log =
            tracing_subscriber::fmt().with_env_filter(LOG).with_writer(move || writer.clone());
        // Another test of the same process may be first; then there is nothing to hear.
        let _taken = log.try_init();
        heard
    });
    heard.clone()
}

/// The database's bytes, all of its files.
pub(crate) fn database(world: &World) -> String {
    let folder = world.config().parent().unwrap().to_owned();
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files =
        files.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("spans"));
    let bytes: Vec<u8> = files.flat_map(|path| std::fs::read(path).unwrap()).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn wait_for(heard: &Heard, part: &str) {
    let until = Instant::now() + PATIENCE;
    while !heard.text().contains(part) {
        assert!(Instant::now() < until, "{part} never came");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn with_capture_off_nothing_that_was_said_is_kept_anywhere() {
    let log = logged();
    let (port, exported) = backend();
    let otlp = format!("otlp_endpoint: \"http://127.0.0.1:{port}\", protocol: http");
    let world = World::new(&format!(
        "{USUAL}genai_telemetry: {{ {otlp} }}\ntelemetry: {{ enabled: true, {otlp} }}\n"
    ));
    let chat = r#"{"model":"gpt-4o-mini","stream":STREAM,"messages":[{"role":"system","content":"canary-system"},{"role":"user","content":"canary-prompt"}],"tools":[{"type":"function","function":{"name":"look","description":"canary-tool"}}]}"#;
    let messages = r#"{"model":"claude-sonnet-4-6","max_tokens":9,"stream":STREAM,"system":"canary-system","messages":[{"role":"user","content":"canary-prompt"}]}"#;
    let mut traces = Vec::new();
    for (path, body) in [("/v1/chat/completions", chat), ("/v1/messages", messages)] {
        for stream in ["true", "false"] {
            let trace = trace_id();
            world.mock.push(
                "/v1/",
                says(vec![
                    Piece::text("canary-answer"),
                    Piece::tool("look", r#"{"at":"canary-arguments"}"#),
                ]),
            );
            let answer =
                post(world.gateway, path, &[&traceparent(&trace)], &body.replace("STREAM", stream));
            assert!(answer.text().contains("canary"), "{}", answer.text());
            traces.push(trace);
        }
    }
    // Refused by the upstream, and by the gateway.
    world.mock.push("/v1/", tollgate_mock::Scenario::status(400));
    post(world.gateway, "/v1/chat/completions", &[], &chat.replace("STREAM", "false"));
    post(
        world.gateway,
        "/v1/chat/completions",
        &[],
        &chat.replace("gpt-4o-mini", "nobody").replace("STREAM", "false"),
    );
    for trace in &traces {
        let span = world.genai(trace);
        assert_eq!(attribute(&span, "gateway.outcome"), Some("complete"));
        wait_for(&exported, "chat claude-sonnet-4-6");
    }
    let seen = [
        ("rows", database(&world)),
        ("exports", exported.text()),
        ("log lines", log.text()),
        ("metrics", world.running().metrics()),
    ];
    for (what, text) in &seen {
        let line = text.lines().find(|line| line.contains("canary-"));
        assert_eq!(line, None, "the {what} repeat what was said");
    }
    assert!(
        seen[0].1.contains("gpt-4o-mini") && seen[3].1.contains("gpt-4o-mini"),
        "there is something to see"
    );
}

#[test]
fn trap_37_what_detectors_find_is_stored_nowhere() {
    let (port, exported) = backend();
    let world = World::new(&format!(
        "{USUAL}security: {{ blocklist: [Nightjar] }}\n\
         genai_telemetry: {{ capture_content: true, redact: [pii, secrets, blocklist], otlp_endpoint: \"http://127.0.0.1:{port}\", protocol: http }}\n"
    ));
    let trace = trace_id();
    world.mock.push(
        "/v1/",
        says(vec![
            Piece::text("Your key is sk-a1B2c3"),
            Piece::text("D4e5F6g7H8i9J0, NIGHT"),
            Piece::text("JAR."),
            Piece::tool("pay", r#"{"card":4111111111111111,"to":"eve\u0040example.com"}"#),
        ]),
    );
    let body = r#"{"model":"gpt-4o-mini","stream":true,"messages":[{"role":"system","content":"Call 415-555-2671"},{"role":"user","content":"I am bob\u0040example.com, not \"nightjar\""}]}"#;
    let answer = post(world.gateway, "/v1/chat/completions", &[&traceparent(&trace)], body);
    assert!(!answer.text().contains("REDACTED"), "the caller gets it all");
    let spans = world.spans(&trace);
    let genai = world.genai(&trace);
    assert_eq!(
        attribute(&genai, "gen_ai.input.messages"),
        Some(
            r#"[{"role":"system","content":"Call [REDACTED:phone]"},{"role":"user","content":"I am [REDACTED:email], not \"[REDACTED:blocklist]\""}]"#
        )
    );
    assert_eq!(attribute(&genai, "gen_ai.system_instructions"), Some("Call [REDACTED:phone]"));
    let output: serde_json::Value =
        serde_json::from_str(attribute(&genai, "gen_ai.output.messages").unwrap()).unwrap();
    assert_eq!(output[0]["content"], "Your key is [REDACTED:api_key], [REDACTED:blocklist].");
    let arguments = r#"{"card":"[REDACTED:credit_card]","to":"[REDACTED:email]"}"#;
    assert_eq!(output[0]["tool_calls"][0]["arguments"], arguments);
    let call = spans.iter().find(|span| span.name == "tool_call.pay").unwrap();
    assert_eq!(attribute(call, "gen_ai.tool.call.arguments"), Some(arguments));
    wait_for(&exported, "REDACTED:phone");
    for text in [database(&world), exported.text()] {
        for planted in
            ["example.com", "4111111111111111", "415-555", "a1B2c3", "ightjar", "NIGHTJAR"]
        {
            assert!(!text.contains(planted), "{planted} is stored");
        }
    }
}

#[test]
fn trap_37_targets_routes_and_functions_switch_capture() {
    let config = |everywhere: &str| {
        format!(
            r#"
providers:
  openai: {{ base_url: "{{mock}}/v1", models: [gpt-4o, gpt-4o-mini], auth_type: none }}
targets:
  plain: {{ model: gpt-4o, provider: openai }}
  quiet: {{ model: gpt-4o, provider: openai, capture_content: false }}
  loud: {{ model: gpt-4o, provider: openai, capture_content: true }}
routes:
  usual: {{ models: [r-usual], strategy: single, targets: [plain] }}
  off: {{ models: [r-off], strategy: single, targets: [loud], capture_content: false }}
  on: {{ models: [r-on], strategy: single, targets: [plain], capture_content: true }}
  on-quiet: {{ models: [r-on-quiet], strategy: single, targets: [quiet], capture_content: true }}
  loud: {{ models: [r-loud], strategy: single, targets: [loud] }}
  fallen: {{ models: [r-fallen], strategy: fallback, targets: [loud, quiet], retry: {{ max_retries: 0 }} }}
functions:
  on: {{ strategy: single, targets: [plain], capture_content: true }}
  off: {{ strategy: single, targets: [plain], capture_content: false }}
genai_telemetry: {{ capture_content: {everywhere} }}
"#
        )
    };
    for everywhere in [true, false] {
        let world = World::new(&config(&everywhere.to_string()));
        for (model, kept) in [
            ("r-usual", everywhere),
            ("gpt-4o-mini", everywhere),
            ("r-off", false),
            ("r-on", true),
            ("r-on-quiet", false),
            ("r-loud", true),
            ("r-fallen", false),
            ("function::on", true),
            ("function::off", false),
        ] {
            if model == "r-fallen" {
                world.mock.push("/v1/", tollgate_mock::Scenario::status(500));
            }
            let trace = trace_id();
            let body = format!(
                r#"{{"model":"{model}","stream":true,"messages":[{{"role":"user","content":"hi"}}]}}"#
            );
            let answer =
                post(world.gateway, "/v1/chat/completions", &[&traceparent(&trace)], &body);
            assert_eq!(answer.status, 200, "{model}: {}", answer.text());
            let span = world.genai(&trace);
            for name in ["gen_ai.input.messages", "gen_ai.output.messages"] {
                assert_eq!(
                    attribute(&span, name).is_some(),
                    kept,
                    "{name} of {model}, else {everywhere}"
                );
            }
        }
    }
}
