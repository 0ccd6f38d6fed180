//! The control plane over a real socket, and who may open it.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::host::is_local_name;
use crate::{ConsoleState, router};

async fn get(path: &str, host: &str, ready: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let state = ConsoleState {
        store: None,
        metrics: Arc::new(|| "up 1\n".to_owned()),
        ready: Arc::new(move || ready),
    };
    tokio::spawn(async move { axum::serve(listener, router(state)).await });
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn health_readiness_and_metrics_are_told() {
    assert!(get("/health", "localhost:4500", false).await.starts_with("HTTP/1.1 200"));
    assert!(get("/ready", "127.0.0.1", true).await.starts_with("HTTP/1.1 200"));
    assert!(get("/ready", "[::1]:4500", false).await.starts_with("HTTP/1.1 503"));
    assert!(get("/metrics", "localhost", true).await.ends_with("up 1\n"));
}

#[tokio::test]
async fn pages_forbid_foreign_scripts_and_a_missing_store_is_said() {
    let page = get("/", "localhost", true).await;
    assert!(page.contains("default-src 'none'") && !page.contains("<script>"));
    assert!(get("/app.js", "localhost", true).await.contains("text/javascript"));
    assert!(get("/api/traces", "localhost", true).await.contains("no span store"));
}

#[tokio::test]
async fn a_page_that_rebinds_its_name_is_refused() {
    assert!(get("/api/traces", "evil.example.com", true).await.starts_with("HTTP/1.1 421"));
}

#[test]
fn only_addresses_and_names_without_a_public_dot_are_local() {
    for local in ["localhost", "localhost:1", "127.0.0.1:4500", "[::1]", "gateway", "a.localhost"] {
        assert!(is_local_name(local), "{local}");
    }
    for foreign in ["", "example.com", "127.0.0.1.example.com", "[evil]", "a.b:4500"] {
        assert!(!is_local_name(foreign), "{foreign}");
    }
}
