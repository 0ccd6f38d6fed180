//! Paths and bodies, as clients write them.

use bytes::Bytes;

use super::{Api, Ask, Target};

fn ask(body: &'static str) -> Ask {
    Ask::read(&Bytes::from_static(body.as_bytes())).unwrap()
}

#[test]
fn the_path_says_which_api_and_which_scenario() {
    for (path, name, api, id) in [
        ("/v1/chat/completions", None, Api::Chat, None),
        ("/chat/completions/", None, Api::Chat, None),
        ("/@a/v1/messages", Some("a"), Api::Messages, None),
        ("/v1/v1/messages", None, Api::Messages, None),
        ("/@b/responses", Some("b"), Api::Responses, None),
        ("/v1/embeddings", None, Api::Embeddings, None),
        ("/v1/models", None, Api::Models, None),
        ("/v1/models/gpt-4o", None, Api::Models, Some("gpt-4o")),
        ("/v1/models/org/name", None, Api::Models, Some("org/name")),
        ("/@only", Some("only"), Api::Unknown, None),
        ("/v1/completions", None, Api::Unknown, None),
        ("/v1/messages/count_tokens", None, Api::CountTokens, None),
        ("/v1/rerank", None, Api::Rerank, None),
        ("/@x/v2/rerank", Some("x"), Api::Rerank, None),
        ("/v1/images/generations", None, Api::Images, None),
        ("/v1/audio/speech", None, Api::Speech, None),
        ("/v1/audio/transcriptions", None, Api::Transcriptions, None),
        ("/v1/files", None, Api::Files, None),
        ("/v1/files/file-1", None, Api::File, Some("file-1")),
        ("/v1/files/file-1/content", None, Api::FileContent, Some("file-1")),
        ("/v2/chat", None, Api::Cohere, None),
        ("/v1beta/models/g:generateContent", None, Api::Gemini, Some("g")),
        ("/v1beta/models/g:streamGenerateContent", None, Api::Gemini, Some("g")),
    ] {
        let stream = path.contains("stream");
        let (name, id) = (name.map(str::to_owned), id.map(str::to_owned));
        let expected = Target { name, api, id, stream };
        assert_eq!(Target::read(path), expected, "{path}");
    }
}

#[test]
fn only_a_users_last_words_are_the_users_text() {
    let text = |body| ask(body).user_text;
    let last = r#"{"messages":[{"role":"user","content":"a"},{"role":"user","content":"b"}]}"#;
    assert_eq!(text(last).as_deref(), Some("b"));
    let parts = r#"{"messages":[{"role":"user","content":[{"type":"text","text":"c"}]}]}"#;
    assert_eq!(text(parts).as_deref(), Some("c"));
    assert_eq!(text(r#"{"messages":[{"role":"tool","content":"d"}]}"#), None);
    let result =
        r#"{"messages":[{"role":"user","content":[{"type":"tool_result","content":"d"}]}]}"#;
    assert_eq!(text(result), None, "Anthropic sends a tool's result as the user");
    assert_eq!(text(r#"{"input":"e"}"#).as_deref(), Some("e"));
    assert_eq!(text(r#"{"messages":[]}"#), None);
    let gemini = r#"{"contents":[{"role":"user","parts":[{"text":"f"}]}]}"#;
    assert_eq!(text(gemini).as_deref(), Some("f"));
}

#[test]
fn tools_are_found_in_each_dialects_place() {
    let names = |body| ask(body).tools.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names(r#"{"tools":[{"type":"function","function":{"name":"chat"}}]}"#), ["chat"]);
    assert_eq!(names(r#"{"tools":[{"type":"function","name":"responses"}]}"#), ["responses"]);
    let messages = ask(r#"{"tools":[{"name":"m","input_schema":{"type":"object"}}]}"#);
    assert_eq!(messages.tools[0].1["type"], "object");
    let gemini = r#"{"tools":[{"functionDeclarations":[{"name":"a"},{"name":"b"}]}]}"#;
    assert_eq!(names(gemini), ["a", "b"]);
}

#[test]
fn embeddings_take_one_text_several_or_tokens() {
    let inputs = |body| ask(body).inputs;
    assert_eq!(inputs(r#"{"input":"a"}"#), ["a"]);
    assert_eq!(inputs(r#"{"input":["a","b"]}"#), ["a", "b"]);
    assert_eq!(inputs(r#"{"input":[1,2]}"#), ["[1,2]"]);
    assert_eq!(inputs(r#"{"input":[[1,2],[3]]}"#), ["[1,2]", "[3]"]);
}

#[test]
fn what_is_left_out_has_a_default_and_what_is_no_json_is_refused() {
    let bare = ask("{}");
    assert_eq!((bare.model, bare.stream, bare.include_usage), (None, false, false));
    let stream = ask(r#"{"stream":true,"stream_options":{"include_usage":true}}"#);
    assert!(stream.stream && stream.include_usage);
    assert!(!ask(r#"{"stream":null,"stream_options":null}"#).stream);
    assert!(Ask::read(&Bytes::from_static(b"{")).is_err());
    assert!(Ask::read(&Bytes::from_static(br#"{"stream":"yes"}"#)).is_err());
}
