//! Base URLs.

use super::{BaseUrl, BaseUrlError, Dialect};

fn parsed(text: &str) -> (bool, String, u16, String) {
    let url: BaseUrl = text.parse().unwrap();
    (url.tls, url.host.to_string(), url.port, url.path.to_string())
}

#[test]
fn a_base_url_is_taken_apart() {
    let https = parsed("https://API.openai.com/v1/");
    assert_eq!(https, (true, "api.openai.com".into(), 443, "/v1".into()));
    assert_eq!(parsed("http://localhost:8000"), (false, "localhost".into(), 8000, String::new()));
    assert_eq!(parsed("HTTP://[::1]:81/a/b"), (false, "::1".into(), 81, "/a/b".into()));
    assert_eq!(parsed("http://[::1]/"), (false, "::1".into(), 80, String::new()));
}

#[test]
fn what_is_no_base_url_is_refused_with_the_reason() {
    for (text, error) in [
        ("api.openai.com/v1", BaseUrlError::Scheme),
        ("ftp://host", BaseUrlError::Scheme),
        ("https://", BaseUrlError::Host),
        ("https:///v1", BaseUrlError::Host),
        ("https://a b/", BaseUrlError::Host),
        ("http://[::1", BaseUrlError::Host),
        ("http://[::1]x", BaseUrlError::Host),
        ("https://host:0", BaseUrlError::Port),
        ("https://host:65536", BaseUrlError::Port),
        ("https://host:", BaseUrlError::Port),
        ("https://user:key@host/v1", BaseUrlError::Extra),
        ("https://host/v1?key=x", BaseUrlError::Extra),
        ("https://host?key=x", BaseUrlError::Extra),
        ("https://host/v1#x", BaseUrlError::Extra),
    ] {
        assert_eq!(text.parse::<BaseUrl>(), Err(error), "{text}");
    }
}

#[test]
fn dialects_have_the_names_of_the_command_line() {
    let names = [Dialect::Chat, Dialect::Responses, Dialect::Messages].map(Dialect::name);
    assert_eq!(names, ["chat", "responses", "messages"]);
}
