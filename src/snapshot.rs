//! Everything that is made of one version of the configuration, swapped as a whole.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pingora::protocols::tls::CaType;
use pingora::utils::tls::WrappedX509;
use pingora::{Error, ErrorType, Result};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tollgate_config::{CacheKind, Settings, fingerprint};
use tollgate_filters::cache::{self, Remote, ResponseCache};
use tollgate_filters::detect::Detectors;
use tollgate_filters::guard::Policy;
use tollgate_filters::request::{self, CallerKeys, InFlight, Quotas, Stack};
use tollgate_routing::{Registry, RoutingPath, Row};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use crate::limits::Gate;
use crate::own::Own;
use crate::redis::{Answers, Redis};
use crate::reload::Fixed;
use crate::webhook;

/// One configuration, ready to serve.
pub(crate) struct Snapshot {
    pub(crate) settings: Settings,
    pub(crate) stack: Stack,
    /// Who may call.
    pub(crate) keys: CallerKeys,
    /// How much each may use.
    pub(crate) quotas: Arc<Quotas>,
    /// Guardrails, where they are on.
    pub(crate) guard: Option<Arc<Policy>>,
    /// Answers that may be told again; gone with the configuration that they were made under.
    pub(crate) cache: Option<Arc<ResponseCache>>,
    /// What is taken out of content before anything is stored.
    pub(crate) redact: Detectors,
    /// What of it only a restart can change.
    pub(crate) fixed: Fixed,
    /// Equal for what was made of equal text, secrets and files.
    pub(crate) fingerprint: u64,
    /// Certificate authorities by file, read once.
    authorities: BTreeMap<PathBuf, Authority>,
}

/// What outlives a configuration and is part of each.
#[derive(Clone, Default)]
pub(crate) struct Lasting {
    pub(crate) in_flight: InFlight,
    pub(crate) cached: Arc<cache::Counts>,
    pub(crate) redis: Option<Redis>,
    /// What the process brings of its own.
    pub(crate) own: Own,
}

/// A certificate authority that a provider is verified by.
#[derive(Clone)]
pub(crate) struct Authority {
    pub(crate) certificates: Arc<CaType>,
    /// Of the file's bytes.
    pub(crate) fingerprint: u64,
}

// === impl Lasting ===

impl Lasting {
    fn cache(&self, cache: &tollgate_config::Cache) -> Arc<ResponseCache> {
        let shared = self.redis.clone().filter(|_| cache.kind == CacheKind::Redis);
        let remote = shared.map(|redis| {
            let counts = Arc::clone(&self.cached);
            let answers = Answers::new(redis, Arc::new(move || counts.unwritten.add()));
            Arc::new(answers) as Arc<dyn Remote>
        });
        Arc::new(ResponseCache::new(cache.settings.clone(), Arc::clone(&self.cached), remote))
    }
}

// === impl Snapshot ===

impl Snapshot {
    /// Builds the stack and reads the certificate authorities, which blocks on the file system; gives
    /// targets their states last, so that a snapshot that fails changes nothing.
    ///
    /// # Errors
    /// A file that cannot be read or holds no certificate.
    pub(crate) fn new(
        settings: Settings,
        lasting: &Lasting,
        live: &Registry,
        gate: &Gate,
    ) -> Result<Self, String> {
        let (keys, quotas) = (gate.keys(&settings), gate.quotas(&settings));
        let refused = |error| format!("security.blocklist: {error}");
        let guarding = settings.security.enabled;
        let guard = guarding.then(|| Policy::new(&settings.security.guard)).transpose();
        let asked = webhook::webhooks(&settings.security.webhooks);
        let guard = guard.map_err(refused)?.map(|it| Arc::new(it.with_webhooks(asked)));
        let cache = settings.cache.as_ref().map(|cache| lasting.cache(cache));
        let stack = request::stack(&request::Settings {
            body_bytes_max: settings.limits.body_bytes_max,
            in_flight_max: settings.limits.in_flight_max,
            in_flight: lasting.in_flight.clone(),
            keys: keys.clone(),
            quotas: Arc::clone(&quotas),
            table: Arc::clone(&settings.table),
            header_attributes: Arc::clone(&settings.genai.capture.header_attributes),
            guard: guard.clone(),
            cache: cache.clone(),
            own: lasting.own.layers.clone(),
        });
        let kinds = settings.genai.capture.redact.iter().copied();
        let phrases = &settings.security.guard.blocklist;
        let redact = Detectors::new(kinds, phrases).map_err(refused)?;
        let mut authorities = BTreeMap::new();
        for path in settings.providers.iter().filter_map(|provider| provider.ca_file.clone()) {
            let ca = read_authority(&path)?;
            authorities.insert(path, ca);
        }
        let fixed = Fixed::of(&settings);
        let files: Vec<u64> = authorities.values().map(|it: &Authority| it.fingerprint).collect();
        let fingerprint = fingerprint((settings.fingerprint, &fixed, files));
        live.adopt(&settings.table);
        Ok(Self {
            settings,
            stack,
            keys,
            quotas,
            guard,
            cache,
            redact,
            fixed,
            fingerprint,
            authorities,
        })
    }

    /// All models that the configuration names: those that callers may ask for, and those that targets
    /// are asked for.
    pub(crate) fn models(&self) -> impl Iterator<Item = Arc<str>> {
        let table = &self.settings.table;
        let mut names: Vec<_> = table.models().into_iter().map(|listed| listed.id).collect();
        for Row { name, models, plan, .. } in table.rows() {
            names.extend(plan.targets().into_iter().map(|target| Arc::clone(&target.model)));
            if plan.path == RoutingPath::Passthrough {
                names.extend(models.iter().map(|model| format!("{name}::{model}").into()));
            }
        }
        names.into_iter()
    }

    /// The certificate authority in `path`, read when the snapshot was made.
    ///
    /// # Errors
    /// When it was not: a provider made elsewhere.
    pub(crate) fn certificate_authority(&self, path: &Path) -> Result<&Authority> {
        match self.authorities.get(path) {
            Some(authority) => Ok(authority),
            None => Error::e_explain(ErrorType::InternalError, "certificate authority not loaded"),
        }
    }
}

fn read_authority(path: &Path) -> Result<Authority, String> {
    let fail = |what: &dyn std::fmt::Display| format!("ca_file {}: {what}", path.display());
    let pem = std::fs::read(path).map_err(|error| fail(&error))?;
    let mut certificates = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let der = certificate.map_err(|error| fail(&error))?.to_vec();
        let parsed = WrappedX509::try_new(der, |der| {
            X509Certificate::from_der(der).map(|(_, certificate)| certificate)
        });
        certificates.push(parsed.map_err(|error| fail(&error))?);
    }
    if certificates.is_empty() {
        return Err(fail(&"no certificate in it"));
    }
    Ok(Authority { certificates: certificates.into(), fingerprint: fingerprint(&pem) })
}
