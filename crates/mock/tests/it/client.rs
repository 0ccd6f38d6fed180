//! A plain TCP client: sends bytes, keeps what comes back with the time of each read.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tollgate_mock::Mock;

/// How long any test waits for anything.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// A response in its raw form.
#[derive(Debug)]
pub(crate) struct Raw {
    pub(crate) head: String,
    /// The HTTP chunks, or the whole body as one.
    pub(crate) chunks: Vec<Vec<u8>>,
    /// Whether the body came to its proper end.
    pub(crate) complete: bool,
    /// Every read and its time.
    pub(crate) reads: Vec<(Instant, usize)>,
    /// Whether the connection was reset rather than closed.
    pub(crate) reset: bool,
}

pub(crate) async fn start() -> Mock {
    Mock::start(([127, 0, 0, 1], 0).into()).await.unwrap()
}

pub(crate) fn post(path: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nhost: mock\r\n{headers}content-length: {length}\r\n\r\n{body}")
        .into_bytes()
}

pub(crate) async fn connect(mock: &Mock) -> TcpStream {
    TcpStream::connect(mock.addr()).await.unwrap()
}

/// Sends `request` with `connection: close` and reads to the end of the connection.
pub(crate) async fn exchange(mock: &Mock, path: &str, headers: &str, body: &str) -> Raw {
    let mut stream = connect(mock).await;
    let headers = format!("connection: close\r\n{headers}");
    stream.write_all(&post(path, &headers, body)).await.unwrap();
    tokio::time::timeout(LIMIT, read_all(&mut stream)).await.unwrap()
}

/// A chat request's answer.
pub(crate) async fn chat(mock: &Mock, body: &str) -> Raw {
    exchange(mock, "/v1/chat/completions", "", body).await
}

async fn read_all(stream: &mut TcpStream) -> Raw {
    let (mut bytes, mut reads, mut reset) = (Vec::new(), Vec::new(), false);
    let mut buffer = vec![0; 65536];
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) => break,
            Ok(count) => {
                reads.push((Instant::now(), count));
                bytes.extend_from_slice(&buffer[..count]);
            }
            Err(error) => {
                reset = error.kind() == std::io::ErrorKind::ConnectionReset;
                break;
            }
        }
    }
    let at = bytes.windows(4).position(|four| four == b"\r\n\r\n").map_or(bytes.len(), |at| at + 4);
    let head = String::from_utf8(bytes[..at].to_vec()).unwrap();
    let (chunks, complete) = if head.contains("transfer-encoding: chunked") {
        read_chunks(&bytes[at..])
    } else {
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let complete = length.is_some_and(|length| length == (bytes.len() - at).to_string());
        (vec![bytes[at..].to_vec()], complete)
    };
    Raw { head, chunks, complete, reads, reset }
}

fn read_chunks(mut rest: &[u8]) -> (Vec<Vec<u8>>, bool) {
    let mut chunks = Vec::new();
    while let Some(at) = rest.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&rest[..at]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        rest = &rest[at + 2..];
        if size == 0 {
            return (chunks, rest == b"\r\n");
        }
        let have = size.min(rest.len());
        chunks.push(rest[..have].to_vec());
        rest = rest.get(size + 2..).unwrap_or_default();
    }
    (chunks, false)
}

// === impl Raw ===

impl Raw {
    pub(crate) fn status(&self) -> u16 {
        self.head.split(' ').nth(1).unwrap_or("0").parse().unwrap()
    }

    pub(crate) fn body(&self) -> Vec<u8> {
        self.chunks.concat()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body()).unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body()).unwrap()
    }

    /// The `data:` of each event that is JSON.
    pub(crate) fn data(&self) -> Vec<serde_json::Value> {
        let text = self.text();
        let lines = text.lines().filter_map(|line| line.strip_prefix("data: "));
        lines.filter_map(|data| serde_json::from_str(data).ok()).collect()
    }
}
