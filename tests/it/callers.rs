//! Keys of callers, through a real gateway: who is let in, what is told, and what leaves.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use tollgate_keys::{Grants, KeyStore, NewKey, Scope, now_s};

use crate::client::{connect, exchange, post, read, request};
use crate::harness::{OPENAI_KEY, PATIENCE, World, attribute, trace_id, traceparent};

const SECTIONS: &str = r#"
keys: { required: true, path: "{keys}" }
providers:
  openai: { base_url: "{mock}/v1", models: [gpt-4o, gpt-4o-mini], credential: "env::OPENAI_KEY" }
  byok:   { base_url: "{mock}/v1", models: [own] }
targets:
  primary: { model: gpt-4o }
routes:
  resilient: { models: [gpt-4o, smart], strategy: single, targets: [primary] }
"#;
const CHAT: &str = "/v1/chat/completions";

/// A gateway that asks for keys, and the store they are in.
struct Gate {
    world: World,
    store: KeyStore,
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl Gate {
    fn new(sections: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.db");
        let store = KeyStore::create(&path).unwrap();
        let world = World::new(&sections.replace("{keys}", &path.display().to_string()));
        Self { world, store, _folder: folder, path }
    }

    /// A key, once the gateway knows it.
    fn key(&self, new: &NewKey) -> (String, String) {
        let (key, record) = self.store.add(new, now_s()).unwrap();
        let known = || {
            let header = format!("x-to11-authorization: Bearer {}", key.expose());
            let models = request("GET", "/v1/models", &[&header], b"");
            exchange(self.world.gateway, &models).status != 401
        };
        let until = Instant::now() + PATIENCE;
        while !known() && new.scopes.contains(&Scope::GatewayCall) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(50));
        }
        (key.expose().to_owned(), record.id)
    }

    fn chat(&self, headers: &[&str], model: &str) -> crate::client::Answer {
        let body =
            format!(r#"{{"model":"{model}","messages":[{{"role":"user","content":"hi"}}]}}"#);
        post(self.world.gateway, CHAT, headers, &body)
    }
}

fn calls() -> NewKey {
    NewKey {
        name: "search".to_owned(),
        project: Some("proj_1".to_owned()),
        scopes: vec![Scope::GatewayCall],
        expires_s: None,
        environment: None,
        grants: Grants::default(),
    }
}

#[test]
fn a_key_is_needed_and_good_wherever_an_sdk_puts_it_and_never_goes_upstream() {
    let gate = Gate::new(SECTIONS);
    let metadata = vec![("team".to_owned(), "search & find".to_owned())];
    let (key, id) =
        gate.key(&NewKey { grants: Grants { metadata, ..Grants::default() }, ..calls() });
    let missing = gate.chat(&[], "smart");
    assert_eq!((missing.status, missing.header("x-to11-error-code")), (401, Some("auth")));
    assert_eq!(missing.header("www-authenticate"), Some("Bearer realm=\"tollgate\""));
    assert!(missing.json()["error"]["message"].as_str().unwrap().contains("key of this gateway"));
    for place in [
        "x-to11-authorization: Bearer ",
        "authorization: Bearer ",
        "x-api-key: ",
        "api-key: ",
        "x-goog-api-key: ",
    ] {
        let trace = trace_id();
        let answer = gate.chat(&[&format!("{place}{key}"), &traceparent(&trace)], "smart");
        assert_eq!(answer.status, 200, "{place}: {}", answer.text());
        let spans = gate.world.spans(&trace);
        for span in &spans {
            if span.name.starts_with("tool_call") {
                continue;
            }
            assert_eq!(attribute(span, "gateway.key.id"), Some(&*id), "{}", span.name);
            assert_eq!(attribute(span, "gateway.key.name"), Some("search"));
            assert_eq!(attribute(span, "project.id"), Some("proj_1"));
            assert_eq!(
                span.resource_attribute("project.id"),
                Some("proj_1"),
                "rows are scoped by it"
            );
            assert_eq!(attribute(span, "gateway.key.metadata.team"), Some("search & find"));
        }
    }
    let query = format!("{CHAT}?key={key}");
    let body = r#"{"model":"smart","messages":[]}"#;
    assert_eq!(post(gate.world.gateway, &query, &[], body).status, 200);
    for received in gate.world.upstream() {
        let text = format!(
            "{:?} {} {}",
            received.headers,
            received.path_and_query,
            String::from_utf8_lossy(&received.body)
        );
        assert!(!text.contains("tg_"), "{text}");
        assert!(text.contains(OPENAI_KEY));
    }
    let secret = key.rsplit('_').next().unwrap();
    for entry in std::fs::read_dir(gate.world.database().parent().unwrap()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(memchr::memmem::find(&bytes, secret.as_bytes()).is_none(), "in what is stored");
    }
    let metrics = gate.world.running().metrics();
    assert!(metrics.contains("gateway_caller_auth_total{result=\"missing\"} 1"), "{metrics}");
    assert!(!metrics.contains(&key) && !metrics.contains("tg_"));
}

