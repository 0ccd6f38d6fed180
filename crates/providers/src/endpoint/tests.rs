//! Exact paths, methods, and in whose words a caller is refused.

use http::{HeaderMap, HeaderValue, Method};

use super::{Endpoint, EndpointKind, FileId, Refusal};
use crate::provider::{AuthStyle, Capabilities, Dialect, Provider};

fn file(id: &str) -> FileId {
    FileId::parse(id).unwrap()
}

fn provider(base_url: &str, dialect: Dialect) -> Provider {
    Provider {
        name: "p".into(),
        base_url: base_url.parse().unwrap(),
        auth: AuthStyle::Bearer,
        credential: None,
        models: Vec::new(),
        dialect,
        capabilities: Capabilities::assumed(dialect),
        ca_file: None,
        timeout: std::time::Duration::from_secs(1),
    }
}

#[test]
fn every_documented_path_has_its_endpoint() {
    for (method, path, endpoint) in [
        (Method::GET, "/health", Endpoint::Health),
        (Method::GET, "/v1/models", Endpoint::Models),
        (Method::GET, "/v1/models/gpt-4o", Endpoint::Model("gpt-4o".into())),
        (Method::GET, "/v1/models/org%2Fmodel", Endpoint::Model("org/model".into())),
        (Method::GET, "/v1/models/org/model", Endpoint::Model("org/model".into())),
        (Method::POST, "/v1/chat/completions", Endpoint::ChatCompletions),
        (Method::POST, "/v1/completions", Endpoint::Completions),
        (Method::POST, "/v1/responses", Endpoint::Responses),
        (Method::POST, "/v1/messages", Endpoint::Messages),
        (Method::POST, "/v1/v1/messages", Endpoint::Messages),
        (Method::POST, "/v1/messages/count_tokens", Endpoint::CountTokens),
        (Method::POST, "/v1/v1/messages/count_tokens", Endpoint::CountTokens),
        (Method::POST, "/v1/embeddings", Endpoint::Embeddings),
        (Method::POST, "/v1/images/generations", Endpoint::ImageGenerations),
        (Method::POST, "/v1/audio/speech", Endpoint::AudioSpeech),
        (Method::POST, "/v1/audio/transcriptions", Endpoint::AudioTranscriptions),
        (Method::POST, "/v1/rerank", Endpoint::Rerank),
        (Method::HEAD, "/health", Endpoint::Health),
        (Method::HEAD, "/v1/models", Endpoint::Models),
        (Method::HEAD, "/v1/models/m", Endpoint::Model("m".into())),
        (Method::POST, "/v1/files", Endpoint::Files),
        (Method::GET, "/v1/files", Endpoint::Files),
        (Method::GET, "/v1/files/file-1", Endpoint::File(file("file-1"))),
        (Method::DELETE, "/v1/files/..a_B.9", Endpoint::File(file("..a_B.9"))),
        (Method::GET, "/v1/files/file-1/content", Endpoint::FileContent(file("file-1"))),
        (Method::GET, "/v1/files/content", Endpoint::File(file("content"))),
    ] {
        assert_eq!(Endpoint::resolve(&method, path), Ok(endpoint), "{method} {path}");
    }
}

#[test]
fn a_path_that_only_looks_right_is_not_found() {
    for path in [
        "",
        "/",
        "/v1",
        "/v1/",
        "/v1/chat/completions/",
        "//v1/chat/completions",
        "/v1//chat/completions",
        "/v1/chat%2Fcompletions",
        "/V1/chat/completions",
        "/v1/./messages",
        "/v1/x/../messages",
        "/v1/messages;x",
        "/v1/v1/chat/completions",
        "/v1/v1/v1/messages",
        "/v1/models/",
        "/v1/models/%zz",
        "/v1/models/%+1",
        "/v1/models/%",
        "/v1/files/",
        "/v1/files/a/b",
        "/v1/files/.",
        "/v1/files/..",
        "/v1/files/.../content",
        "/v1/files//content",
        "/v1/files/a%2Fb",
        "/v1/files/a%2e",
        "/v1/files/a;b",
        "/v1/files/é",
        "/v1/files/a/content/",
        "/health/",
    ] {
        assert_eq!(Endpoint::resolve(&Method::POST, path), Err(Refusal::NotFound), "{path}");
    }
}

#[test]
fn a_wrong_method_is_told_the_right_ones() {
    let refused = |method: Method, path: &str| match Endpoint::resolve(&method, path) {
        Err(Refusal::MethodNotAllowed { allow }) => allow,
        other => panic!("{method} {path}: {other:?}"),
    };
    assert_eq!(refused(Method::GET, "/v1/chat/completions"), "POST");
    assert_eq!(refused(Method::POST, "/v1/models"), "GET, HEAD");
    assert_eq!(refused(Method::DELETE, "/v1/models/m"), "GET, HEAD");
    assert_eq!(refused(Method::POST, "/health"), "GET, HEAD");
    assert_eq!(refused(Method::DELETE, "/v1/files"), "GET, POST");
    assert_eq!(refused(Method::PUT, "/v1/files/f"), "GET, DELETE");
    assert_eq!(refused(Method::HEAD, "/v1/files/f/content"), "GET");
    assert_eq!(refused(Method::GET, "/v1/rerank"), "POST");
    assert_eq!(refused(Method::OPTIONS, "/v1/audio/transcriptions"), "POST");
    assert_eq!(refused(Method::CONNECT, "/v1/messages"), "POST");
}

