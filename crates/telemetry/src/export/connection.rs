//! One OTLP message to one backend, over gRPC or HTTP, and what became of it.
//!
//! Our own, and not `opentelemetry-otlp`: that reads `OTEL_*` by itself into every exporter there is,
//! and tells neither why a batch was refused nor how much of it.

use std::io::Write;
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Request, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use prost::Message;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tonic::codec::CompressionEncoding;
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, Endpoint};
use tonic_prost::ProstCodec;

use super::{ExportError, OtlpConnection, OtlpProtocol, connector, refusal};

/// How exporters introduce themselves.
const USER_AGENT: &str = concat!("tollgate/", env!("CARGO_PKG_VERSION"));
/// The largest answer that is read, in bytes; larger ones are taken for empty.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;
const PROTOBUF: HeaderValue = HeaderValue::from_static("application/x-protobuf");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const GZIP: HeaderValue = HeaderValue::from_static("gzip");

/// A message of an OTLP service, in either encoding.
pub(super) trait Wire: Message + Serialize + 'static {}

/// An answer of an OTLP service, in either encoding.
pub(super) trait Answer: Message + DeserializeOwned + Default + 'static {}

/// The way to one service of a backend. Cheap to clone.
#[derive(Clone)]
pub(super) struct Connection {
    transport: Transport,
    /// Marked as secret, every one.
    headers: HeaderMap,
    gzip: bool,
    timeout: Duration,
}

#[derive(Clone)]
enum Transport {
    Grpc(Channel),
    Http(Box<Poster>),
}

/// What it takes to post.
#[derive(Clone)]
struct Poster {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    url: Uri,
    json: bool,
}

impl<M: Message + Serialize + 'static> Wire for M {}

impl<M: Message + DeserializeOwned + Default + 'static> Answer for M {}

// === impl Connection ===

impl Connection {
    /// Needs a tokio runtime. Reads certificates, but connects only when there is something to send.
    pub(super) fn new(settings: &OtlpConnection) -> Result<Self, ExportError> {
        let refused = |message: String| ExportError::Refused { message };
        let mut headers = HeaderMap::new();
        for (name, secret) in &settings.headers {
            let mut value = HeaderValue::from_str(secret.expose())
                .map_err(|_| refused(format!("the value of `{name}` cannot be a header's")))?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        let connector = connector::new(settings).map_err(refused)?;
        let url: Uri = settings
            .endpoint
            .parse()
            .map_err(|_| refused(format!("not a URL: {}", settings.endpoint)))?;
        let transport = match settings.protocol {
            OtlpProtocol::Grpc => {
                let endpoint = Endpoint::from(url)
                    .connect_timeout(settings.timeout)
                    .user_agent(USER_AGENT)
                    .map_err(|error| refused(error.to_string()))?;
                Transport::Grpc(endpoint.connect_with_connector_lazy(connector))
            }
            OtlpProtocol::Http | OtlpProtocol::HttpJson => Transport::Http(Box::new(Poster {
                client: Client::builder(TokioExecutor::new()).build(connector),
                url,
                json: settings.protocol == OtlpProtocol::HttpJson,
            })),
        };
        Ok(Self { transport, headers, gzip: settings.gzip, timeout: settings.timeout })
    }

    /// Sends `message`; over gRPC to the method at `path`.
    pub(super) async fn send<A: Answer>(
        &self,
        path: &'static str,
        message: impl Wire,
    ) -> Result<A, ExportError> {
        let sent = async {
            match &self.transport {
                Transport::Grpc(channel) => self.call(channel.clone(), path, message).await,
                Transport::Http(poster) => self.post(poster, &message).await,
            }
        };
        tokio::time::timeout(self.timeout, sent).await.unwrap_or_else(|_| {
            Err(unavailable(format!("no answer within {} ms", self.timeout.as_millis())))
        })
    }

    async fn call<A: Answer>(
        &self,
        channel: Channel,
        path: &'static str,
        message: impl Wire,
    ) -> Result<A, ExportError> {
        let mut client =
            tonic::client::Grpc::new(channel).max_decoding_message_size(ANSWER_BYTES_MAX);
        if self.gzip {
            client = client.send_compressed(CompressionEncoding::Gzip);
        }
        client.ready().await.map_err(|error| unavailable(with_causes(&error)))?;
        let metadata = MetadataMap::from_headers(self.headers.clone());
        let request = tonic::Request::from_parts(metadata, http::Extensions::default(), message);
        let answer = client.unary(request, PathAndQuery::from_static(path), ProstCodec::default());
        match answer.await {
            Ok(answer) => Ok(answer.into_inner()),
            Err(status) => Err(refusal::of_status(&status)),
        }
    }

    async fn post<A: Answer>(
        &self,
        Poster { client, url, json }: &Poster,
        message: &impl Wire,
    ) -> Result<A, ExportError> {
        let json = *json;
        let refused = |message: String| ExportError::Refused { message };
        let body = if json {
            serde_json::to_vec(message).map_err(|error| refused(error.to_string()))?
        } else {
            message.encode_to_vec()
        };
        let body = if self.gzip {
            zipped(&body).map_err(|error| refused(error.to_string()))?
        } else {
            body
        };
        let mut request = Request::post(url.clone())
            .body(Full::from(body))
            .map_err(|error| refused(error.to_string()))?;
        let headers = request.headers_mut();
        headers.extend(self.headers.clone());
        headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        headers.insert(header::CONTENT_TYPE, if json { JSON } else { PROTOBUF });
        if self.gzip {
            headers.insert(header::CONTENT_ENCODING, GZIP);
        }
        let answer =
            client.request(request).await.map_err(|error| unavailable(with_causes(&error)))?;
        let (head, body) = answer.into_parts();
        // What the status says holds, whatever becomes of the body.
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
        let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        if !head.status.is_success() {
            return Err(refusal::of_answer(head.status, &head.headers, &body));
        }
        let answer = if json { serde_json::from_slice(&body).ok() } else { A::decode(body).ok() };
        Ok(answer.unwrap_or_default())
    }
}

fn unavailable(message: String) -> ExportError {
    ExportError::Unavailable { message, after: None }
}

fn zipped(body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body)?;
    encoder.finish()
}

/// The outermost message alone says no more than "client error".
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
