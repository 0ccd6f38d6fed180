//! ClickHouse behind TLS, with an authority of one's own.

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tollgate_store::{ClickHouse, ClickHouseSettings, SpanStore, StoreError};

use crate::rows::{row, start_ns, trace_id};
use crate::shim::Shim;

/// An authority's certificate, and an identity for `localhost` that it has signed.
fn authority() -> (String, String) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let signed = params.signed_by(&key, &issuer).unwrap();
    (certificate, signed.pem() + &key.serialize_pem())
}

#[tokio::test]
async fn real_engine_fake_server_a_private_authority_is_trusted_if_named_and_no_other() {
    let ((ours, identity), (foreign, _)) = (authority(), authority());
    let Some(shim) = Shim::start_tls(&identity) else { return };
    let folder = tempfile::tempdir().unwrap();
    let store = |name: &str, pem: &str, host: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, pem).unwrap();
        let url = format!("https://{host}:{}", shim.port);
        ClickHouse::new(ClickHouseSettings { url, ca_file: Some(file), ..shim.settings() }).unwrap()
    };
    let trusting = store("ours.pem", &ours, "localhost");
    trusting.insert(vec![row(start_ns(), 1, 0)]).await.unwrap();
    assert_eq!(trusting.trace(&trace_id(1)).await.unwrap().len(), 1);
    for (name, pem, host) in
        [("foreign.pem", &foreign, "localhost"), ("ours.pem", &ours, "127.0.0.1")]
    {
        let error = store(name, pem, host).prepare().await.unwrap_err();
        assert!(matches!(error, StoreError::Unreachable { .. }), "{error}");
        assert!(error.to_string().contains("certificate"), "{error}");
    }
}
