//! TLS on both sides.

use std::io::{Read, Write};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, StreamOwned, crypto,
};
use tollgate::reload::Reload;

use crate::client::{connect, post};
use crate::harness::World;

/// A certificate authority with one certificate for localhost.
pub(crate) struct Authority {
    pub(crate) ca_pem: String,
    pub(crate) cert_pem: String,
    pub(crate) key_pem: String,
    pub(crate) ca: CertificateDer<'static>,
    cert: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

pub(crate) fn authority() -> Authority {
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_cert = ca.self_signed(&ca_key).unwrap();
    let issuer = Issuer::new(ca, ca_key);
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let cert = leaf.signed_by(&key, &issuer).unwrap();
    Authority {
        ca_pem: ca_cert.pem(),
        cert_pem: cert.pem(),
        key_pem: key.serialize_pem(),
        ca: ca_cert.der().clone(),
        cert: cert.der().clone(),
        key: PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
    }
}

/// The mock behind TLS, in h2 or h1 as the client likes.
pub(crate) fn mock_behind_tls(world: &World, authority: &Authority, alpn: &[&[u8]]) -> u16 {
    let provider = Arc::new(crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![authority.cert.clone()], authority.key.clone_key())
        .unwrap();
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = world.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let port = listener.local_addr().unwrap().port();
    let mock = Arc::clone(&world.mock);
    world.runtime().spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).unwrap();
            let (acceptor, mock) = (acceptor.clone(), mock.clone());
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    mock.serve_connection(stream).await;
                }
            });
        }
    });
    port
}

fn upstream_config(port: u16, ca: &std::path::Path) -> String {
    format!(
        "providers: {{ openai: {{ base_url: \"https://localhost:{port}/v1\", models: [gpt-4o], auth_type: none, ca_file: \"{}\" }} }}\n",
        ca.display()
    )
}

const BODY: &str = r#"{"model":"gpt-4o","stream":true,"messages":[]}"#;

#[test]
fn an_upstream_behind_tls_is_verified_with_the_configured_authority_only() {
    let world = World::usual();
    let folder = TempDir::new().unwrap();
    for alpn in [&[b"h2".as_slice(), b"http/1.1"][..], &[b"http/1.1"]] {
        let (good, other) = (authority(), authority());
        let (right, wrong) = (folder.path().join("right.pem"), folder.path().join("wrong.pem"));
        std::fs::write(&right, &good.ca_pem).unwrap();
        std::fs::write(&wrong, &other.ca_pem).unwrap();
        let port = mock_behind_tls(&world, &good, alpn);
        let expected = post(world.mock.addr(), "/v1/chat/completions", &[], BODY).body;
        let trusting = World::new(&upstream_config(port, &right));
        let answer = post(trusting.gateway, "/v1/chat/completions", &[], BODY);
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(answer.body == expected);
        let version = world.upstream().last().unwrap().http_version;
        assert_eq!(version == http::Version::HTTP_2, alpn.len() == 2);
        let wary = World::new(&upstream_config(port, &wrong));
        let refused = post(wary.gateway, "/v1/chat/completions", &[], BODY);
        assert_eq!((refused.status, refused.header("x-to11-error-code")), (502, Some("upstream")));
    }
}

#[test]
fn a_changed_authority_does_not_trust_the_connections_of_the_one_before() {
    let world = World::usual();
    let folder = TempDir::new().unwrap();
    let ca = folder.path().join("ca.pem");
    for alpn in [&[b"h2".as_slice(), b"http/1.1"][..], &[b"http/1.1"]] {
        let (good, other) = (authority(), authority());
        let (good_pem, other_pem) = (good.ca_pem.clone(), other.ca_pem);
        std::fs::write(&ca, &good_pem).unwrap();
        let port = mock_behind_tls(&world, &good, alpn);
        let gateway = World::new(&upstream_config(port, &ca));
        let status = || post(gateway.gateway, "/v1/chat/completions", &[], BODY).status;
        let connection = || world.upstream().last().unwrap().connection;
        let first = (status(), connection());
        assert_eq!((status(), connection()), first, "the connection is kept");
        assert_eq!(first.0, 200);
        std::fs::write(&ca, &other_pem).unwrap();
        assert_eq!(gateway.running().reload(), Some(Reload::Applied), "by its content");
        assert_eq!(status(), 502, "a kept connection was verified by the authority before");
        std::fs::write(&ca, "no certificate").unwrap();
        assert_eq!(gateway.running().reload(), Some(Reload::Refused));
        assert_eq!(status(), 502);
        std::fs::write(&ca, &good_pem).unwrap();
        assert_eq!(gateway.running().reload(), Some(Reload::Applied));
        assert_eq!(status(), 200);
    }
}

#[test]
fn callers_reach_the_gateway_over_tls() {
    let folder = TempDir::new().unwrap();
    let authority = authority();
    let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&cert, &authority.cert_pem).unwrap();
    std::fs::write(&key, &authority.key_pem).unwrap();
    let world = World::new(&format!(
        "server: {{ port: {{gateway}}, work_stealing: true, tls: {{ cert_file: \"{}\", key_file: \"{}\" }} }}\n\
         providers: {{ openai: {{ base_url: \"{{mock}}/v1\", models: [gpt-4o], auth_type: none }} }}\n",
        cert.display(),
        key.display()
    ));
    let mut roots = RootCertStore::empty();
    roots.add(authority.ca).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = StreamOwned::new(connection, connect(world.gateway));
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{BODY}",
        BODY.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    // A server may close without TLS's own goodbye.
    let _closed = stream.read_to_end(&mut answer);
    let text = String::from_utf8_lossy(&answer);
    assert!(text.starts_with("HTTP/1.1 200") && text.contains("[DONE]"), "{text}");
}
