//! Nobody waits for an acknowledgement: TCP_NODELAY is on wherever the gateway writes. Where it is
//! not, the end of what was written in two pieces comes 40 ms late (Nagle's algorithm on one side,
//! delayed acknowledgements on the other), once a connection has been used a few times.

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};
use tollgate_mock::{Mock, Scenario};

use crate::harness::World;
use crate::tls::{Authority, authority, mock_behind_tls};

/// Between writing and arrival, of half of the requests; a stall takes 40 ms.
const LATE_MAX: Duration = Duration::from_millis(20);
/// Requests on one connection, one after the other.
const REQUESTS: usize = 9;
/// A stall is there in every round, a busy machine is not.
const ROUNDS: usize = 20;
/// Between two events that come singly: less than an acknowledgement may wait.
const GAP_MS: u64 = 15;

/// A caller's connection.
enum Sender {
    One(http1::SendRequest<Full<Bytes>>),
    Two(http2::SendRequest<Full<Bytes>>),
}

/// How a caller speaks to the gateway.
#[derive(Clone, Copy, Debug)]
struct Speech {
    h2: bool,
    tls: bool,
}

/// What is answered.
#[derive(Clone, Copy, Debug)]
enum Shape {
    Singly,
    Burst,
    Json,
}

/// One exchange, as the caller saw it.
struct Seen {
    asked: Instant,
    first: Instant,
    end: Instant,
}

const SPEECHES: [Speech; 4] = [
    Speech { h2: false, tls: false },
    Speech { h2: false, tls: true },
    Speech { h2: true, tls: false },
    Speech { h2: true, tls: true },
];

// === impl Sender ===

impl Sender {
    async fn over<T>(stream: T, h2: bool) -> Self
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let io = TokioIo::new(stream);
        if h2 {
            let (sender, driver) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
            tokio::spawn(driver);
            return Self::Two(sender);
        }
        let (sender, driver) = http1::handshake(io).await.unwrap();
        tokio::spawn(driver);
        Self::One(sender)
    }

    async fn connect(to: std::net::SocketAddr, speech: Speech, authority: &Authority) -> Self {
        let stream = tokio::net::TcpStream::connect(to).await.unwrap();
        stream.set_nodelay(true).unwrap();
        if !speech.tls {
            return Self::over(stream, speech.h2).await;
        }
        let mut roots = RootCertStore::empty();
        roots.add(authority.ca.clone()).unwrap();
        let provider = Arc::new(crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![if speech.h2 { b"h2".to_vec() } else { b"http/1.1".to_vec() }];
        let name = ServerName::try_from("localhost").unwrap();
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
        Self::over(stream, speech.h2).await
    }

    async fn ask(&mut self, model: &str, stream: bool) -> Seen {
        let body = format!(r#"{{"model":"{model}","stream":{stream},"messages":[]}}"#);
        let request = hyper::Request::post("http://localhost/v1/chat/completions")
            .header("host", "localhost")
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body)))
            .unwrap();
        let asked = Instant::now();
        let answer = match self {
            Self::One(sender) => {
                sender.ready().await.unwrap();
                sender.send_request(request).await.unwrap()
            }
            Self::Two(sender) => {
                sender.ready().await.unwrap();
                sender.send_request(request).await.unwrap()
            }
        };
        assert_eq!(answer.status(), 200);
        let mut body = answer.into_body();
        let mut first = None;
        while let Some(frame) = body.frame().await {
            frame.unwrap();
            first.get_or_insert_with(Instant::now);
        }
        Seen { asked, first: first.expect("a body"), end: Instant::now() }
    }
}

// === impl Shape ===

impl Shape {
    fn scenario(self) -> Scenario {
        match self {
            Self::Singly => Scenario::load(4, 240, GAP_MS),
            Self::Burst => Scenario::load(50, 240, 0),
            Self::Json => Scenario::default(),
        }
    }

