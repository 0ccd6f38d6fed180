//! What a gateway says of itself at its control port.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Who does not answer for so long does not answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// The body of `GET path`, on a connection of its own; none without a 200 in time.
pub(crate) async fn get(addr: SocketAddr, path: &str) -> Option<String> {
    let asking = async {
        let mut stream = TcpStream::connect(addr).await.ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nhost: {addr}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.ok()?;
        Some(String::from_utf8_lossy(&answer).into_owned())
    };
    let answer = tokio::time::timeout(PATIENCE, asking).await.ok()??;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.starts_with("HTTP/1.1 200").then(|| body.to_owned())
}

/// The sum of all series of a counter that have this in their labels.
pub(crate) fn sum(metrics: &str, name: &str, label: &str) -> f64 {
    metrics
        .lines()
        .filter_map(|line| line.strip_prefix(name)?.split_once(' '))
        .filter(|(labels, _)| labels.contains(label))
        .filter_map(|(_, value)| value.trim().parse::<f64>().ok())
        .sum()
}
