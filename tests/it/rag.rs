//! A RAG workflow with a tool and an agent, of applications that real OpenTelemetry SDKs trace: one trace,
//! one tree, wherever one looks.

use std::collections::HashSet;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use serde_json::Value;
use tollgate_mock::{Piece, Scenario, ToolCall};
use tollgate_store::SpanRow;

use crate::harness::{
    ANTHROPIC_KEY, OPENAI_KEY, PATIENCE, USUAL, World, attribute, free_port, helper_is_installed,
    sdk_folder,
};
use crate::rotel::{Printed, Rotel};

/// Both languages, and whoever reads the trace, come to this.
const TREE: [&str; 20] = [
    "rag-workflow",
    "  hire",
    "    POST /v1/chat/completions",
    "      create_agent planner",
    "      chat gpt-4o-mini",
    "  vector-search",
    "  ask",
    "    POST /v1/chat/completions",
    "      retrieval pinecone",
    "      chat gpt-4o-mini",
    "        tool_call.web_search",
    "  run-tool",
    "  answer",
    "    POST /v1/chat/completions",
    "      execute_tool web_search",
    "      chat gpt-4o-mini",
    "  plan",
    "    POST /v1/chat/completions",
    "      invoke_agent planner",
    "      chat gpt-4o-mini",
];
const CALL_ID: &str = "call_abc123";

/// A span of whatever source, as far as the tree goes.
#[derive(Clone, Debug)]
struct Node {
    id: String,
    parent: String,
    name: String,
    start_ns: i64,
    end_ns: i64,
}

/// A gateway with its collector, whose own spans go to rotel: the two pipelines by different protocols.
struct Bench {
    world: World,
    rotel: Rotel,
    /// `protocol=endpoint` of the backends that the application exports to.
    backends: [String; 2],
}

// === impl Bench ===

impl Bench {
    /// The application talks to the collector by `protocol`, and to rotel by the other one.
    fn start(protocol: &str) -> Option<Self> {
        let other = if protocol == "grpc" { "http" } else { "grpc" };
        let [ours_grpc, ours_http, rotel_grpc, rotel_http] = [(); 4].map(|()| free_port());
        let rotel = Rotel::start(rotel_grpc, rotel_http)?;
        let url = |port: u16| format!("http://127.0.0.1:{port}");
        let of = |protocol, grpc, http| url(if protocol == "grpc" { grpc } else { http });
        let to_rotel = |protocol| of(protocol, rotel_grpc, rotel_http);
        let world = World::new(&format!(
            "{USUAL}pricing: {{ gpt-4o-mini: {{ input: 1.0, output: 10.0 }} }}\n\
             collector: {{ enabled: true, grpc_port: {ours_grpc}, http_port: {ours_http} }}\n\
             telemetry: {{ enabled: true, otlp_endpoint: \"{}\", protocol: {protocol} }}\n\
             genai_telemetry: {{ otlp_endpoint: \"{}\", protocol: {other} }}\n",
            to_rotel(protocol),
            to_rotel(other),
        ));
        let backends = [
            format!("{protocol}={}", of(protocol, ours_grpc, ours_http)),
            format!("{other}={}", to_rotel(other)),
        ];
        Some(Self { world, rotel, backends })
    }

