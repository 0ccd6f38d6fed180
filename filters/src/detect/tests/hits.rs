//! What has to be found, and how much of the text.

use super::{Kind, found};

/// Where nothing else is written, the whole text is the finding.
fn whole(kind: Kind, texts: &[&str]) {
    for text in texts {
        assert_eq!(found(kind, text), [*text], "{}", kind.name());
        let among = format!("before {text}, and after");
        assert_eq!(found(kind, &among), [*text], "{} in {among}", kind.name());
        let quoted = format!("{{\"k\":\"{text}\"}}");
        assert_eq!(found(kind, &quoted), [*text], "{} in {quoted}", kind.name());
        let foreign = format!("前{text}。");
        assert_eq!(found(kind, &foreign), [*text], "{} in {foreign}", kind.name());
    }
}

#[test]
fn social_security_numbers() {
    let texts = [
        "123-45-6789",
        "123 45 6789",
        "001-01-0001",
        "899-99-9999",
        "665-12-3456",
        "667-12-3456",
        "219-09-9998",
        "078-05-1121",
        "457-55-5462",
        "555-50-1234",
    ];
    whole(Kind::Ssn, &texts);
}

#[test]
fn card_numbers() {
    let texts = [
        "4111111111111111",
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "4222222222222",
        "5555555555554444",
        "5105 1051 0510 5100",
        "2223003122003222",
        "378282246310005",
        "3714 496353 98431",
        "6011111111111117",
        "3530111333300000",
        "30569309025904",
        "6200000000000005",
        "6011 0009 9013 9424",
    ];
    whole(Kind::CreditCard, &texts);
    assert_eq!(found(Kind::CreditCard, "4111 1111 1111 1111 12/27"), ["4111 1111 1111 1111"]);
    assert_eq!(found(Kind::CreditCard, "12 4111 1111 1111 1111"), ["4111 1111 1111 1111"]);
    assert_eq!(found(Kind::CreditCard, "Card...4111111111111111"), ["4111111111111111"]);
}

#[test]
fn phone_numbers() {
    let texts = [
        "+14155552671",
        "+1 415 555 2671",
        "+1 (415) 555-2671",
        "(415) 555-2671",
        "(415)555-2671",
        "415-555-2671",
        "415.555.2671",
        "415 555 2671",
        "1-415-555-2671",
        "+49 30 901820",
        "+44 20 7946 0958",
        "+86 138 0013 8000",
        "+999999999999999",
    ];
    whole(Kind::Phone, &texts);
}

#[test]
fn ip_addresses() {
    let texts = [
        "10.0.0.1",
        "192.168.1.254",
        "255.255.255.255",
        "0.0.0.0",
        "8.8.8.8",
        "::1",
        "fe80::1",
        "2001:db8::8a2e:370:7334",
        "2001:0DB8:0000:0000:0000:8A2E:0370:7334",
        "::ffff:192.0.2.128",
        "1::",
        "0000:0000:0000:0000:0000:ffff:192.168.100.228",
    ];
    whole(Kind::IpAddress, &texts);
    assert_eq!(found(Kind::IpAddress, "at 10.0.0.1:8080"), ["10.0.0.1"]);
    assert_eq!(found(Kind::IpAddress, "at [2001:db8::1]:443"), ["2001:db8::1"]);
    assert_eq!(found(Kind::IpAddress, "It is 10.0.0.1."), ["10.0.0.1"]);
    assert_eq!(found(Kind::IpAddress, "It is fe80::1: yes"), ["fe80::1"]);
}

#[test]
fn email_addresses() {
    let texts = [
        "bob@example.com",
        "b@e.co",
        "first.last@example.co.uk",
        "a+tag@example.com",
        "a_b%c-d@sub-domain.example.org",
        "1234@example.museum",
        "BOB@EXAMPLE.COM",
        "x@xn--bcher-kva.example",
        "x@example.xn--p1ai",
        "bob@127.example.com",
        "a.b.c@d.e.f.gh",
    ];
    whole(Kind::Email, &texts);
    assert_eq!(found(Kind::Email, "Ask bob@example.com."), ["bob@example.com"]);
    assert_eq!(
        found(Kind::Email, "<bob@example.com>, ..al@b.org-"),
        ["bob@example.com", "al@b.org"]
    );
    assert_eq!(found(Kind::Email, "bob@example.com.5"), ["bob@example.com"]);
}

