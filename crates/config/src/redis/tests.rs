//! Which URLs are addresses.

use super::{Address, AddressError};

fn address(host: &str, port: u16, database: u16, tls: bool) -> Address {
    Address { host: host.to_owned(), port, database, tls }
}

#[test]
fn a_url_names_host_port_database_and_whether_there_is_tls() {
    let rows = [
        ("redis://localhost", address("localhost", 6379, 0, false)),
        ("redis://localhost/", address("localhost", 6379, 0, false)),
        ("redis://10.0.0.7:7000/3", address("10.0.0.7", 7000, 3, false)),
        ("rediss://cache.example.com:6380", address("cache.example.com", 6380, 0, true)),
        ("redis://[::1]:6379/1", address("::1", 6379, 1, false)),
        ("redis://[::1]", address("::1", 6379, 0, false)),
    ];
    for (url, expected) in rows {
        assert_eq!(Address::parse(url), Ok(expected), "{url}");
    }
}

#[test]
fn what_is_no_address_says_why_and_repeats_nothing() {
    let rows = [
        ("http://localhost", AddressError::Scheme),
        ("localhost:6379", AddressError::Scheme),
        ("redis://:hunter2@localhost", AddressError::Credentials),
        ("redis://user:hunter2@localhost", AddressError::Credentials),
        ("redis://", AddressError::Host),
        ("redis://:6379", AddressError::Host),
        ("redis://localhost:0", AddressError::Port),
        ("redis://localhost:70000", AddressError::Port),
        ("redis://localhost:x", AddressError::Port),
        ("redis://localhost/x", AddressError::Database),
        ("redis://localhost/-1", AddressError::Database),
        ("redis://localhost/0?password=hunter2", AddressError::Database),
    ];
    for (url, expected) in rows {
        let error = Address::parse(url).unwrap_err();
        assert_eq!(error, expected, "{url}");
        assert!(!error.to_string().contains("hunter2"), "{url}");
    }
}