    /// Runs the workflow; a line for each of its calls.
    fn run(&self, program: &Path, script: &str) -> Vec<Value> {
        for content in [
            vec![Piece::text("The planner is hired.")],
            vec![
                Piece::text("I will look it up."),
                Piece::ToolCall(ToolCall {
                    id: Some(CALL_ID.to_owned()),
                    name: "web_search".to_owned(),
                    arguments: r#"{"query":"recent news"}"#.into(),
                }),
            ],
            vec![Piece::text("Nothing much happened.")],
            vec![Piece::text("First this, then that.")],
        ] {
            let scenario =
                Scenario { content, first_delay_ms: 40, gap_ms: 10, ..Scenario::default() };
            self.world.mock.push("/v1/", scenario);
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk").join(script);
        let output = Command::new(program)
            .arg(script)
            .arg(format!("http://{}", self.world.gateway))
            .args(&self.backends)
            .env("TOLLGATE_SDK_DIR", sdk_folder())
            .output()
            .unwrap();
        let out = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{out}\n{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(self.world.mock.unserved(), 0, "every scripted answer was asked for");
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// What `tollgate traces` shows of a trace, without colour.
    fn waterfall(&self, trace_id: &str) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_tollgate"))
            .arg("-c")
            .arg(self.world.config())
            .args(["traces", trace_id])
            .env("COLUMNS", "140")
            .env("OPENAI_KEY", OPENAI_KEY)
            .env("ANTHROPIC_KEY", ANTHROPIC_KEY)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

// === impl Node ===

impl From<&SpanRow> for Node {
    fn from(row: &SpanRow) -> Self {
        Self {
            id: row.span_id.clone(),
            parent: row.parent_span_id.clone(),
            name: row.name.clone(),
            start_ns: row.timestamp_ns,
            end_ns: row.timestamp_ns + row.duration_ns,
        }
    }
}

impl From<&Printed> for Node {
    fn from(printed: &Printed) -> Self {
        Self {
            id: printed.span_id.clone(),
            parent: printed.parent_span_id.clone(),
            name: printed.name.clone(),
            start_ns: printed.start_ns,
            end_ns: printed.end_ns,
        }
    }
}

/// Names under their parents, siblings as they began; what hangs on nothing is left out.
fn tree(nodes: &[Node]) -> Vec<String> {
    fn walk(nodes: &[Node], parent: &str, depth: usize, out: &mut Vec<String>) {
        let mut children: Vec<_> = nodes.iter().filter(|node| node.parent == parent).collect();
        children.sort_by_key(|node| (node.start_ns, node.end_ns));
        for child in children {
            out.push(format!("{}{}", "  ".repeat(depth), child.name));
            walk(nodes, &child.id, depth + 1, out);
        }
    }
    let ids: HashSet<_> = nodes.iter().map(|node| &node.id).collect();
    assert_eq!(ids.len(), nodes.len(), "every span once: {nodes:#?}");
    let mut out = Vec::new();
    walk(nodes, "", 0, &mut out);
    out
}

fn rows(world: &World, trace_id: &str) -> Vec<SpanRow> {
    let until = Instant::now() + PATIENCE;
    loop {
        let rows = world.spans(trace_id);
        if rows.len() >= TREE.len() || Instant::now() > until {
            return rows;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

fn workflow(program: &Path, installed: &Path, script: &str) {
    if !helper_is_installed(installed) {
        return;
    }
    for protocol in ["grpc", "http"] {
        let Some(bench) = Bench::start(protocol) else { return };
        let calls = bench.run(program, script);
        let trace_id = calls[0]["trace"].as_str().unwrap();
        let rows = rows(&bench.world, trace_id);
        let nodes: Vec<_> = rows.iter().map(Node::from).collect();
        assert_eq!(tree(&nodes), TREE, "{rows:#?}");
        assert_eq!(rows.len(), TREE.len(), "nothing hangs on nothing: {rows:#?}");
        each_call_is_correlated(&calls, &rows);
        each_span_says_what_was_done(&rows);

        let printed = bench.rotel.spans(trace_id, TREE.len());
        let nodes: Vec<_> = printed.iter().map(Node::from).collect();
        assert_eq!(tree(&nodes), TREE, "{printed:#?}");
        assert_eq!(printed.len(), TREE.len(), "{printed:#?}");
        both_hold_the_same(&rows, &printed);

        waterfall_shows_the_tree(&bench.waterfall(trace_id));
    }
}

/// What came back in `traceparent` is the gateway's HTTP span, under the span that the call was made in.
fn each_call_is_correlated(calls: &[Value], rows: &[SpanRow]) {
    assert_eq!(calls.len(), 4, "{calls:?}");
    for call in calls {
        let field = |name: &str| call[name].as_str().unwrap();
        let http = rows.iter().find(|row| row.parent_span_id == field("span")).unwrap();
        assert_eq!(http.name, "POST /v1/chat/completions");
        let expected = format!("00-{}-{}-01", field("trace"), http.span_id);
        assert_eq!(field("traceparent"), expected);
        assert_eq!(field("trace"), http.trace_id, "one trace");
    }
}

fn each_span_says_what_was_done(rows: &[SpanRow]) {
    let find = |name: &str| rows.iter().find(|row| row.name == name).unwrap();
    for (span, name, value) in [
        ("retrieval pinecone", "gen_ai.operation.name", "retrieval"),
        ("retrieval pinecone", "gen_ai.retrieval.source", "pinecone"),
        ("retrieval pinecone", "gen_ai.retrieval.document.count", "5"),
        ("execute_tool web_search", "gen_ai.operation.name", "execute_tool"),
        ("execute_tool web_search", "gen_ai.tool.name", "web_search"),
        ("execute_tool web_search", "gen_ai.tool.call.id", CALL_ID),
        ("tool_call.web_search", "gen_ai.tool.call.id", CALL_ID),
        ("create_agent planner", "gen_ai.agent.id", "agent-001"),
        ("create_agent planner", "gen_ai.agent.description", "plans"),
        ("invoke_agent planner", "gen_ai.agent.step", "0"),
        ("vector-search", "document.count", "5"),
    ] {
        assert_eq!(attribute(find(span), name), Some(value), "{name} of {span}");
    }
    assert!(find("retrieval pinecone").duration_ns >= 25_000_000, "as long as it was said to take");
    assert!(find("execute_tool web_search").duration_ns >= 15_000_000);
    // In the order of the calls: the second one asked for the tool.
    let mut chats: Vec<_> = rows.iter().filter(|row| row.name == "chat gpt-4o-mini").collect();
    chats.sort_by_key(|row| row.timestamp_ns);
    let [link] = &find("execute_tool web_search").links[..] else { panic!("{rows:#?}") };
    assert_eq!((&link.trace_id, &link.span_id), (&chats[1].trace_id, &chats[1].span_id));
    let own = ["rag-workflow", "hire", "vector-search", "ask", "run-tool", "answer", "plan"];
    for row in rows {
        let service = if own.contains(&&*row.name) { "my-rag-pipeline" } else { "tollgate" };
        assert_eq!(row.service_name, service, "{}", row.name);
    }
    for (index, chat) in rows.iter().filter(|row| row.name == "chat gpt-4o-mini").enumerate() {
        assert_eq!(attribute(chat, "gateway.outcome"), Some("complete"), "call {index}");
        assert_eq!(attribute(chat, "gateway.usage.source"), Some("reported"));
    }
}

/// The same ids, and the same times where the gateway itself wrote both.
fn both_hold_the_same(rows: &[SpanRow], printed: &[Printed]) {
    for row in rows {
        let twin = printed.iter().find(|printed| printed.span_id == row.span_id).unwrap();
        assert_eq!((&*row.name, &*row.parent_span_id), (&*twin.name, &*twin.parent_span_id));
        assert_eq!(row.timestamp_ns, twin.start_ns, "{}", row.name);
        assert_eq!(row.timestamp_ns + row.duration_ns, twin.end_ns, "{}", row.name);
        let service = twin.resource.get("service.name").map(String::as_str);
        assert_eq!(service, Some(&*format!("Str({})", row.service_name)), "{}", row.name);
    }
    let retrieval = printed.iter().find(|span| span.name == "retrieval pinecone").unwrap();
    let count = retrieval.attributes.get("gen_ai.retrieval.document.count");
    assert_eq!(count.map(String::as_str), Some("Str(5)"), "a string, as documented");
}

/// Every span has one line, in order and indented; what streamed has its first token.
fn waterfall_shows_the_tree(text: &str) {
    let is_note = |line: &&str| line.contains("first token") || !line.contains(['█', '◆']);
    let bars: Vec<_> = text.lines().skip(1).filter(|line| !is_note(line)).collect();
    let name = |line: &str| line.chars().take_while(|&ch| !"░█◆".contains(ch)).collect::<String>();
    let names: Vec<_> = bars.iter().map(|line| name(line).trim_end().to_owned()).collect();
    assert_eq!(names, TREE, "\n{text}");
    let first_tokens: Vec<_> =
        bars.iter().enumerate().filter(|(_, line)| line.contains('◆')).map(|(at, _)| at).collect();
    assert_eq!(first_tokens, [9, 15], "the two calls that streamed:\n{text}");
    let notes: Vec<_> = text.lines().skip(1).filter(is_note).collect();
    let calls: Vec<_> = notes.iter().filter(|note| note.contains("openai (passthrough)")).collect();
    assert_eq!(calls.len(), 4, "each call says how it went:\n{text}");
    assert!(calls.iter().all(|note| note.contains("complete")), "{text}");
    // 12 tokens in, 4 out.
    assert!(calls[0].trim_end().ends_with("tokens 12 → 4 · cost 0.000052 USD"), "{text}");
    assert!(
        calls.iter().all(|note| note.contains(" · cost 0.0000") || note.contains(" · cost 0.0001")),
        "{text}"
    );
    let links: Vec<_> = text.lines().skip_while(|line| !line.contains("execute_tool")).collect();
    assert!(links[2].trim().starts_with("link: chat gpt-4o-mini ("), "{text}");
    assert_eq!(text.matches("link: ").count(), 1, "{text}");
    let call = format!("call {CALL_ID}");
    for declared in
        ["agent agent-001 · for plans", "documents 5", &call, "agent agent-001 · step 0"]
    {
        assert!(notes.iter().any(|note| note.trim() == declared), "{declared} in\n{text}");
    }
    let with_token = notes.iter().filter(|note| note.contains("◆ first token")).count();
    assert_eq!(with_token, 2, "\n{text}");
}

#[test]
fn a_python_application_and_the_gateway_make_one_tree() {
    let python = sdk_folder().join("venv/bin/python");
    workflow(&python, &sdk_folder().join("python-is-installed"), "rag.py");
}

#[test]
fn a_javascript_application_and_the_gateway_make_the_same_tree() {
    workflow(Path::new("node"), &sdk_folder().join("node-is-installed"), "rag.mjs");
}
