//! Context headers.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::request::{CONTEXT_HEADERS, Context, HeaderRole, Operation};

fn read(headers: &[(&str, &str)]) -> Context {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        map.insert(HeaderName::from_bytes(name.as_bytes()).unwrap(), value);
    }
    Context::read(&map, &[])
}

#[test]
fn session_and_user_headers_are_read_and_the_newer_spelling_wins() {
    let context = read(&[
        ("x-to11-user-id", "ada"),
        ("x-to11-session-id", " s "),
        ("x-to11-environment", "old"),
        ("x-conversation-id", "c-old"),
    ]);
    assert_eq!(context.user_id.as_deref(), Some("ada"));
    assert_eq!(context.session_id.as_deref(), Some("s"));
    assert_eq!(context.environment.as_deref(), Some("old"));
    assert_eq!(context.conversation_id.as_deref(), Some("c-old"));
    let both = read(&[
        ("x-to11-environment", "old"),
        ("x-to11-env", "new"),
        ("x-conversation-id", "c-old"),
        ("x-to11-conversation-id", "c-new"),
    ]);
    assert_eq!(both.environment.as_deref(), Some("new"));
    assert_eq!(both.conversation_id.as_deref(), Some("c-new"));
}

#[test]
fn each_header_of_the_table_is_read_where_it_comes_alone() {
    let declares = |it: &str| (it == "x-to11-context-operation").then_some("invoke_agent");
    for header in CONTEXT_HEADERS {
        let speaks_alone = match header.role {
            HeaderRole::Trace | HeaderRole::Says(_) | HeaderRole::Took(_) => false,
            HeaderRole::Session | HeaderRole::OperationName | HeaderRole::Declares => true,
        };
        for name in std::iter::once(header.name).chain(header.older) {
            let context = read(&[(name, declares(name).unwrap_or("chat"))]);
            assert_eq!(context != Context::default(), speaks_alone, "{name}");
        }
    }
}

#[test]
fn values_are_cut_after_256_characters_and_what_is_no_text_is_ignored() {
    let kept = "é".repeat(256);
    let context = read(&[("x-to11-user-id", &kept)]);
    assert_eq!(context.user_id.as_deref(), Some(&*kept), "256 characters stay");
    let context = read(&[("x-to11-user-id", &format!("{kept}é"))]);
    assert_eq!(context.user_id.as_deref(), Some(&*kept), "the 257th is cut off");
    let mut map = HeaderMap::new();
    map.insert("x-to11-user-id", HeaderValue::from_bytes(b"\xff\xfe").unwrap());
    map.insert("x-to11-session-id", HeaderValue::from_static("  "));
    assert_eq!(Context::read(&map, &[]), Context::default());
}

#[test]
fn each_operation_has_its_documented_attributes() {
    let cases = [
        (
            "execute_tool",
            Operation::ExecuteTool,
            vec![
                ("x-to11-context-tool-name", "search"),
                ("x-to11-context-tool-call-id", "c1"),
                ("x-to11-context-tool-duration-ms", "250"),
            ],
            vec![("gen_ai.tool.name", "search"), ("gen_ai.tool.call.id", "c1")],
            Some(250),
        ),
        (
            "retrieval",
            Operation::Retrieval,
            vec![
                ("x-to11-context-retrieval-source", "pinecone"),
                ("x-to11-context-retrieval-document-count", "5"),
                ("x-to11-context-retrieval-duration-ms", "7"),
            ],
            vec![("gen_ai.retrieval.source", "pinecone"), ("gen_ai.retrieval.document.count", "5")],
            Some(7),
        ),
        (
            "invoke_agent",
            Operation::InvokeAgent,
            vec![
                ("x-to11-context-agent-id", "a1"),
                ("x-to11-context-agent-name", "planner"),
                ("x-to11-context-agent-step", "0"),
            ],
            vec![
                ("gen_ai.agent.name", "planner"),
                ("gen_ai.agent.id", "a1"),
                ("gen_ai.agent.step", "0"),
            ],
            None,
        ),
        (
            "create_agent",
            Operation::CreateAgent,
            vec![
                ("x-to11-context-agent-name", "planner"),
                ("x-to11-context-agent-description", "plans"),
            ],
            vec![("gen_ai.agent.name", "planner"), ("gen_ai.agent.description", "plans")],
            None,
        ),
    ];
    for (name, kind, mut headers, attributes, ms) in cases {
        headers.push(("x-to11-context-operation", name));
        let operation = read(&headers).operation.unwrap();
        assert_eq!((operation.kind, kind.name()), (kind, name));
        let got: Vec<_> = operation.attributes.iter().map(|(n, v)| (*n, v.as_str())).collect();
        assert_eq!(got, attributes, "{name}");
        assert_eq!(operation.subject.as_deref(), Some(attributes[0].1), "{name}");
        assert_eq!(operation.duration, ms.map(Duration::from_millis), "{name}");
    }
}

#[test]
fn unknown_operations_and_absurd_durations_are_ignored() {
    assert_eq!(read(&[("x-to11-context-operation", "dance")]).operation, None);
    assert_eq!(read(&[("x-to11-context-tool-name", "search")]).operation, None, "not declared");
    assert_eq!(read(&[("x-to11-operation", "embeddings")]).operation_name, None);
    assert_eq!(
        read(&[("x-to11-operation", "generate_content")]).operation_name,
        Some("generate_content")
    );
    for duration in ["-1", "x", "86400001"] {
        let headers = [
            ("x-to11-context-operation", "execute_tool"),
            ("x-to11-context-tool-duration-ms", duration),
        ];
        let operation = read(&headers).operation.unwrap();
        assert_eq!((operation.duration, operation.subject), (None, None), "{duration}");
    }
}

#[test]
fn trap_35_listed_headers_become_attributes_and_no_others() {
    let listed: [(HeaderName, std::sync::Arc<str>); 3] = [
        ("x-team".parse().unwrap(), "app.team".into()),
        ("x-long".parse().unwrap(), "app.long".into()),
        ("x-absent".parse().unwrap(), "app.absent".into()),
    ];
    let mut map = HeaderMap::new();
    map.insert("x-team", " blue ".parse().unwrap());
    map.insert("x-long", "é".repeat(257).parse().unwrap());
    map.insert("x-other", "unlisted".parse().unwrap());
    let custom = Context::read(&map, &listed).custom;
    let custom: Vec<_> = custom.iter().map(|(name, value)| (&**name, value.as_str())).collect();
    assert_eq!(custom, [("app.team", "blue"), ("app.long", &*"é".repeat(256))]);
}

#[test]
fn where_a_prompt_comes_from_is_told() {
    let custom = read(&[("x-to11-prompt-id", "p-1"), ("x-to11-prompt-version", "3")]).custom;
    let custom: Vec<_> = custom.iter().map(|(name, value)| (&**name, value.as_str())).collect();
    assert_eq!(custom, [("gateway.prompt.id", "p-1"), ("gateway.prompt.version", "3")]);
}
