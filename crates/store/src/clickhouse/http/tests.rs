//! Addresses, escapes, and what is never shown. Requests are in `tests/clickhouse`.

use super::*;
use crate::clickhouse::Password;

fn settings(url: &str) -> ClickHouseSettings {
    ClickHouseSettings { url: url.to_owned(), ..ClickHouseSettings::default() }
}

#[test]
fn addresses_are_brought_to_one_form() {
    for (written, url) in [
        ("http://localhost:8123", "http://localhost:8123/"),
        ("https://ch.example:8443/", "https://ch.example:8443/"),
        ("http://proxy/clickhouse/", "http://proxy/clickhouse/"),
    ] {
        assert_eq!(plain_url(written).unwrap(), url);
    }
}

#[test]
fn secrets_in_an_address_are_refused_and_not_repeated() {
    for url in ["http://u:hush@localhost:8123", "http://localhost:8123/?password=hush"] {
        let error = Http::new(&settings(url)).err().unwrap().to_string();
        assert!(error.contains("name `user` and `password` beside it"), "{error}");
        assert!(!error.contains("hush"), "{error}");
    }
    for url in ["localhost:8123", "tcp://localhost:9000", "hush hush", ""] {
        let error = Http::new(&settings(url)).err().unwrap().to_string();
        assert!(error.contains("url") && !error.contains("hush"), "{error}");
    }
}

#[test]
fn a_password_is_shown_nowhere() {
    let settings =
        ClickHouseSettings { password: Some(Password::from("hush".to_owned())), ..settings("") };
    assert!(!format!("{settings:?}").contains("hush"));
    let broken = ClickHouseSettings {
        password: Some(Password::from("hush\n".to_owned())),
        ..ClickHouseSettings::default()
    };
    let error = Http::new(&broken).err().unwrap().to_string();
    assert_eq!(error, "the value for `x-clickhouse-key` cannot be a header's");
}

#[test]
fn everything_but_letters_and_digits_is_escaped() {
    assert_eq!(percent_encoded("a&b=ü 1_2.3-4"), "a%26b%3D%C3%BC%201_2.3-4");
}

#[test]
fn a_missing_or_empty_authority_is_told_by_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    let with_file = || ClickHouseSettings {
        ca_file: Some(file.clone()),
        ..settings("https://ch.example:8443")
    };
    let error = Http::new(&with_file()).err().unwrap().to_string();
    assert!(error.contains("cannot read") && error.contains("ca.pem"), "{error}");
    std::fs::write(&file, "nothing").unwrap();
    let error = Http::new(&with_file()).err().unwrap().to_string();
    assert!(error.contains("no certificate in") && error.contains("ca.pem"), "{error}");
}

/// A server that answers once with `body`.
fn answering(body: &'static str) -> String {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        loop {
            let read = stream.read(&mut request).unwrap();
            if request[..read].ends_with(b"SELECT 1") {
                break;
            }
        }
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
    });
    url
}

#[tokio::test]
async fn an_answer_is_taken_up_to_its_limit() {
    for (body, taken) in [("12345678", true), ("123456789", false)] {
        let mut http = Http::new(&settings(&answering(body))).unwrap();
        http.answer_bytes_max = 8;
        let statement =
            Statement { sql: "SELECT 1", settings: Vec::new(), data: None, time_max: None };
        let answer = http.run(statement).await;
        match taken {
            true => assert_eq!(answer.unwrap(), body),
            false => assert_eq!(answer, Err(StoreError::TooLarge { bytes_max: 8 })),
        }
    }
}