#[test]
fn every_bad_key_gets_the_same_answer_and_no_body_of_theirs_is_read() {
    let gate = Gate::new(SECTIONS);
    let (good, id) = gate.key(&calls());
    let (expired, _) = gate.store.add(&NewKey { expires_s: Some(1), ..calls() }, now_s()).unwrap();
    let (revoked, _) = gate.key(&calls());
    gate.store.revoke(revoked.split('_').nth(1).unwrap(), now_s()).unwrap();
    let (query, _) =
        gate.store.add(&NewKey { scopes: vec![Scope::QueryRead], ..calls() }, now_s()).unwrap();
    let (began, mut asked) = (Instant::now(), Instant::now());
    while gate.chat(&[&format!("x-api-key: {revoked}")], "smart").status == 200 {
        // However long the answer took.
        assert!(asked - began < Duration::from_secs(5), "a revoked key ends within five seconds");
        std::thread::sleep(Duration::from_millis(100));
        asked = Instant::now();
    }
    let mistyped = format!("{}x", &good[..good.len() - 1]);
    let other = tollgate_keys::ApiKey::generate(None).unwrap();
    let texts: Vec<String> =
        [expired.expose(), &revoked, &mistyped, other.expose(), "tg_", "tg_live_x_y"]
            .into_iter()
            .map(|key| {
                let answer = gate.chat(&[&format!("authorization: Bearer {key}")], "smart");
                assert_eq!(
                    (answer.status, answer.header("x-to11-error-code")),
                    (401, Some("auth")),
                    "{key}"
                );
                answer.text()
            })
            .collect();
    assert!(texts.iter().all(|text| *text == texts[0]), "{texts:#?}");
    let lacking = gate.chat(&[&format!("x-api-key: {}", query.expose())], "smart");
    assert_eq!((lacking.status, lacking.header("x-to11-error-code")), (403, Some("forbidden")));
    let foreign = gate.chat(&[&format!("x-api-key: {good}"), "x-to11-project-id: proj_2"], "smart");
    assert_eq!(foreign.status, 403, "{}", foreign.text());
    // In the dialect of who asks.
    let answer = post(gate.world.gateway, "/v1/messages", &["x-api-key: tg_bad"], "{}");
    assert_eq!(answer.json()["error"]["type"], "authentication_error", "{}", answer.text());
    // A long body that never comes: the answer does not wait for it.
    let mut stranger = connect(gate.world.gateway);
    let head = format!("POST {CHAT} HTTP/1.1\r\nhost: g\r\ncontent-length: 1000000\r\n\r\n");
    std::io::Write::write_all(&mut stranger, head.as_bytes()).unwrap();
    assert_eq!(read(&mut stranger, usize::MAX).unwrap().status, 401);
    let logged = trace_id();
    gate.chat(&[&format!("x-api-key: {mistyped}"), &traceparent(&logged)], "smart");
    let span = gate.world.genai(&logged);
    assert_eq!(attribute(&span, "gateway.outcome"), Some("rejected"));
    assert_eq!(attribute(&span, "gateway.error.class"), Some("auth"));
    assert_eq!(attribute(&span, "gateway.key.id"), None, "nobody is taken for {id}");
}

