//! Files: the provider is chosen without a model, and the bytes pass as they are.

use crate::client::{Answer, exchange, post, request};
use crate::harness::{OPENAI_KEY, World, trace_id, traceparent};
use crate::http2::{Connection, read};
use crate::transcriptions::{audio, form, upload};

const FILES: &str = r#"
providers:
  claude: { base_url: "{mock}/@claude/v1", models: [claude-sonnet-4-6], dialect: messages, auth_type: none }
  openai: { base_url: "{mock}/v1", models: [gpt-4o-mini], credential: "env::OPENAI_KEY" }
  local:  { base_url: "{mock}/@local/v1", models: [gpt-4o-mini, other] }
limits: { body_bytes_max: 50000000 }
"#;

fn send(world: &World, method: &str, path: &str, headers: &[&str]) -> Answer {
    exchange(world.gateway, &request(method, path, headers, b""))
}

#[test]
fn a_file_is_uploaded_listed_read_and_deleted() {
    let world = World::new(FILES);
    let trace = trace_id();
    let content = audio(20 * 1024 * 1024);
    let body = form(&[("purpose", "batch")], &content, &[]);
    let headers = [&*traceparent(&trace), "authorization: Bearer callers-own"];
    let answer = exchange(world.gateway, &upload("POST", "/v1/files", &headers, &body));
    assert_eq!((answer.status, answer.json()["bytes"].as_u64()), (200, Some(content.len() as u64)));
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    let sent = &world.upstream()[0];
    assert!(sent.body == body, "untouched");
    assert_eq!(sent.header("authorization"), Some(&*format!("Bearer {OPENAI_KEY}")));
    assert_eq!(sent.header("content-type"), Some("multipart/form-data; boundary=\"=b 1\""));
    let spans = world.spans(&trace);
    assert_eq!(spans.len(), 1, "no GenAI span: {spans:#?}");
    assert_eq!(spans[0].name, "POST /v1/files");

    let list = send(&world, "GET", "/v1/files?purpose=batch&limit=2", &[]);
    assert_eq!(list.json()["data"][0]["id"], *id);
    assert_eq!(send(&world, "GET", &format!("/v1/files/{id}"), &[]).json()["purpose"], "batch");
    let trace = trace_id();
    let path = format!("/v1/files/{id}/content");
    let read = send(&world, "GET", &path, &[&traceparent(&trace)]);
    assert!(read.body == content, "byte for byte");
    assert_eq!(read.header("content-type"), Some("application/octet-stream"));
    assert_eq!(world.spans(&trace)[0].name, "GET /v1/files/{file_id}/content");
    let deleted = send(&world, "DELETE", &format!("/v1/files/{id}"), &[]);
    assert_eq!(deleted.json()["deleted"], true);
    let gone = send(&world, "GET", &format!("/v1/files/{id}"), &[]);
    assert_eq!((gone.status, gone.header("x-to11-upstream-provider")), (404, Some("openai")));
    let log = world.upstream();
    let lines: Vec<String> =
        log.iter().map(|sent| format!("{} {}", sent.method, sent.path_and_query)).collect();
    let one = format!("/v1/files/{id}");
    assert_eq!(
        lines,
        [
            "POST /v1/files".to_owned(),
            "GET /v1/files?purpose=batch&limit=2".to_owned(),
            format!("GET {one}"),
            format!("GET {one}/content"),
            format!("DELETE {one}"),
            format!("GET {one}"),
        ]
    );
    for sent in log.iter().skip(1) {
        assert_eq!(
            (sent.header("content-length"), sent.body.len()),
            (None, 0),
            "no body, no length"
        );
    }
}

#[test]
fn files_and_heads_pass_over_http2() {
    let world = World::new(FILES);
    let content = audio(300_000);
    let body = form(&[("purpose", "batch")], &content, &[]);
    world.block_on(async {
        let mut connection = Connection::open(world.gateway).await;
        let typed = [("content-type", "multipart/form-data; boundary=\"=b 1\"")];
        let sent = connection.request("POST", "/v1/files", &typed, &body).await;
        let id = read(sent, usize::MAX).await.json()["id"].as_str().unwrap().to_owned();
        let path = format!("/v1/files/{id}");
        let stored = connection.request("GET", &format!("{path}/content"), &[], b"").await;
        assert!(read(stored, usize::MAX).await.body == content, "byte for byte");
        let deleted = read(connection.request("DELETE", &path, &[], b"").await, usize::MAX).await;
        assert_eq!(deleted.json()["deleted"], true);
        let head = read(connection.request("HEAD", "/v1/models", &[], b"").await, usize::MAX).await;
        assert_eq!((head.status, head.body.len(), head.complete), (200, 0, true));
        assert!(head.header("content-length").is_some_and(|length| length != "0"));
    });
    assert!(world.upstream()[0].body == body, "untouched");
}

