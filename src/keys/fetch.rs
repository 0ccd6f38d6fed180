//! Key sets of other issuers: from a file, or over HTTP. Bounded in time and size.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pingora::connectors::http::Connector;
use pingora::http::RequestHeader;
use pingora::protocols::http::client::HttpSession;
use pingora::upstreams::peer::HttpPeer;
use tokio::io::AsyncReadExt;
use tollgate_collector::FetchKeySet;
use tollgate_config::Jwks;
use tollgate_providers::BaseUrl;

/// How long one fetch may take.
const FETCH_MAX: Duration = Duration::from_secs(5);
/// The largest key set, in bytes.
const KEY_SET_BYTES_MAX: usize = 256 * 1024;

/// How this key set is got.
///
/// # Errors
/// The URL is none.
pub(super) fn key_set(jwks: &Jwks) -> Result<FetchKeySet, String> {
    match jwks {
        Jwks::File(path) => {
            let path = path.clone();
            Ok(Arc::new(move || Box::pin(read(path.clone()))))
        }
        Jwks::Url(url) => {
            let url: BaseUrl = url.parse().map_err(|error| format!("jwks_url: {error}"))?;
            let connector = Arc::new(Connector::new(None));
            Ok(Arc::new(move || {
                let (connector, url) = (Arc::clone(&connector), url.clone());
                Box::pin(async move {
                    tokio::time::timeout(FETCH_MAX, fetch(&connector, &url))
                        .await
                        .unwrap_or_else(|_| Err(format!("no answer within {FETCH_MAX:?}")))
                })
            }))
        }
    }
}

async fn read(path: PathBuf) -> Result<Vec<u8>, String> {
    let failed = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
    let file = tokio::fs::File::open(&path).await.map_err(failed)?;
    let mut text = Vec::new();
    let limit = KEY_SET_BYTES_MAX as u64 + 1;
    file.take(limit).read_to_end(&mut text).await.map_err(failed)?;
    bounded(text)
}

async fn fetch(connector: &Connector, url: &BaseUrl) -> Result<Vec<u8>, String> {
    // Pingora's own look-up blocks.
    let mut found = tokio::net::lookup_host((&*url.host, url.port))
        .await
        .map_err(|error| format!("cannot resolve {}: {error}", url.host))?;
    let addr = found.next().ok_or_else(|| format!("{} has no address", url.host))?;
    let peer = HttpPeer::new(addr, url.tls, url.host.to_string());
    let failed = |error: Box<pingora::Error>| error.to_string();
    let (mut session, _) = connector.get_http_session(&peer).await.map_err(failed)?;
    session.write_request_header(Box::new(request(url).map_err(failed)?)).await.map_err(failed)?;
    session.finish_request_body().await.map_err(failed)?;
    session.read_response_header().await.map_err(failed)?;
    let text = answer(&mut session).await;
    // Fetched so seldom that no connection is worth keeping.
    session.shutdown().await;
    text
}

fn request(url: &BaseUrl) -> pingora::Result<RequestHeader> {
    let path = if url.path.is_empty() { "/" } else { &url.path };
    let mut request = RequestHeader::build("GET", path.as_bytes(), None)?;
    let host =
        if url.host.contains(':') { format!("[{}]", url.host) } else { url.host.to_string() };
    request.insert_header("host", format!("{host}:{}", url.port))?;
    request.insert_header("accept", "application/json")?;
    request.insert_header("user-agent", concat!("tollgate/", env!("CARGO_PKG_VERSION")))?;
    Ok(request)
}

async fn answer(session: &mut HttpSession) -> Result<Vec<u8>, String> {
    // A redirect would lead to where the configuration does not say.
    match session.response_header().map(|header| header.status) {
        Some(http::StatusCode::OK) => {}
        Some(status) => return Err(format!("answered {status}")),
        None => return Err("no answer".to_owned()),
    }
    let mut text = Vec::new();
    while let Some(piece) = session.read_response_body().await.map_err(|error| error.to_string())? {
        text.extend_from_slice(&piece);
        if text.len() > KEY_SET_BYTES_MAX {
            break;
        }
    }
    bounded(text)
}

fn bounded(text: Vec<u8>) -> Result<Vec<u8>, String> {
    if text.len() > KEY_SET_BYTES_MAX {
        return Err(format!("larger than {KEY_SET_BYTES_MAX} bytes"));
    }
    Ok(text)
}
