//! Everything that is made of one version of the configuration, swapped as a whole.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pingora::protocols::tls::CaType;
use pingora::utils::tls::WrappedX509;
use pingora::{Error, ErrorType, Result};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tollgate_config::Settings;
use tollgate_filters::request::{self, InFlight, Stack};
use tollgate_routing::Registry;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

/// One configuration, ready to serve.
pub(crate) struct Snapshot {
    pub(crate) settings: Settings,
    pub(crate) stack: Stack,
    /// Certificate authorities by file, read once.
    authorities: HashMap<PathBuf, Arc<CaType>>,
}

// === impl Snapshot ===

impl Snapshot {
    /// Builds the stack and reads the certificate authorities; gives targets their states last, so
    /// that a snapshot that fails changes nothing.
    ///
    /// # Errors
    /// A file that cannot be read or holds no certificate.
    pub(crate) fn new(
        settings: Settings,
        in_flight: InFlight,
        live: &Registry,
    ) -> Result<Self, String> {
        let stack = request::stack(&request::Settings {
            body_bytes_max: settings.limits.body_bytes_max,
            in_flight_max: settings.limits.in_flight_max,
            in_flight,
            table: Arc::clone(&settings.table),
        });
        let mut authorities = HashMap::new();
        for path in settings.providers.iter().filter_map(|provider| provider.ca_file.clone()) {
            let ca = read_authority(&path)?;
            authorities.insert(path, ca);
        }
        live.adopt(&settings.table);
        Ok(Self { settings, stack, authorities })
    }

    /// The certificate authority in `path`, read when the snapshot was made.
    ///
    /// # Errors
    /// When it was not: a provider made elsewhere.
    pub(crate) fn certificate_authority(&self, path: &Path) -> Result<Arc<CaType>> {
        match self.authorities.get(path) {
            Some(ca) => Ok(Arc::clone(ca)),
            None => Error::e_explain(ErrorType::InternalError, "certificate authority not loaded"),
        }
    }
}

fn read_authority(path: &Path) -> Result<Arc<CaType>, String> {
    let fail = |what: &dyn std::fmt::Display| format!("ca_file {}: {what}", path.display());
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| fail(&error))?;
    let mut authority = Vec::new();
    for certificate in certificates {
        let der = certificate.map_err(|error| fail(&error))?.to_vec();
        let parsed = WrappedX509::try_new(der, |der| {
            X509Certificate::from_der(der).map(|(_, certificate)| certificate)
        });
        authority.push(parsed.map_err(|error| fail(&error))?);
    }
    if authority.is_empty() {
        return Err(fail(&"no certificate in it"));
    }
    Ok(authority.into())
}