#[test]
fn the_caller_may_name_the_provider() {
    let world = World::new(FILES);
    let key = "authorization: Bearer callers-own";
    let answer = send(&world, "GET", "/v1/files", &["x-genai-provider: local", key]);
    assert_eq!(answer.status, 200);
    let sent = &world.upstream()[0];
    assert_eq!(sent.path_and_query, "/@local/v1/files");
    assert_eq!(sent.header("authorization"), Some("Bearer callers-own"), "it has no key of ours");
    assert_eq!(sent.header("x-genai-provider"), None, "our header stays here");
    for (name, status, code, what) in [
        ("nobody", 404, "UnknownProvider", "no provider is called `nobody`"),
        ("claude", 400, "bad_request", "the provider `claude` does not serve /v1/files"),
    ] {
        let answer = send(&world, "GET", "/v1/files", &[&format!("x-genai-provider: {name}")]);
        assert_eq!((answer.status, answer.header("x-to11-error-code")), (status, Some(code)));
        assert!(answer.text().contains(what), "{}", answer.text());
    }
    assert_eq!(world.upstream().len(), 1);
}

#[test]
fn the_named_provider_counts_in_passthrough_and_nowhere_else() {
    let routed = r#"
targets: { t: { model: other, provider: local } }
routes: { r: { models: [routed], strategy: single, targets: [t] } }
"#;
    let world = World::new(&format!("{FILES}{routed}"));
    let ask = |model: &str, provider: &str| {
        let body = format!(r#"{{"model":"{model}","messages":[]}}"#);
        let header = format!("x-genai-provider: {provider}");
        let answer = post(world.gateway, "/v1/chat/completions", &[&header], &body);
        let log = world.upstream();
        let path = log.last().map(|sent| sent.path_and_query.clone()).unwrap_or_default();
        (answer.status, path)
    };
    let (local, openai) = ("/@local/v1/chat/completions", "/v1/chat/completions");
    assert_eq!(ask("gpt-4o-mini", "local"), (200, local.to_owned()));
    assert_eq!(ask("gpt-4o-mini", "openai"), (200, openai.to_owned()));
    assert_eq!(ask("local::gpt-4o-mini", "openai"), (200, local.to_owned()), "a prefix says more");
    assert_eq!(ask("gpt-4o-mini", "openai"), (200, openai.to_owned()));
    assert_eq!(ask("routed", "openai"), (200, local.to_owned()), "a route is the operator's word");
    assert_eq!(ask("other", "openai").0, 404, "it does not list the model");
    assert_eq!(ask("gpt-4o-mini", "nobody").0, 404);
    assert_eq!(world.upstream().len(), 5);
}

#[test]
fn a_configuration_without_such_a_provider_says_so() {
    let world = World::new(
        r#"providers: { claude: { base_url: "{mock}/v1", models: [claude-sonnet-4-6], dialect: messages } }
"#,
    );
    for (method, path) in [("GET", "/v1/files"), ("DELETE", "/v1/files/file-1")] {
        let answer = send(&world, method, path, &[]);
        assert_eq!(answer.status, 404);
        let message = answer.json()["error"]["message"].to_string();
        assert!(message.contains("no configured provider serves /v1/files"), "{message}");
    }
}

#[test]
fn the_key_of_another_vendors_caller_goes_nowhere_by_itself() {
    let world = World::new(FILES);
    let key = ["x-api-key: sk-ant-own", "anthropic-version: 2023-06-01"];
    let answer = send(&world, "GET", "/v1/files", &key);
    assert_eq!((answer.status, answer.json()["type"].as_str()), (404, Some("error")));
    assert_eq!(world.upstream().len(), 0);
    let asked = [&key[..], &["x-genai-provider: local"]].concat();
    assert_eq!(send(&world, "GET", "/v1/files", &asked).status, 200, "unless it is asked for");
}

#[test]
fn an_id_that_leads_elsewhere_is_no_path() {
    let world = World::new(FILES);
    for path in ["/v1/files/..", "/v1/files/../chat", "/v1/files/a%2f..", "/v1/files/./content"] {
        assert_eq!(send(&world, "GET", path, &[]).status, 404, "{path}");
    }
    assert_eq!(world.upstream().len(), 0);
}

#[test]
fn an_upload_beyond_the_limit_is_refused_and_one_at_the_limit_is_not() {
    let sections = FILES.replace("50000000", "5000");
    let world = World::new(&sections);
    let frame = form(&[("purpose", "batch")], b"", &[]).len();
    for (bytes, status) in [(5_000, 200), (5_001, 413)] {
        let body = form(&[("purpose", "batch")], &audio(bytes - frame), &[]);
        assert_eq!(body.len(), bytes);
        let answer = exchange(world.gateway, &upload("POST", "/v1/files", &[], &body));
        assert_eq!(answer.status, status, "{}", answer.text());
    }
}

#[test]
fn a_failed_upload_is_not_sent_again() {
    let world = World::new(FILES);
    world.mock.push("/v1/", tollgate_mock::Scenario::status(503));
    let body = form(&[("purpose", "batch")], &audio(100), &[]);
    let answer = exchange(world.gateway, &upload("POST", "/v1/files", &[], &body));
    assert_eq!((answer.status, answer.header("x-to11-error-code")), (503, Some("overloaded")));
    assert_eq!(world.upstream().len(), 1);
    let bytes = b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let until = std::time::Instant::now() + crate::harness::PATIENCE;
    loop {
        let metrics = exchange(world.control, bytes).text();
        let mut finished =
            metrics.lines().filter(|line| line.starts_with("gateway_requests_finished_total"));
        if finished.any(|line| line.contains("\"upstream_failed\"") && line.ends_with(" 1")) {
            break;
        }
        assert!(std::time::Instant::now() < until, "{metrics}");
    }
}