#[test]
fn the_chat_endpoints_have_a_dialect_and_a_kind() {
    let chats = [
        (Endpoint::ChatCompletions, Dialect::Chat),
        (Endpoint::Completions, Dialect::Chat),
        (Endpoint::Messages, Dialect::Messages),
        (Endpoint::Responses, Dialect::Responses),
    ];
    for (endpoint, dialect) in chats {
        assert_eq!(endpoint.dialect(), Some(dialect));
        assert_eq!((endpoint.kind(), endpoint.operation()), (EndpointKind::Chat, Some("chat")));
        assert_eq!(endpoint.output_type(), "text");
        let openai = provider("https://api.test/v1", Dialect::Chat);
        assert_eq!(endpoint.path_at(&openai), endpoint.route());
        assert!(endpoint.names_model());
    }
    assert_eq!(Endpoint::Embeddings.dialect(), None);
    assert_eq!(Endpoint::Embeddings.operation(), Some("embeddings"));
    assert_eq!(Endpoint::CountTokens.operation(), None);
    assert_eq!(Endpoint::ImageGenerations.output_type(), "image");
}

#[test]
fn a_kind_is_found_by_its_own_name_alone() {
    for kind in [
        EndpointKind::Chat,
        EndpointKind::Embeddings,
        EndpointKind::AudioSpeech,
        EndpointKind::AudioTranscription,
        EndpointKind::ImageGeneration,
        EndpointKind::Rerank,
    ] {
        assert_eq!(EndpointKind::parse(kind.name()), Some(kind));
    }
    assert_eq!(EndpointKind::parse("files"), None);
}

#[test]
fn an_unknown_path_is_refused_in_the_words_of_the_callers_sdk() {
    let with = |name: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_static("x"));
        headers
    };
    for (path, headers, dialect) in [
        ("/v1/messages", HeaderMap::new(), Dialect::Messages),
        ("/v1/messages/count_tokens", HeaderMap::new(), Dialect::Messages),
        ("/v1/chat/completions", with("x-api-key"), Dialect::Chat),
        ("/v1/nothing", HeaderMap::new(), Dialect::Chat),
        ("/v1/nothing", with("anthropic-version"), Dialect::Messages),
        ("/v1/nothing", with("x-api-key"), Dialect::Messages),
        ("/v1/models", with("anthropic-version"), Dialect::Messages),
        ("/v1/files", HeaderMap::new(), Dialect::Chat),
        ("/v1/files/f/content", with("x-api-key"), Dialect::Messages),
        ("/v1/embeddings", with("x-api-key"), Dialect::Chat),
        ("/health", HeaderMap::new(), Dialect::Chat),
    ] {
        assert_eq!(Endpoint::dialect_of_errors(path, &headers), dialect, "{path}");
    }
}

#[test]
fn what_is_no_chat_has_its_row_of_the_matrix() {
    for (endpoint, kind, operation, output) in [
        (Endpoint::Embeddings, EndpointKind::Embeddings, Some("embeddings"), "embeddings"),
        (
            Endpoint::ImageGenerations,
            EndpointKind::ImageGeneration,
            Some("image_generation"),
            "image",
        ),
        (Endpoint::AudioSpeech, EndpointKind::AudioSpeech, Some("audio_speech"), "speech"),
        (
            Endpoint::AudioTranscriptions,
            EndpointKind::AudioTranscription,
            Some("audio_transcription"),
            "text",
        ),
        (Endpoint::Rerank, EndpointKind::Rerank, None, "text"),
        (Endpoint::CountTokens, EndpointKind::Chat, None, "text"),
        (Endpoint::Files, EndpointKind::Chat, None, "text"),
    ] {
        assert_eq!((endpoint.kind(), endpoint.operation()), (kind, operation));
        assert_eq!(endpoint.output_type(), output);
        assert_eq!(
            (endpoint.dialect(), endpoint.names_model()),
            (None, endpoint != Endpoint::Files)
        );
    }
}

#[test]
fn a_provider_serves_an_endpoint_where_it_keeps_it() {
    let (openai, cohere) = ("https://api.test/v1", "https://cohere.test/v2");
    let copy = "https://cohere.test/compatibility/v1";
    for (endpoint, base_url, dialect, path) in [
        (Endpoint::Rerank, openai, Dialect::Chat, "/v1/rerank"),
        (Endpoint::Rerank, "https://api.test", Dialect::Messages, "/rerank"),
        (Endpoint::Rerank, cohere, Dialect::Cohere, "/v2/rerank"),
        (Endpoint::Rerank, copy, Dialect::Chat, "/v2/rerank"),
        (Endpoint::Embeddings, openai, Dialect::Chat, "/v1/embeddings"),
        (Endpoint::Embeddings, copy, Dialect::Chat, "/compatibility/v1/embeddings"),
        (Endpoint::Embeddings, cohere, Dialect::Cohere, "/compatibility/v1/embeddings"),
        (Endpoint::Embeddings, "https://api.test/v2", Dialect::Chat, "/v2/embeddings"),
        (Endpoint::File(file("f-1")), openai, Dialect::Chat, "/v1/files/f-1"),
        (Endpoint::FileContent(file("f-1")), openai, Dialect::Chat, "/v1/files/f-1/content"),
    ] {
        assert!(endpoint.is_served_by(dialect), "{endpoint:?} by {dialect:?}");
        assert_eq!(endpoint.path_at(&provider(base_url, dialect)), path);
    }
    for (endpoint, dialect) in [
        (Endpoint::CountTokens, Dialect::Chat),
        (Endpoint::Files, Dialect::Messages),
        (Endpoint::AudioTranscriptions, Dialect::Cohere),
        (Endpoint::Embeddings, Dialect::Messages),
        (Endpoint::AudioSpeech, Dialect::Gemini),
    ] {
        assert!(!endpoint.is_served_by(dialect), "{endpoint:?} by {dialect:?}");
    }
}
