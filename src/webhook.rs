//! Guardrail webhooks over HTTP: one POST for each question, on connections that are kept.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderName, StatusCode, header};
use pingora::connectors::http::Connector;
use pingora::http::RequestHeader;
use pingora::protocols::http::client::HttpSession;
use pingora::upstreams::peer::HttpPeer;
use serde_json::json;
use tollgate_config::WebhookSettings;
use tollgate_filters::guard::{Ask, NoAnswer, Opinion, Question, Webhook};
use tollgate_providers::{BaseUrl, Secret};

use crate::proxy::Resolver;

/// The longest answer, in bytes.
const ANSWER_BYTES_MAX: usize = 16 * 1024;
/// How long an idle connection is kept.
const IDLE_MAX: Duration = Duration::from_secs(30);

/// The way to one webhook.
struct Http {
    url: BaseUrl,
    headers: Vec<(HeaderName, Secret)>,
    timeout: Duration,
    connector: Connector,
    resolver: Resolver,
}

/// A webhook as the guardrails ask it.
#[derive(Clone)]
struct Asker(Arc<Http>);

/// The webhooks of a configuration, connected to nothing yet.
pub(crate) fn webhooks(settings: &[WebhookSettings]) -> Vec<Webhook> {
    let webhook = |it: &WebhookSettings| Webhook {
        name: Arc::clone(&it.name),
        only_flags: it.only_flags,
        fails_open: it.fails_open,
        ask: Arc::new(Asker(Arc::new(Http {
            url: it.url.clone(),
            headers: it.headers.clone(),
            timeout: it.timeout,
            connector: Connector::new(None),
            resolver: Resolver::default(),
        }))),
    };
    settings.iter().map(webhook).collect()
}

// === impl Asker ===

impl Ask for Asker {
    fn ask(&self, question: Question) -> BoxFuture<'static, Result<Opinion, NoAnswer>> {
        let http = Arc::clone(&self.0);
        Box::pin(async move {
            let answer = http.exchange(body(&question));
            let answer = tokio::time::timeout(http.timeout, answer).await;
            Opinion::read(&answer.map_err(|_| NoAnswer::Timeout)??)
        })
    }
}

impl fmt::Debug for Asker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asker").field("host", &self.0.url.host).finish_non_exhaustive()
    }
}

// === impl Http ===

impl Http {
    async fn exchange(&self, body: Bytes) -> Result<Vec<u8>, NoAnswer> {
        let address = self.resolver.resolve(&self.url.host, self.url.port).await;
        let address = address.map_err(|_| NoAnswer::Unreachable)?;
        let peer = HttpPeer::new(address, self.url.tls, self.url.host.to_string());
        loop {
            let session = self.connector.get_http_session(&peer).await;
            let (mut session, reused) = session.map_err(|_| NoAnswer::Unreachable)?;
            match self.send(&mut session, body.clone()).await {
                Ok(answer) => {
                    self.connector.release_http_session(session, &peer, Some(IDLE_MAX)).await;
                    return answer;
                }
                // One that was kept may have been closed meanwhile; a new one was not.
                Err(_) if reused => {}
                Err(_) => return Err(NoAnswer::Unreachable),
            }
        }
    }

    async fn send(
        &self,
        session: &mut HttpSession,
        body: Bytes,
    ) -> pingora::Result<Result<Vec<u8>, NoAnswer>> {
        session.write_request_header(Box::new(self.head(body.len())?)).await?;
        session.write_request_body(body, true).await?;
        session.finish_request_body().await?;
        session.read_response_header().await?;
        let status = session.response_header().map(|head| head.status);
        let mut answer = Vec::new();
        while let Some(piece) = session.read_response_body().await? {
            answer.extend_from_slice(&piece);
            if answer.len() > ANSWER_BYTES_MAX {
                session.shutdown().await;
                return Ok(Err(NoAnswer::Malformed));
            }
        }
        Ok(if status == Some(StatusCode::OK) { Ok(answer) } else { Err(NoAnswer::Status) })
    }

    fn head(&self, body_bytes: usize) -> pingora::Result<RequestHeader> {
        let path = if self.url.path.is_empty() { "/" } else { &self.url.path };
        let mut head = RequestHeader::build("POST", path.as_bytes(), Some(8))?;
        let host = &self.url.host;
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_string() };
        head.insert_header(header::HOST, format!("{host}:{}", self.url.port))?;
        head.insert_header(header::CONTENT_TYPE, "application/json")?;
        head.insert_header(header::CONTENT_LENGTH, body_bytes)?;
        head.insert_header(header::USER_AGENT, concat!("tollgate/", env!("CARGO_PKG_VERSION")))?;
        for (name, secret) in &self.headers {
            head.insert_header(name, secret.expose())?;
        }
        Ok(head)
    }
}

fn body(question: &Question) -> Bytes {
    json!({
        "direction": question.direction.name(),
        "text": question.text,
        "truncated": question.truncated,
        "model": &*question.model,
        "request_id": question.request_id,
        "project": question.project,
    })
    .to_string()
    .into()
}
