//! What looks like a finding and is none.

use super::{Kind, found};

fn none(kind: Kind, texts: &[&str]) {
    for text in texts {
        assert_eq!(found(kind, text), [""; 0], "{} in {text}", kind.name());
    }
}

#[test]
fn no_social_security_number() {
    let texts = [
        "000-45-6789",
        "666-45-6789",
        "900-45-6789",
        "999-45-6789",
        "123-00-6789",
        "123-45-0000",
        "123456789",
        "123-456-789",
        "123-45 6789",
        "123.45.6789",
        "1123-45-6789",
        "123-45-67890",
        "A123-45-6789",
        "123-45-6789a",
        "123-45-678",
        "3.123-45-6789",
    ];
    none(Kind::Ssn, &texts);
}

#[test]
fn no_card_number() {
    let texts = [
        "4111111111111112",
        "4111 1111 1111 1112",
        "411111111111",
        "41111111111111111111",
        "1234567890123452",
        "0000000000000000",
        "a4111111111111111",
        "4111111111111111f",
        "1763724670123456789",
        "4111  1111  1111  1111",
        "4111.1111.1111.1111",
        "0.4111111111111111",
        "9999999999999995",
        "5655555555554444",
    ];
    none(Kind::CreditCard, &texts);
}

#[test]
fn no_phone_number() {
    let texts = [
        "4155552671",
        "115-555-2671",
        "415-155-2671",
        "415-555-267",
        "415-555-26711",
        "415-5552671",
        "(415)) 555-2671",
        "+1234567",
        "+0123456789",
        "++14155552671",
        "x415-555-2671",
        "2026-11-21",
        "12:30-14:30",
        "+1234567890123456",
        "1.415.5.2671",
    ];
    none(Kind::Phone, &texts);
}

#[test]
fn no_ip_address() {
    let texts = [
        "256.1.1.1",
        "1.2.3",
        "1.2.3.4.5",
        "01.2.3.4",
        "1.2.3.1000",
        "v1.2.3.4",
        "1.2.3.4a",
        "12:30:45",
        "bad::cafe",
        "std::vec",
        "a::b",
        "::",
        "00:1a:2b:3c:4d:5e",
        "1:2",
        "key: value",
        "1:2:3:4:5:6:7:8:9",
        "12345::1",
        "fe80::g1",
    ];
    none(Kind::IpAddress, &texts);
}

#[test]
fn no_email_address() {
    let texts = [
        "bob@localhost",
        "@example.com",
        "bob@",
        "bob@.com",
        "bob@example.c",
        "bob@example.1",
        "lodash@4.17.21",
        "bob @example.com",
        "bob@ example.com",
        "bob.@example.com",
        "bob@-example.com",
        "@media (x)",
        "a@b",
        "user@host_name",
        "...@example.com",
    ];
    none(Kind::Email, &texts);
}

#[test]
fn no_key() {
    let (twenty, letters) = ("a1B2c3D4e5F6g7H8i9J0", "abcdefghijklmnopqrst");
    let texts = [
        format!("sk-{}", &twenty[..19]),
        format!("sk-{letters}"),
        "sk-learn-pipeline-with-many-words".to_owned(),
        format!("risk-{twenty}"),
        "AKIAIOSFODNN7EXAMPL".to_owned(),
        "AKIAIOSFODNN7EXAMPLEX".to_owned(),
        "AKIAIOSFODNN7EXAMPLe".to_owned(),
        format!("AIza{}", &twenty[..20]),
        format!("AIza{twenty}{twenty}"),
        format!("ghp_{}{}", twenty, &twenty[..15]),
        format!("glpat_{twenty}"),
        format!("xoxb{twenty}"),
        format!("xoxz-{twenty}"),
        format!("hf_{twenty}"),
        "sk-12345678901234567890".to_owned(),
    ];
    none(Kind::ApiKey, &texts.each_ref().map(String::as_str));
}

#[test]
fn no_token() {
    let texts = [
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9".to_owned(),
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.".to_owned(),
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.abcdefghijkl.sig".to_owned(),
        "eyJhbGci.eyJhIjoxfQ.sig".to_owned(),
        "xeyJhbGciOiJub25lIn0.eyJhIjoxfQ.sig".to_owned(),
        "eyJhbGciOiJub25lIn0 .eyJhIjoxfQ.sig".to_owned(),
        "eyJhbGciOiJub25lIn0,eyJhIjoxfQ.sig".to_owned(),
        "EYJhbGciOiJub25lIn0.eyJhIjoxfQ.sig".to_owned(),
        format!("eyJ{}.eyJhIjoxfQ.s", "a".repeat(510)),
        "eyJhbGciOiJub25lIn0.ey".to_owned(),
    ];
    none(Kind::Jwt, &texts.each_ref().map(String::as_str));
}

#[test]
fn no_private_key() {
    let texts = [
        "-----BEGIN PUBLIC KEY-----",
        "-----BEGIN CERTIFICATE-----",
        "BEGIN PRIVATE KEY-----",
        "----BEGIN PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY----",
        "-----BEGINPRIVATE KEY-----",
        "-----BEGIN RSA  KEY-----",
        "-----END PRIVATE KEY-----",
        "-----begin private key-----",
        "-----BEGIN A LABEL THAT IS LONG PRIVATE KEY-----",
        "BEGIN TRANSACTION;",
    ];
    none(Kind::PrivateKey, &texts);
}

#[test]
fn no_phrase() {
    let texts = [
        "Project  Nightjar",
        "Project Night jar",
        "ProjectNightjar",
        "Project-Nightjar",
        "Projekt Nightjar",
        "Nightjar",
        "GRÖßE",
        "grosse",
        "axbxc",
        "a.b",
        "Project Nightja",
    ];
    none(Kind::Blocklist, &texts);
}
