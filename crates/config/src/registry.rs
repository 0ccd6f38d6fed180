//! Which provider serves which model, and with which credential: what validation and compilation
//! must agree on.

use tollgate_providers::{AuthStyle, BaseUrl, Dialect, SecretSource, catalog};

use crate::error::Problem;
use crate::fields::{Entry, Located};
use crate::model::{AuthType, ProviderEntry};
use crate::suggest;

/// The providers of a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Registry<'d> {
    providers: &'d [Entry<ProviderEntry>],
}

/// Where the credential of a managed target comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CredentialSource {
    /// Written in the file: it must be there.
    Explicit(SecretSource),
    /// `<PROVIDER>_API_KEY`: it must be there, unless the provider is local.
    Convention { source: SecretSource, optional: bool },
    /// The provider wants none.
    None,
}

// === impl Registry ===

impl<'d> Registry<'d> {
    /// The providers as written.
    pub(crate) const fn new(providers: &'d [Entry<ProviderEntry>]) -> Self {
        Self { providers }
    }

    /// The provider of this name.
    pub(crate) fn named(&self, name: &str) -> Option<&'d Entry<ProviderEntry>> {
        self.providers.iter().find(|provider| provider.name == name)
    }

    /// The providers that list the model, in file order.
    pub(crate) fn serving(&self, model: &str) -> impl Iterator<Item = &'d Entry<ProviderEntry>> {
        self.providers.iter().filter(move |provider| lists(provider, model))
    }

    /// The names of the providers.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'d str> + Clone {
        self.providers.iter().map(|provider| provider.name.as_str())
    }

    /// All models of all providers.
    pub(crate) fn models(&self) -> impl Iterator<Item = &'d str> + Clone {
        self.providers.iter().flat_map(models_of).map(|model| model.value.as_str())
    }

    /// The provider that a target or variant means: the one it names, else the first in file
    /// order that lists its model.
    pub(crate) fn find(
        &self,
        model: &Located<String>,
        provider: Option<&Located<String>>,
    ) -> Result<&'d Entry<ProviderEntry>, Problem> {
        let Some(wanted) = provider else {
            return self.serving(&model.value).next().ok_or_else(|| self.unlisted(model));
        };
        let Some(found) = self.named(&wanted.value) else {
            let message = format!("no provider is called `{}`", wanted.value);
            let hint = suggest::hint(&wanted.value, self.names());
            return Err(Problem::new(&wanted.place, message).maybe_hint(hint));
        };
        if lists(found, &model.value) {
            return Ok(found);
        }
        let message = format!("provider `{}` does not list `{}`", wanted.value, model.value);
        let known = models_of(found).map(|model| model.value.as_str());
        let hint = suggest::closest(&model.value, known).map_or_else(
            || format!("add it to `providers.{}.models`", wanted.value),
            |closest| format!("did you mean `{closest}`?"),
        );
        Err(Problem::new(&model.place, message).hint(hint))
    }

    /// The problem of a model that nobody lists.
    pub(crate) fn unlisted(&self, model: &Located<String>) -> Problem {
        let message = format!("no provider lists the model `{}`", model.value);
        let hint = suggest::closest(&model.value, self.models()).map_or_else(
            || "add it to the `models` of the provider that serves it".to_owned(),
            |closest| format!("did you mean `{closest}`?"),
        );
        Problem::new(&model.place, message).hint(hint)
    }
}

/// The models that a provider lists, as written.
pub(crate) fn models_of(
    provider: &Entry<ProviderEntry>,
) -> impl Iterator<Item = &Located<String>> + Clone {
    provider.value.models.iter().flat_map(|models| &models.value)
}

/// Where the credential of a managed target at this provider comes from.
pub(crate) fn credential_source(
    own: Option<&Located<SecretSource>>,
    provider: &Entry<ProviderEntry>,
) -> CredentialSource {
    if let Some(explicit) = own.or(provider.value.credential.as_ref()) {
        return CredentialSource::Explicit(explicit.value.clone());
    }
    if provider.value.auth_type.as_ref().is_some_and(|auth| auth.value == AuthType::None) {
        return CredentialSource::None;
    }
    let source = SecretSource::Env(catalog::key_variable(&provider.name));
    let wants_none = catalog::find(&provider.name).is_some_and(|row| row.auth() == AuthStyle::None);
    let optional = wants_none || base_url(provider).is_some_and(|url| is_local(&url.host));
    CredentialSource::Convention { source, optional }
}

/// The base URL as written, else the catalogue's.
pub(crate) fn base_url(provider: &Entry<ProviderEntry>) -> Option<BaseUrl> {
    match &provider.value.base_url {
        Some(written) => written.value.parse().ok(),
        None => catalog::find(&provider.name).and_then(catalog::Row::base_url),
    }
}

/// The dialect as written, else the catalogue's, else chat completions.
pub(crate) fn dialect(provider: &Entry<ProviderEntry>) -> Dialect {
    let known = || catalog::find(&provider.name).map(|row| row.dialect);
    provider.value.dialect.or_else(known).unwrap_or(Dialect::Chat)
}

/// Whether it serves what it is asked for: a known provider whose models nobody listed.
pub(crate) fn is_open(provider: &Entry<ProviderEntry>) -> bool {
    !provider.value.has_models && catalog::find(&provider.name).is_some()
}

fn lists(provider: &Entry<ProviderEntry>, model: &str) -> bool {
    models_of(provider).any(|listed| listed.value == model)
}

/// Whether the host is this machine or a private network: a server there may want no key.
fn is_local(host: &str) -> bool {
    if let Ok(address) = host.parse::<std::net::IpAddr>() {
        return match address {
            std::net::IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
            std::net::IpAddr::V6(v6) => {
                v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local()
            }
        };
    }
    // A name without a dot is a neighbour in the same network, for example a container.
    !host.contains('.')
        || [".localhost", ".local", ".internal"].iter().any(|suffix| host.ends_with(suffix))
}
