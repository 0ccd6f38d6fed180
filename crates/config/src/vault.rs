//! The secrets that the file points to, fetched once.

use std::collections::HashMap;

use tollgate_providers::{Secret, SecretError, SecretSource};

use crate::error::{Place, Problem};
use crate::fields::Located;
use crate::fingerprint::fingerprint;
use crate::model::{Document, TargetEntry, VariantEntry};
use crate::registry::{CredentialSource, Registry, credential_source};

/// Looks up an environment variable.
pub(crate) type Environment<'e> = &'e dyn Fn(&str) -> Option<String>;

/// The secrets that could be fetched.
#[derive(Debug, Default)]
pub(crate) struct Vault {
    secrets: HashMap<SecretSource, Secret>,
}

/// Something that is sent with a credential of the gateway's.
struct Managed<'d> {
    place: &'d Place,
    model: &'d Located<String>,
    provider: Option<&'d Located<String>>,
    own: Option<&'d Located<SecretSource>>,
}

// === impl Vault ===

impl Vault {
    /// Fetches every secret that the document needs, and reports each that is not there.
    pub(crate) fn fill(
        document: &Document,
        environment: Environment<'_>,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let mut vault = Self::default();
        let mut explicit = |source: &SecretSource, place: &Place| {
            if let Err(error) = vault.fetch(source, environment) {
                problems.push(Problem::new(place, error.to_string()).hint(remedy(source)));
            }
        };
        let providers = document.providers.iter().filter_map(|it| it.value.credential.as_ref());
        let targets = document.targets.iter().filter_map(|it| it.value.credential.as_ref());
        let headers = document.exporters().flat_map(|otlp| &otlp.headers).map(|it| &it.value);
        let webhooks = document.security.webhooks.iter().flat_map(|it| &it.value.headers);
        let headers = headers.chain(webhooks.map(|it| &it.value));
        let stores = [
            document.store.password.as_ref(),
            document.redis.as_ref().and_then(|redis| redis.password.as_ref()),
        ];
        let passwords = stores.into_iter().flatten();
        for secret in providers.chain(targets).chain(headers).chain(passwords) {
            explicit(&secret.value, &secret.place);
        }
        vault.fill_by_convention(document, environment, problems);
        vault
    }

    /// The secret, if it could be fetched.
    pub(crate) fn get(&self, source: &SecretSource) -> Option<Secret> {
        self.secrets.get(source).cloned()
    }

    /// Of every secret in it, in no order.
    pub(crate) fn fingerprint(&self) -> u64 {
        let each =
            self.secrets.iter().map(|(source, secret)| fingerprint((source, secret.expose())));
        each.fold(0, |all, one| all ^ one)
    }

    /// The managed targets whose provider names no credential.
    fn fill_by_convention(
        &mut self,
        document: &Document,
        environment: Environment<'_>,
        problems: &mut Vec<Problem>,
    ) {
        let registry = Registry::new(&document.providers);
        for Managed { place, model, provider, own } in managed(document) {
            let Ok(provider) = registry.find(model, provider) else { continue };
            let CredentialSource::Convention { source, optional } =
                credential_source(own, provider)
            else {
                continue;
            };
            if self.fetch(&source, environment).is_err() && !optional {
                let message = format!("no credential for provider `{}`", provider.name);
                let hint = format!(
                    "{}, or write `credential: env::NAME` under `providers.{}`",
                    remedy(&source),
                    provider.name
                );
                problems.push(Problem::new(place, message).hint(hint));
            }
        }
    }

    fn fetch(
        &mut self,
        source: &SecretSource,
        environment: Environment<'_>,
    ) -> Result<(), SecretError> {
        if self.secrets.contains_key(source) {
            return Ok(());
        }
        let secret = match source {
            SecretSource::Env(name) => environment(name)
                .filter(|value| !value.trim().is_empty())
                .map(|value| Secret::new(value.trim()))
                .ok_or_else(|| SecretError::Unset(name.clone()))?,
            SecretSource::File(_) => source.resolve()?,
        };
        self.secrets.insert(source.clone(), secret);
        Ok(())
    }
}

/// Everything that uses the gateway's credentials.
fn managed(document: &Document) -> Vec<Managed<'_>> {
    let targets = document.targets.iter().filter_map(|target| {
        let TargetEntry { model, provider, credential, .. } = &target.value;
        let (model, provider) = (model.as_ref()?, provider.as_ref());
        Some(Managed { place: &target.place, model, provider, own: credential.as_ref() })
    });
    let models = document.functions.iter().flat_map(|function| {
        let models = function.value.models.iter().flat_map(|models| &models.value);
        models.map(|model| Managed { place: &model.place, model, provider: None, own: None })
    });
    let variants = document.functions.iter().flat_map(|function| {
        function.value.variants.iter().filter_map(|variant| {
            let VariantEntry { model, provider, .. } = &variant.value;
            let (model, provider) = (model.as_ref()?, provider.as_ref());
            Some(Managed { place: &variant.place, model, provider, own: None })
        })
    });
    targets.chain(models).chain(variants).collect()
}

fn remedy(source: &SecretSource) -> String {
    match source {
        SecretSource::Env(name) => format!("set {name} before starting"),
        SecretSource::File(_) => "put the secret into the file, alone".to_owned(),
    }
}
