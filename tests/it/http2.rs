//! HTTP/2 with prior knowledge or by TLS: what was answered, and when each piece came.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;
use futures_util::stream::{Iter, iter};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::client::Answer;

/// Bytes of one piece of a request's body.
const PIECE_BYTES: usize = 100_000;

type Body = StreamBody<Iter<std::vec::IntoIter<Result<Frame<Bytes>, Infallible>>>>;

/// A connection; it closes when dropped.
pub(crate) struct Connection {
    sender: SendRequest<Body>,
    driver: tokio::task::JoinHandle<hyper::Result<()>>,
}

// === impl Connection ===

impl Connection {
    /// To the gateway's own port, without TLS.
    pub(crate) async fn open(to: SocketAddr) -> Self {
        let stream = tokio::net::TcpStream::connect(to).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self::over(stream).await
    }

    pub(crate) async fn over<T>(stream: T) -> Self
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, driver) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        Self { sender, driver: tokio::spawn(driver) }
    }

    /// Sends a JSON body in pieces and returns once the head of the answer is there.
    pub(crate) async fn send(
        &mut self,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> hyper::Response<Incoming> {
        let headers = [&[("content-type", "application/json")], headers].concat();
        self.request("POST", path, &headers, body).await
    }

    /// The same with another method or another kind of body.
    pub(crate) async fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> hyper::Response<Incoming> {
        let mut request =
            hyper::Request::builder().method(method).uri(format!("http://gateway.test{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let pieces: Vec<_> = body
            .chunks(PIECE_BYTES)
            .map(|piece| Ok(Frame::data(Bytes::copy_from_slice(piece))))
            .collect();
        let request = request.body(StreamBody::new(iter(pieces))).unwrap();
        self.sender.send_request(request).await.unwrap()
    }

    /// Sends a body and reads the whole answer.
    pub(crate) async fn post(
        &mut self,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        read(self.send(path, headers, body).await, usize::MAX).await
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// The answer, or as much as came in `pieces` frames; dropping the rest resets the stream.
pub(crate) async fn read(response: hyper::Response<Incoming>, pieces: usize) -> Answer {
    let (head, mut body) = response.into_parts();
    let headers = head
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    let status = head.status.as_u16();
    let mut answer =
        Answer { status, headers, body: Vec::new(), arrivals: Vec::new(), complete: false };
    while answer.arrivals.len() < pieces {
        match body.frame().await {
            None => {
                answer.complete = true;
                break;
            }
            Some(Err(_reset)) => break,
            Some(Ok(frame)) => {
                answer.body.extend_from_slice(&frame.into_data().unwrap_or_default());
                answer.arrivals.push(Instant::now());
            }
        }
    }
    answer
}