#[test]
fn trap_60_a_key_is_for_its_models_alone_and_sees_no_others() {
    let gate = Gate::new(SECTIONS);
    let models = vec!["resilient".to_owned(), "own".to_owned()];
    let (key, _) = gate.key(&NewKey { grants: Grants { models, ..Grants::default() }, ..calls() });
    let header = format!("x-to11-authorization: Bearer {key}");
    for (model, status) in [
        ("smart", 200),
        ("gpt-4o", 200),
        ("gpt-4o-mini", 403),
        ("route::resilient", 200),
        ("openai::gpt-4o", 403),
        ("nobody", 403),
    ] {
        let answer = gate.chat(&[&header], model);
        assert_eq!(answer.status, status, "{model}: {}", answer.text());
    }
    let list = exchange(gate.world.gateway, &request("GET", "/v1/models", &[&header], b"")).json();
    let ids: Vec<_> =
        list["data"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["gpt-4o", "smart", "own"]);
    let one = |id: &str, headers: &[&str]| {
        exchange(gate.world.gateway, &request("GET", &format!("/v1/models/{id}"), headers, b""))
            .status
    };
    assert_eq!((one("smart", &[&header]), one("gpt-4o-mini", &[&header])), (200, 404));
    assert_eq!((one("smart", &[]), one("smart", &["x-api-key: tg_bad"])), (401, 401));
    let health = exchange(gate.world.gateway, &request("GET", "/health", &[], b""));
    assert_eq!(health.status, 200, "probes have no keys");
    // The provider wants the caller's own key, and ours is none.
    let alone = gate.chat(&[&format!("authorization: Bearer {key}")], "own");
    assert_eq!((alone.status, alone.header("x-to11-error-code")), (401, Some("auth")));
    assert!(alone.text().contains("x-to11-authorization"), "{}", alone.text());
    let both = gate.chat(&[&header, "authorization: Bearer sk-own"], "own");
    assert_eq!(both.status, 200);
    let swapped = gate.chat(&[&format!("authorization: Bearer {key}"), "x-api-key: sk-own"], "own");
    assert_eq!(swapped.status, 200, "{}", swapped.text());
    for received in gate.world.upstream() {
        assert!(!format!("{:?}", received.headers).contains("tg_"), "{:?}", received.headers);
    }
}

#[test]
fn without_a_word_of_keys_anybody_may_call_and_a_bad_key_is_still_refused() {
    let gate = Gate::new(&SECTIONS.replace("required: true, ", ""));
    assert_eq!(gate.chat(&[], "smart").status, 200);
    assert_eq!(gate.chat(&["authorization: Bearer sk-anything"], "smart").status, 200);
    for bad in [
        "x-to11-authorization: Bearer tg_bad",
        "x-to11-authorization: Bearer sk-x",
        "authorization: Bearer tg_bad",
    ] {
        assert_eq!(gate.chat(&[bad], "smart").status, 401, "{bad}");
    }
    let project = NewKey { project: None, ..calls() };
    let (key, _) = gate.key(&project);
    let trace = trace_id();
    let headers =
        [&*format!("x-api-key: {key}"), "x-to11-project-id: proj_9", &traceparent(&trace)];
    assert_eq!(gate.chat(&headers, "smart").status, 200);
    assert_eq!(attribute(&gate.world.genai(&trace), "project.id"), Some("proj_9"));
    // The file is gone, and what it said is known no longer than it may be.
    assert!(gate.path.exists());
}

