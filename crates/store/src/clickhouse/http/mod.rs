//! Statements to ClickHouse over its HTTP interface, on connections that are kept.
//!
//! hyper and our own few requests instead of the `clickhouse` crate: an insert that is sent again
//! has to be the same bytes under the same deduplication token, errors have to keep their code, and
//! everything needed is in the binary already.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Uri};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::{ClientConfig, RootCertStore, crypto};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::{ClickHouseSettings, failure};
use crate::StoreError;

/// How long a connection may take.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// How long an idle connection is kept: less than the 3 s after which older servers close theirs.
const IDLE_MAX: Duration = Duration::from_secs(2);
/// The largest answer, in bytes.
const ANSWER_BYTES_MAX: usize = 256 * 1024 * 1024;
/// How much longer than the server we wait: its own limit has the better message.
const ANSWER_SLACK: Duration = Duration::from_secs(5);

/// The way to one server.
pub(super) struct Http {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    /// Without user, password and query.
    url: String,
    /// User and password; marked as secret.
    headers: HeaderMap,
    timeout: Duration,
    answer_bytes_max: usize,
}

/// A statement with its settings.
pub(super) struct Statement<'a> {
    /// The text.
    pub(super) sql: &'a str,
    /// Settings of this statement only.
    pub(super) settings: Vec<(&'a str, String)>,
    /// What is inserted.
    pub(super) data: Option<Bytes>,
    /// How long the server may take; otherwise the store's own limit holds.
    pub(super) time_max: Option<Duration>,
}

// === impl Http ===

impl Http {
    /// Reads certificates; connects to nothing yet.
    pub(super) fn new(settings: &ClickHouseSettings) -> Result<Self, StoreError> {
        let bad = |reason: String| StoreError::Schema { reason };
        let url = plain_url(&settings.url).map_err(bad)?;
        let mut headers = HeaderMap::new();
        let password = settings.password.as_ref().map_or("", |password| password.expose());
        for (name, value) in
            [("x-clickhouse-user", settings.user.as_str()), ("x-clickhouse-key", password)]
        {
            let mut value = HeaderValue::from_bytes(value.as_bytes())
                .map_err(|_| bad(format!("the value for `{name}` cannot be a header's")))?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        let connector = connector(&url, settings.ca_file.as_deref()).map_err(bad)?;
        let mut builder = Client::builder(TokioExecutor::new());
        builder.pool_idle_timeout(IDLE_MAX);
        Ok(Self {
            client: builder.build(connector),
            url,
            headers,
            timeout: settings.timeout,
            answer_bytes_max: ANSWER_BYTES_MAX,
        })
    }

    /// Where it is, without anything secret.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Runs a statement and returns the answer's body.
    pub(super) async fn run(&self, statement: Statement<'_>) -> Result<Bytes, StoreError> {
        let timeout = statement.time_max.map_or(self.timeout, |max| max + ANSWER_SLACK);
        let answer = self.send(statement);
        tokio::time::timeout(timeout, answer).await.unwrap_or_else(|_| {
            Err(self.unreachable(format!("no answer within {} ms", timeout.as_millis())))
        })
    }

    async fn send(&self, statement: Statement<'_>) -> Result<Bytes, StoreError> {
        // The answer begins when the statement has ended, so that its status is the outcome.
        let mut query = String::from("?wait_end_of_query=1");
        for (name, value) in &statement.settings {
            query.push_str(&format!("&{name}={}", percent_encoded(value)));
        }
        let body = match statement.data {
            Some(data) => {
                query.push_str(&format!("&query={}", percent_encoded(statement.sql)));
                data
            }
            None => Bytes::copy_from_slice(statement.sql.as_bytes()),
        };
        let url = format!("{}{query}", self.url);
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = url.parse().map_err(|error: http::uri::InvalidUri| {
            StoreError::Schema { reason: format!("the statement makes no URL: {error}") }
        })?;
        request.headers_mut().clone_from(&self.headers);
        let answer =
            self.client.request(request).await.map_err(|error| self.unreachable(chain(&error)))?;
        let (head, body) = answer.into_parts();
        let body = match Limited::new(body, self.answer_bytes_max).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => {
                return Err(StoreError::TooLarge { bytes_max: self.answer_bytes_max });
            }
            Err(error) => return Err(self.unreachable(chain(&*error))),
        };
        let code = head.headers.get("x-clickhouse-exception-code");
        let code = code.and_then(|code| code.to_str().ok()?.parse().ok());
        if head.status.is_success() && code.is_none() {
            Ok(body)
        } else {
            Err(failure::refused(head.status, code, &body))
        }
    }

    fn unreachable(&self, reason: String) -> StoreError {
        StoreError::Unreachable { url: self.url.clone(), reason }
    }
}

/// An error with its causes: the outermost alone says little.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

/// `http://host:port/path/`, or what is wrong with `url`. Never shows a password in it.
fn plain_url(url: &str) -> Result<String, String> {
    let parsed: Uri = url.parse().map_err(|_| "the store's url is not a URL".to_owned())?;
    let (Some(scheme @ ("http" | "https")), Some(authority)) =
        (parsed.scheme_str(), parsed.authority())
    else {
        return Err("the store's url is neither http:// nor https://".to_owned());
    };
    if authority.as_str().contains('@') || parsed.query().is_some() {
        return Err(
            "the store's url has a user or settings in it: name `user` and `password` beside it"
                .to_owned(),
        );
    }
    let path = parsed.path().trim_end_matches('/');
    Ok(format!("{scheme}://{authority}{path}/"))
}

/// Everything but letters and digits as `%XX`.
fn percent_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 2);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Trusts the given authorities only, or the system's where there are none.
fn connector(url: &str, ca_file: Option<&Path>) -> Result<HttpsConnector<HttpConnector>, String> {
    let mut roots = RootCertStore::empty();
    if url.starts_with("https://") {
        let trusted = match ca_file {
            Some(file) => certificates(file)?,
            None => rustls_native_certs::load_native_certs()
                .map_err(|error| format!("cannot read the system's authorities: {error}"))?,
        };
        roots.add_parsable_certificates(trusted);
    }
    let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_nodelay(true);
    http.set_connect_timeout(Some(CONNECT_MAX));
    let builder = HttpsConnectorBuilder::new().with_tls_config(config).https_or_http();
    Ok(builder.enable_http1().wrap_connector(http))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let unreadable = |error| format!("cannot read {}: {error}", file.display());
    let chain: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(file).map_err(unreadable)?.collect();
    let chain = chain.map_err(unreadable)?;
    if chain.is_empty() {
        return Err(format!("no certificate in {}", file.display()));
    }
    Ok(chain)
}

#[cfg(test)]
mod tests;