#[test]
fn keys() {
    let (ten, twenty) = ("a1B2c3D4e5", "a1B2c3D4e5F6g7H8i9J0");
    let forty = format!("{twenty}{twenty}");
    let texts = [
        format!("sk-{twenty}"),
        format!("sk-proj-{forty}_{forty}"),
        format!("sk-ant-api03-{forty}"),
        format!("sk_live_{twenty}"),
        "AKIAIOSFODNN7EXAMPLE".to_owned(),
        "ASIAIOSFODNN7EXAMPLE".to_owned(),
        format!("AIza{}", &forty[..35]),
        format!("ghp_{}", &forty[..36]),
        format!("github_pat_{forty}"),
        format!("glpat-{twenty}"),
        format!("xoxb-123456789012-{ten}"),
        format!("xoxp-123456789012-{twenty}"),
        format!("hf_{}", &forty[..34]),
        format!("gsk_{forty}"),
        format!("npm_{}", &forty[..36]),
    ];
    whole(Kind::ApiKey, &texts.each_ref().map(String::as_str));
    let header = format!("x-api-key: sk-{twenty}\r\n");
    assert_eq!(found(Kind::ApiKey, &header), [format!("sk-{twenty}")]);
}

#[test]
fn tokens() {
    let header = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";
    let texts = [
        format!("{header}.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"),
        format!("{header}.eyJzdWIiOiIxMjM0NTY3ODkwIn0"),
        format!("{header}.eyJ{}.{}", "x".repeat(5_000), "y".repeat(400)),
        "eyJhbGciOiJub25lIn0.eyJhIjoxfQ.sig".to_owned(),
        format!("eyJ{}.eyJhIjoxfQ.s", "a".repeat(509)),
        "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJhIjoxfQ.a-b_c".to_owned(),
        "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UifQ.x".to_owned(),
        "eyJ0eXAiOiJKV1QiLA0K.eyJpc3MiOiJqb2UiLA0K.dBjf".to_owned(),
        "eyJhbGciOiJFZERTQSJ9.eyJleHAiOjB9.AAAA".to_owned(),
        "eyJhbGciOiJQUzI1NiJ9.eyJ9.AAAA".to_owned(),
    ];
    whole(Kind::Jwt, &texts.each_ref().map(String::as_str));
    let bearer = format!("authorization: Bearer {header}.eyJhIjoxfQ.s");
    assert_eq!(found(Kind::Jwt, &bearer), [format!("{header}.eyJhIjoxfQ.s")]);
}

#[test]
fn private_keys() {
    let line = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj";
    let key = |label: &str, between: &str| {
        format!(
            "-----BEGIN {label}PRIVATE KEY-----{between}{line}{between}{line}{between}c2hvcnQ={between}-----END {label}PRIVATE KEY-----"
        )
    };
    let texts = [
        key("", "\n"),
        key("RSA ", "\n"),
        key("EC ", "\r\n"),
        key("OPENSSH ", "\n"),
        key("ENCRYPTED ", "\n"),
        key("DSA ", " "),
        key("", "\\n"),
        key("", "\\r\\n"),
        "-----BEGIN PRIVATE KEY-----".to_owned(),
        "-----BEGIN RSA PRIVATE KEY-----".to_owned(),
    ];
    whole(Kind::PrivateKey, &texts.each_ref().map(String::as_str));
    let cut = format!("-----BEGIN PRIVATE KEY-----\n{line}\n{line}");
    assert_eq!(found(Kind::PrivateKey, &cut), [&*cut]);
}

#[test]
fn phrases() {
    whole(
        Kind::Blocklist,
        &[
            "Project Nightjar",
            "project nightjar",
            "PROJECT NIGHTJAR",
            "pRoJeCt nIgHtJaR",
            "größe",
            "GRößE",
            "gRößE",
            "a.b*c",
            "A.B*C",
            "a.B*c",
        ],
    );
    assert_eq!(found(Kind::Blocklist, "subproject nightjars"), ["project nightjar"]);
}