#[test]
fn no_route_answers_a_stranger() {
    let gate = Gate::new(SECTIONS);
    let (key, _) = gate.key(&calls());
    let routes = [
        ("POST", CHAT),
        ("POST", "/v1/completions"),
        ("POST", "/v1/messages"),
        ("POST", "/v1/messages/count_tokens"),
        ("POST", "/v1/responses"),
        ("POST", "/v1/embeddings"),
        ("POST", "/v1/rerank"),
        ("POST", "/v1/images/generations"),
        ("POST", "/v1/audio/speech"),
        ("POST", "/v1/audio/transcriptions"),
        ("GET", "/v1/models"),
        ("GET", "/v1/models/smart"),
        ("GET", "/v1/files"),
        ("POST", "/v1/files"),
        ("GET", "/v1/files/f"),
        ("GET", "/v1/files/f/content"),
        ("DELETE", "/v1/files/f"),
    ];
    for (method, path) in routes {
        for headers in [&[][..], &["authorization: Bearer sk-own"], &["x-api-key: tg_live_x"]] {
            let answer = exchange(gate.world.gateway, &request(method, path, headers, b""));
            assert_eq!(answer.status, 401, "{method} {path} {headers:?}: {}", answer.text());
        }
        let known = format!("x-to11-authorization: Bearer {key}");
        let answer = exchange(gate.world.gateway, &request(method, path, &[&known], b""));
        assert_ne!(answer.status, 401, "{method} {path}: a key opens it");
    }
}

#[test]
fn the_command_line_says_what_a_key_may_use_and_lists_it() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("c.yaml");
    let text = "providers: { acme: { base_url: 'http://localhost/v1', models: [m] } }\nkeys: { path: KEYS }\n";
    let keys = folder.path().join("keys.db");
    std::fs::write(&config, text.replace("KEYS", &keys.display().to_string())).unwrap();
    let run = |arguments: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_tollgate"))
            .args(["key"])
            .args(arguments)
            .args(["-c", &config.display().to_string()])
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let limits = [
        "--models",
        "gpt-4o*,smart",
        "--rpm",
        "60",
        "--tpm",
        "1000",
        "--concurrency",
        "4",
        "--budget-day",
        "2.5",
        "--budget-month",
        "50",
        "--currency",
        "EUR",
        "--metadata",
        "team=a",
        "--metadata",
        "tier=2",
    ];
    let new = ["new", "--scope", "gateway:call", "--project", "p"];
    let (code, made, error) = run(&[&new[..], &limits].concat());
    assert_eq!(code, Some(0), "{error}");
    assert!(made.contains("models   gpt-4o*,smart"), "{made}");
    let key = made.lines().last().unwrap();
    assert!(key.starts_with("tg_"));
    let (_, list, _) = run(&["list"]);
    for part in [
        "gpt-4o*,smart",
        "rpm=60,tpm=1000,concurrency=4,2.5EUR/day,50EUR/month",
        "team=a,tier=2",
        "gateway:call",
    ] {
        assert!(list.contains(part), "`{part}` in {list}");
    }
    assert!(!list.contains(key));
    let kept = KeyStore::open(&keys).unwrap().unwrap().list().unwrap();
    assert_eq!(kept[0].grants.budget_day_nanos, Some(2_500_000_000));
    for (bad, why) in [
        (&["--rpm", "0"][..], "0"),
        (&["--budget-day", "-1"], "-1"),
        (&["--budget-day", "NaN"], "amount"),
        (&["--metadata", "team"], "team=search"),
        (&["--metadata", "a b=c"], "team=search"),
        (&["--currency", "usd", "--rpm", "1"], "capital"),
    ] {
        let (code, _, error) = run(&[&new[..], bad].concat());
        assert!(code == Some(2) && error.contains(why), "{bad:?}: {error}");
    }
    let (code, _, error) = run(&["new", "--scope", "otel:write", "--project", "p", "--rpm", "5"]);
    assert!(code == Some(2) && error.contains("gateway:call"), "{error}");
}
