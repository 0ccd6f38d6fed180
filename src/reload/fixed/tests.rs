//! Every field that a restart is needed for is named when it changes, and no other.

use super::Fixed;

const BASE: &str = "
providers: { acme: { base_url: 'http://localhost/v1', models: [m] } }
server: { port: 4000, threads: 2, tls: { cert_file: CERT, key_file: KEY } }
control: { port: 4500 }
collector: { grpc_port: 4317, http_port: 4318 }
store: { kind: sqlite, path: spans.db, retention_days: 9 }
telemetry: { otlp_endpoint: 'http://localhost:4320' }
genai_telemetry: { otlp_endpoint: 'http://localhost:4319', capture_content: false }
";

fn fixed(text: &str, folder: &std::path::Path) -> Fixed {
    let path = |name: &str| format!("'{}'", folder.join(name).display());
    let text = text.replace("CERT", &path("cert.pem")).replace("KEY", &path("key.pem"));
    let text = text.replace("OTHER", &path("other.pem"));
    let settings =
        tollgate_config::load_str("f", &text, |_| None).unwrap_or_else(|p| panic!("{p}"));
    Fixed::of(&settings.0)
}

/// A folder with the files that [`BASE`] names, and others.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::TempDir::new().unwrap();
    for name in ["cert.pem", "key.pem", "other.pem"] {
        std::fs::write(folder.path().join(name), "as issued").unwrap();
    }
    folder
}

#[test]
fn each_change_names_its_field() {
    let folder = folder();
    let base = fixed(BASE, folder.path());
    let changes = [
        ("port: 4000", "port: 4001", "server.port"),
        ("port: 4000", "host: 127.0.0.2, port: 4000", "server.host"),
        ("threads: 2", "threads: 3", "server.threads"),
        ("threads: 2", "threads: 2, h2c: false", "server.h2c"),
        ("threads: 2", "threads: 2, work_stealing: true", "server.work_stealing"),
        ("threads: 2", "threads: 2, log: { format: json }", "server.log"),
        ("threads: 2", "threads: 2, log: { level: debug }", "server.log"),
        ("CERT", "OTHER", "server.tls.cert_file"),
        ("KEY", "OTHER", "server.tls.key_file"),
        ("port: 4500", "port: 4501", "control.port"),
        ("grpc_port: 4317", "grpc_port: 4316", "collector.grpc_port"),
        ("http_port: 4318", "http_port: 4315", "collector.http_port"),
        ("4318 }", "4318, memory_limit_mib: 9 }", "collector.memory_limit_mib"),
        ("4318 }", "4318, auth: required }", "collector.auth"),
        (
            "4318 }",
            "4318, issuers: { i: { issuer: 'https://i', audience: a, jwks_file: CERT } } }",
            "collector.issuers",
        ),
        ("store:", "keys: { path: elsewhere.db }\nstore:", "keys.path"),
        ("store:", "keys: { issuer: 'https://gateway.example' }\nstore:", "keys.issuer"),
        ("store:", "redis: { url: 'redis://localhost' }\nstore:", "redis"),
        ("spans.db", "other.db", "store"),
        ("spans.db", "folder/spans.db", "store"),
        ("retention_days: 9", "retention_days: 8", "store"),
        ("localhost:4320", "localhost:4321", "telemetry"),
        ("localhost:4319", "localhost:4322", "genai_telemetry.otlp_endpoint"),
    ];
    for (old, new, field) in changes {
        let text = BASE.replace(old, new);
        assert_eq!(base.differing(&fixed(&text, folder.path())), [field], "{old} -> {new}");
    }
}

#[test]
fn what_can_change_at_run_time_is_not_named() {
    let folder = folder();
    let base = fixed(BASE, folder.path());
    let text = BASE.replace("capture_content: false", "capture_content: true");
    let text = text
        .replace("models: [m]", "models: [m, n]")
        .replace("threads: 2", "drain_secs: 1, threads: 2");
    let text = format!("{text}limits: {{ in_flight_max: 3 }}\n");
    assert!(base.differing(&fixed(&text, folder.path())).is_empty());
}

#[test]
fn a_renewed_certificate_is_noticed_by_its_content() {
    let folder = folder();
    let before = fixed(BASE, folder.path());
    std::fs::write(folder.path().join("cert.pem"), "renewed").unwrap();
    assert_eq!(before.differing(&fixed(BASE, folder.path())), ["server.tls.cert_file"]);
}
