//! Exact paths, methods, and in whose words a caller is refused.

use http::{HeaderMap, HeaderValue, Method};

use super::{Endpoint, EndpointKind, Refusal};
use crate::provider::Dialect;

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
        (Method::POST, "/v1/files", Endpoint::Files),
        (Method::GET, "/v1/files/file-1", Endpoint::Files),
        (Method::GET, "/v1/files/file-1/content", Endpoint::Files),
        (Method::DELETE, "/v1/files/file-1", Endpoint::Files),
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
    assert_eq!(refused(Method::POST, "/v1/models"), "GET");
    assert_eq!(refused(Method::POST, "/health"), "GET");
    assert_eq!(refused(Method::PUT, "/v1/files/f"), "GET, POST, DELETE");
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
        assert_eq!(format!("/v1{}", endpoint.upstream_path()), endpoint.route());
        assert!(endpoint.is_forwarded());
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
    ] {
        assert_eq!(Endpoint::dialect_of_errors(path, &headers), dialect, "{path}");
    }
}