    /// How late the first event and the end came.
    fn late(self, seen: &Seen, mock: &Mock) -> [Duration; 2] {
        let first = seen.first.duration_since(seen.asked);
        let end = match self {
            Self::Singly => {
                let log = mock.log();
                let (written, _) = *log.last().unwrap().response.sent.last().unwrap();
                seen.end.duration_since(written)
            }
            Self::Burst | Self::Json => seen.end.duration_since(seen.asked),
        };
        [first, end]
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// The medians of one connection's requests: until the first event, and of the end.
async fn round(sender: &mut Sender, mock: &Mock, model: &str, shape: Shape) -> [Duration; 2] {
    let (mut first, mut end) = (Vec::new(), Vec::new());
    for _ in 0..REQUESTS {
        mock.push("/v1/chat/completions", shape.scenario());
        let seen = sender.ask(model, !matches!(shape, Shape::Json)).await;
        let [late_first, late_end] = shape.late(&seen, mock);
        first.push(late_first);
        end.push(late_end);
        mock.clear_log();
    }
    [median(first), median(end)]
}

/// Fails where first events or ends are late in every round.
async fn assert_prompt(gateway: &World, origin: &World, speech: Speech, authority: &Authority) {
    let straight = Speech { h2: false, tls: false };
    let mut control = Sender::connect(origin.mock.addr(), straight, authority).await;
    for (model, upstream) in [("plain", "h1"), ("one", "h1 over TLS"), ("two", "h2 over TLS")] {
        let mut sender = Sender::connect(gateway.gateway, speech, authority).await;
        for shape in [Shape::Json, Shape::Burst, Shape::Singly] {
            let mut best = [Duration::MAX; 2];
            for _ in 0..ROUNDS {
                let mut late = round(&mut sender, &origin.mock, model, shape).await;
                if late.iter().any(|late| *late >= LATE_MAX) {
                    // A busy machine is late without a gateway, too, of whose hops there are a few.
                    let usual = round(&mut control, &origin.mock, model, shape).await;
                    late = [0, 1].map(|at| late[at].saturating_sub(3 * usual[at]));
                }
                best = [best[0].min(late[0]), best[1].min(late[1])];
                if best.iter().all(|late| *late < LATE_MAX) {
                    break;
                }
            }
            let [first, end] = best;
            let case = format!("{shape:?} from {upstream} to {speech:?}");
            assert!(first < LATE_MAX, "{case}: the first event came after {first:?}");
            assert!(end < LATE_MAX, "{case}: the end came after {end:?}");
        }
    }
}

#[test]
fn neither_the_first_event_nor_the_last_waits_for_an_acknowledgement() {
    let origin = World::usual();
    let folder = TempDir::new().unwrap();
    let upstream = authority();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, &upstream.ca_pem).unwrap();
    let one = mock_behind_tls(&origin, &upstream, &[b"http/1.1"]);
    let two = mock_behind_tls(&origin, &upstream, &[b"h2"]);
    let (plain, ca) = (origin.mock.url("/v1"), ca.display());
    let providers = format!(
        "providers:\n  a: {{ base_url: \"{plain}\", models: [plain], auth_type: none }}\n  \
         b: {{ base_url: \"https://localhost:{one}/v1\", models: [one], auth_type: none, ca_file: \"{ca}\" }}\n  \
         c: {{ base_url: \"https://localhost:{two}/v1\", models: [two], auth_type: none, ca_file: \"{ca}\" }}\n"
    );
    let own = authority();
    let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&cert, &own.cert_pem).unwrap();
    std::fs::write(&key, &own.key_pem).unwrap();
    let tls = format!("cert_file: \"{}\", key_file: \"{}\"", cert.display(), key.display());
    let open = World::new(&providers);
    let closed = World::new(&format!(
        "{providers}server: {{ port: {{gateway}}, work_stealing: true, tls: {{ {tls} }} }}\n"
    ));
    for speech in SPEECHES {
        let gateway = if speech.tls { &closed } else { &open };
        origin.block_on(assert_prompt(gateway, &origin, speech, &own));
    }
}

/// A server that writes an answer in three pieces and lets the system put them off.
fn reluctant() -> std::net::SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = stream.read(&mut buffer) {
            request.extend_from_slice(&buffer[..read]);
            if !request.ends_with(b"[]}") {
                continue;
            }
            request.clear();
            for piece in ["HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n", "a", "b"] {
                stream.write_all(piece.as_bytes()).unwrap();
            }
        }
    });
    address
}

#[test]
fn a_server_that_waits_for_acknowledgements_would_be_noticed() {
    let world = World::usual();
    let late = world.block_on(async {
        let speech = Speech { h2: false, tls: false };
        let mut sender = Sender::connect(reluctant(), speech, &authority()).await;
        let mut times = Vec::new();
        for _ in 0..REQUESTS {
            let seen = sender.ask("any", false).await;
            times.push(seen.end.duration_since(seen.asked));
        }
        median(times)
    });
    assert!(late > LATE_MAX, "or the other test proves nothing: {late:?}");
}
