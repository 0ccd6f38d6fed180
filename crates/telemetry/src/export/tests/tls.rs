//! Backends behind TLS: private authorities, and certificates of our own.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::export::{OtlpIdentity, OtlpProtocol, OtlpTls};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, crypto};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::TempDir;
use tokio_rustls::TlsAcceptor;

use super::backend::{Backend, PROTOCOLS, otlp};
use super::span;
use crate::export::{ExportError, OtlpSink, SpanSink};
use crate::span::Pipeline;

/// A certificate authority.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    /// Its certificate's file.
    file: PathBuf,
}

/// A certificate and its key, signed by an authority.
struct Leaf {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
    files: OtlpIdentity,
}

fn authority(folder: &Path, name: &str) -> Authority {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).unwrap();
    let file = folder.join(format!("{name}.pem"));
    std::fs::write(&file, certificate.pem()).unwrap();
    Authority { certificate: certificate.der().clone(), issuer: Issuer::new(params, key), file }
}

impl Authority {
    fn sign(&self, folder: &Path, name: &str) -> Leaf {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let files = OtlpIdentity {
            cert_file: folder.join(format!("{name}-cert.pem")),
            key_file: folder.join(format!("{name}-key.pem")),
        };
        std::fs::write(&files.cert_file, certificate.pem()).unwrap();
        std::fs::write(&files.key_file, key.serialize_pem()).unwrap();
        Leaf {
            certificate: certificate.der().clone(),
            key: PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            files,
        }
    }
}

/// Asks clients for a certificate of `clients`, if there is such an authority.
fn acceptor(server: Leaf, clients: Option<&Authority>) -> TlsAcceptor {
    let provider = Arc::new(crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.certificate.clone()).unwrap();
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.unwrap())
        }
    };
    let mut config = builder.with_single_cert(vec![server.certificate], server.key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

async fn export(protocol: OtlpProtocol, port: u16, tls: OtlpTls) -> Result<(), ExportError> {
    let mut settings = otlp(protocol, &format!("https://localhost:{port}"));
    settings.traces.tls = tls;
    let mut sink = OtlpSink::new(&settings)?;
    sink.export(&[Arc::new(span(1, Pipeline::GenAi))]).await
}

#[tokio::test]
async fn a_backend_is_verified_by_the_configured_authority_only() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    let (right, wrong) = (authority(folder, "right"), authority(folder, "wrong"));
    let trusting = |ca_file: Option<PathBuf>| OtlpTls { ca_file, identity: None };
    for protocol in PROTOCOLS {
        let backend = Backend::default();
        let tls = acceptor(right.sign(folder, "server"), None);
        let port = backend.start(Some(tls)).await.port();
        export(protocol, port, trusting(Some(right.file.clone()))).await.unwrap();
        assert_eq!(backend.span_ids(), [1], "{protocol:?}");
        // The system's authorities know nothing of ours.
        for ca_file in [Some(wrong.file.clone()), None] {
            let error = export(protocol, port, trusting(ca_file)).await.unwrap_err();
            assert!(matches!(error, ExportError::Unavailable { .. }), "{protocol:?}: {error:?}");
        }
        assert_eq!(backend.span_ids(), [1], "nothing was shown to it");
    }
}

#[tokio::test]
async fn a_backend_that_asks_for_a_certificate_gets_ours() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    let (servers, clients) = (authority(folder, "servers"), authority(folder, "clients"));
    let identity = clients.sign(folder, "client").files;
    let stranger = servers.sign(folder, "stranger").files;
    for protocol in PROTOCOLS {
        let backend = Backend::default();
        let tls = acceptor(servers.sign(folder, "server"), Some(&clients));
        let port = backend.start(Some(tls)).await.port();
        let with = |identity| OtlpTls { ca_file: Some(servers.file.clone()), identity };
        for refused in [None, Some(stranger.clone())] {
            export(protocol, port, with(refused)).await.unwrap_err();
        }
        assert!(backend.span_ids().is_empty());
        export(protocol, port, with(Some(identity.clone()))).await.unwrap();
        assert_eq!(backend.span_ids(), [1], "{protocol:?}");
    }
}

#[tokio::test]
async fn certificates_that_cannot_be_used_are_an_error_at_the_start() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    let authority = authority(folder, "ca");
    let (one, other) = (authority.sign(folder, "one").files, authority.sign(folder, "other").files);
    let empty = folder.join("empty.pem");
    std::fs::write(&empty, "nothing").unwrap();
    let mixed = OtlpIdentity { cert_file: one.cert_file.clone(), key_file: other.key_file };
    let missing = folder.join("missing.pem");
    let keyless = OtlpIdentity { cert_file: one.cert_file, key_file: empty.clone() };
    for (ca_file, identity) in [
        (Some(missing), None),
        (Some(empty), None),
        (Some(authority.file.clone()), Some(mixed)),
        (Some(authority.file.clone()), Some(keyless)),
    ] {
        let tls = OtlpTls { ca_file, identity };
        let error = export(OtlpProtocol::Grpc, 1, tls.clone()).await.unwrap_err();
        assert!(matches!(error, ExportError::Refused { .. }), "{tls:?}: {error:?}");
    }
}
