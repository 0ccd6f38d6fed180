//! Sockets to OTLP backends, with or without TLS.

use std::path::Path;
use std::sync::Arc;

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::{ClientConfig, RootCertStore, crypto};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::{OtlpConnection, OtlpProtocol, OtlpTls};

/// Blocks on the file system.
pub(super) fn new(settings: &OtlpConnection) -> Result<HttpsConnector<HttpConnector>, String> {
    let is_tls = settings.endpoint.starts_with("https://");
    let config = if is_tls { verifying(&settings.tls)? } else { without_roots()? };
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_nodelay(true);
    http.set_connect_timeout(Some(settings.timeout));
    let builder = HttpsConnectorBuilder::new().with_tls_config(config).https_or_http();
    Ok(match settings.protocol {
        OtlpProtocol::Grpc => builder.enable_http2().wrap_connector(http),
        OtlpProtocol::Http | OtlpProtocol::HttpJson => builder.enable_http1().wrap_connector(http),
    })
}

/// For plain connections: the system's roots are not worth reading.
fn without_roots() -> Result<ClientConfig, String> {
    Ok(builder()?.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

/// Trusts the configured authorities only, or the system's where there are none.
fn verifying(tls: &OtlpTls) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    let trusted = match &tls.ca_file {
        Some(file) => certificates(file)?,
        None => rustls_native_certs::load_native_certs()
            .map_err(|error| format!("cannot read the system's authorities: {error}"))?,
    };
    roots.add_parsable_certificates(trusted);
    let builder = builder()?.with_root_certificates(roots);
    let Some(identity) = &tls.identity else { return Ok(builder.with_no_client_auth()) };
    let key = PrivateKeyDer::from_pem_file(&identity.key_file)
        .map_err(|error| unreadable(&identity.key_file, &error))?;
    let chain = certificates(&identity.cert_file)?;
    builder.with_client_auth_cert(chain, key).map_err(|error| error.to_string())
}

fn builder() -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, String> {
    ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let chain: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(file).map_err(|error| unreadable(file, &error))?.collect();
    let chain = chain.map_err(|error| unreadable(file, &error))?;
    if chain.is_empty() {
        return Err(format!("no certificate in {}", file.display()));
    }
    Ok(chain)
}

fn unreadable(file: &Path, error: &rustls_pki_types::pem::Error) -> String {
    format!("cannot read {}: {error}", file.display())
}
