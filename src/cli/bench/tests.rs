//! What a command line comes to.

use super::{header_of, whole_url};

#[test]
fn a_url_without_a_path_is_that_of_chat_completions() {
    for (url, whole) in [
        ("http://localhost:4000", "http://localhost:4000/v1/chat/completions"),
        ("http://localhost:4000/", "http://localhost:4000/v1/chat/completions"),
        ("localhost:4000", "http://localhost:4000/v1/chat/completions"),
        ("http://localhost:4000/v1/messages", "http://localhost:4000/v1/messages"),
        ("https://example.com/x", "https://example.com/x"),
    ] {
        assert_eq!(whole_url(url), whole, "{url}");
    }
}

#[test]
fn a_header_is_a_name_and_a_value_that_is_not_shown() {
    let (name, value) = header_of("Authorization:  Bearer canary").ok().unwrap();
    assert_eq!((name.as_str(), value.to_str().unwrap()), ("authorization", "Bearer canary"));
    assert!(!format!("{value:?}").contains("canary"));
    assert!(header_of("nothing").is_err() && header_of("b\nd: x").is_err());
}
