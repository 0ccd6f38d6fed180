//! Clients that hand spans over to the collector and remember what they were told: what was
//! acknowledged has to be in ClickHouse, once, with its tenant and its attributes.

pub(crate) mod signals;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::clickhouse::shim::Shim;
use crate::harness::PATIENCE;

pub(crate) const CLIENTS: u64 = 3;
const SPANS_OF_EXPORT: u64 = 20;

/// What the clients were told, by trace.
#[derive(Default)]
pub(crate) struct Told {
    spans: Mutex<BTreeMap<String, Expected>>,
    /// Exports that were refused with 503: try again later.
    pub(crate) refused: AtomicU64,
    /// Other answers, none of which should be.
    other: Mutex<Vec<String>>,
    /// How long each acknowledgement took.
    pub(crate) took: Mutex<Vec<Duration>>,
}

#[derive(Clone)]
struct Expected {
    span_id: String,
    project: String,
}

/// Running clients.
pub(crate) struct Clients {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Clients {
    /// Starts clients of the collector's HTTP port, each with a pause after each export.
    pub(crate) fn start(port: u16, seed: u64, pause: Duration, told: &Arc<Told>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let threads = (0..CLIENTS)
            .map(|client| {
                let (stop, told) = (Arc::clone(&stop), Arc::clone(told));
                std::thread::spawn(move || {
                    run(port, seed * CLIENTS + client, pause, &stop, &told);
                })
            })
            .collect();
        Self { stop, threads }
    }

    /// Ends them, once each has its last answer.
    pub(crate) fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
}

impl Told {
    pub(crate) fn len(&self) -> usize {
        self.spans.lock().unwrap().len()
    }

    /// Compares with what is in the table, row by row. How many spans were acknowledged.
    pub(crate) fn judge(&self, shim: &Shim, about: &str) -> usize {
        assert!(self.other.lock().unwrap().is_empty(), "{about}: {:?}", self.other);
        let told = self.spans.lock().unwrap();
        let text = shim.sql(
            "SELECT TraceId, SpanId, ResourceAttributes['project.id'], SpanAttributes['words'] \
             FROM otel.otel_traces WHERE ServiceName = 'acknowledged' FORMAT TabSeparatedRaw",
        );
        let mut found: BTreeMap<&str, u64> = BTreeMap::new();
        for line in text.lines() {
            let [trace, span, project, said] = line.split('\t').collect::<Vec<_>>()[..] else {
                panic!("{about}: {line:?}");
            };
            *found.entry(trace).or_default() += 1;
            // What was on its way when the process was killed may be there.
            let Some(expected) = told.get(trace) else { continue };
            assert_eq!((span, project), (&*expected.span_id, &*expected.project), "{about}");
            assert_eq!(said, words(trace), "{about}");
        }
        let twice: Vec<_> = found.iter().filter(|(_, times)| **times > 1).collect();
        assert!(twice.is_empty(), "{about}: {} spans are there twice: {twice:?}", twice.len());
        let lost: Vec<_> =
            told.keys().filter(|trace| !found.contains_key(trace.as_str())).collect();
        assert!(lost.is_empty(), "{about}: of {} spans {} are lost", told.len(), lost.len());
        told.len()
    }
}

/// The words of one span, from which its whole content follows.
pub(crate) fn words(trace_id: &str) -> String {
    format!("\"{trace_id}\" and its words: gätewäy {}", &trace_id[20..])
}

/// Hands spans over until told to stop, or until nobody answers any more.
fn run(port: u16, seed: u64, pause: Duration, stop: &AtomicBool, told: &Told) {
    let mut random = fastrand::Rng::with_seed(seed);
    let project = format!("project-{}", seed % 3);
    let Ok(connection) = TcpStream::connect(("127.0.0.1", port)) else { return };
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut connection = BufReader::new(connection);
    while !stop.load(Ordering::Relaxed) {
        let spans: Vec<_> = (0..1 + random.u64(..SPANS_OF_EXPORT))
            .map(|_| (format!("{:032x}", random.u128(1..)), format!("{:016x}", random.u64(1..))))
            .collect();
        let began = Instant::now();
        let Some((status, body)) = hand_over(&mut connection, &export(&spans, &project)) else {
            return;
        };
        match status.as_str() {
            "200" if !body.contains("rejectedSpans") => {
                told.took.lock().unwrap().push(began.elapsed());
                let spans = spans.into_iter().map(|(trace, span_id)| {
                    (trace, Expected { span_id, project: project.clone() })
                });
                told.spans.lock().unwrap().extend(spans);
            }
            "503" => {
                told.refused.fetch_add(1, Ordering::Relaxed);
            }
            _ => told.other.lock().unwrap().push(format!("{status} {body}")),
        }
        std::thread::sleep(pause);
    }
}

pub(crate) fn export(spans: &[(String, String)], project: &str) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let start_ns = now.as_nanos();
    let spans: Vec<_> = spans
        .iter()
        .map(|(trace_id, span_id)| {
            serde_json::json!({
                "traceId": trace_id, "spanId": span_id, "name": "work", "kind": 3,
                "startTimeUnixNano": start_ns.to_string(),
                "endTimeUnixNano": (start_ns + 5).to_string(),
                "attributes": [
                    {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
                    {"key": "words", "value": {"stringValue": words(trace_id)}},
                ],
            })
        })
        .collect();
    serde_json::json!({"resourceSpans": [{
        "resource": {"attributes": [
            {"key": "service.name", "value": {"stringValue": "acknowledged"}},
            {"key": "project.id", "value": {"stringValue": project}},
        ]},
        "scopeSpans": [{"spans": spans}],
    }]})
    .to_string()
}

/// Status and body of the answer to spans; `None` once the connection is gone.
pub(crate) fn hand_over(
    connection: &mut BufReader<TcpStream>,
    body: &str,
) -> Option<(String, String)> {
    hand_over_to(connection, "/v1/traces", body)
}

/// The same for what is sent to this path.
fn hand_over_to(
    connection: &mut BufReader<TcpStream>,
    path: &str,
    body: &str,
) -> Option<(String, String)> {
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    connection.get_mut().write_all(request.as_bytes()).ok()?;
    let (mut status, mut length) = (None, 0);
    loop {
        let mut line = String::new();
        if connection.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_ascii_lowercase();
        if let Some(rest) = line.strip_prefix("http/1.1 ") {
            status = rest.get(..3).map(str::to_owned);
        } else if let Some(rest) = line.strip_prefix("content-length: ") {
            length = rest.parse().ok()?;
        } else if line.is_empty() {
            break;
        }
    }
    let mut answer = vec![0; length];
    connection.read_exact(&mut answer).ok()?;
    Some((status?, String::from_utf8_lossy(&answer).into_owned()))
}
