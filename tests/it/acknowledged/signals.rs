//! The same for metrics and logs, one client each: what was acknowledged has to be in ClickHouse, once.

use std::collections::BTreeMap;
use std::io::BufReader;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::{hand_over_to, words};
use crate::clickhouse::shim::Shim;
use crate::harness::PATIENCE;

const ITEMS_OF_EXPORT: u64 = 20;

/// A signal that is not spans.
#[derive(Clone, Copy)]
pub(crate) enum Of {
    Metrics,
    Logs,
}

/// A table that has every item of a signal.
struct Table {
    name: &'static str,
    /// Where an item's id and its value are.
    columns: &'static str,
    /// The value, from the id.
    value: fn(&str) -> String,
}

/// What the client of one signal was told: the project of each item, by its id.
#[derive(Default)]
pub(crate) struct Told {
    items: Mutex<BTreeMap<String, String>>,
    /// Exports that were refused with 503: try again later.
    pub(crate) refused: AtomicU64,
    /// Other answers, none of which should be.
    other: Mutex<Vec<String>>,
}

/// A running client.
pub(crate) struct Client {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Client {
    /// Starts a client of the collector's HTTP port, with a pause after each export.
    pub(crate) fn start(of: Of, port: u16, seed: u64, pause: Duration, told: &Arc<Told>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, told) = (Arc::clone(&stop), Arc::clone(told));
        let thread = std::thread::spawn(move || run(of, port, seed, pause, &stopped, &told));
        Self { stop, thread }
    }

    /// Ends it, once it has its last answer.
    pub(crate) fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
    }
}

impl Told {
    pub(crate) fn len(&self) -> usize {
        self.items.lock().unwrap().len()
    }

    /// Compares with what is in the tables, row by row. How many items were acknowledged.
    pub(crate) fn judge(&self, of: Of, shim: &Shim, about: &str) -> usize {
        assert!(self.other.lock().unwrap().is_empty(), "{about}: {:?}", self.other);
        let told = self.items.lock().unwrap();
        for Table { name: table, columns, value } in of.tables() {
            let rows = shim.sql(&format!(
                "SELECT {columns}, ResourceAttributes['project.id'] FROM otel.{table} \
                 WHERE ServiceName = 'acknowledged' FORMAT TabSeparatedRaw"
            ));
            let mut found: BTreeMap<&str, u64> = BTreeMap::new();
            for line in rows.lines() {
                let [id, said, project] = line.split('\t').collect::<Vec<_>>()[..] else {
                    panic!("{about}, {table}: {line:?}");
                };
                *found.entry(id).or_default() += 1;
                // What was on its way when the process was killed may be there.
                let Some(expected) = told.get(id) else { continue };
                assert_eq!((project, said), (&**expected, &*value(id)), "{about}, {table}");
            }
            let twice: Vec<_> = found.iter().filter(|(_, times)| **times > 1).collect();
            assert!(twice.is_empty(), "{about}, {table}: there twice: {twice:?}");
            let lost = told.keys().filter(|id| !found.contains_key(id.as_str())).count();
            assert_eq!(lost, 0, "{about}, {table}: lost, of {} items", told.len());
        }
        told.len()
    }
}

impl Of {
    const fn path(self) -> &'static str {
        match self {
            Self::Metrics => "/v1/metrics",
            Self::Logs => "/v1/logs",
        }
    }

    fn tables(self) -> Vec<Table> {
        let of_points =
            |name, value| Table { name, columns: "Attributes['id'], toString(Value)", value };
        match self {
            Self::Metrics => vec![
                of_points("otel_metrics_gauge", |id| gauge(id).to_string()),
                of_points("otel_metrics_sum", |_| "3".to_owned()),
            ],
            Self::Logs => vec![Table {
                name: "otel_logs",
                columns: "LogAttributes['id'], concat(EventName, ': ', Body)",
                value: |id| format!("step.done: {}", words(id)),
            }],
        }
    }

    fn export(self, ids: &[String], project: &str) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos().to_string();
        let text = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
        let resource = json!({"attributes": [
            text("service.name", "acknowledged"), text("project.id", project),
        ]});
        let points = |value: fn(&str) -> Value| -> Vec<Value> {
            let point = |id: &String| {
                let mut point = value(id);
                point["timeUnixNano"] = json!(now);
                point["attributes"] = json!([text("id", id)]);
                point
            };
            ids.iter().map(point).collect()
        };
        let whole = match self {
            Self::Metrics => {
                let gauges = points(|id| json!({"asDouble": gauge(id)}));
                let sums = points(|_| json!({"asInt": "3"}));
                json!({"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": [
                    {"name": "work.level", "gauge": {"dataPoints": gauges}},
                    {"name": "work.done", "sum": {
                        "aggregationTemporality": 2, "isMonotonic": true, "dataPoints": sums,
                    }},
                ]}]}]})
            }
            Self::Logs => {
                let record = |id: &String| {
                    json!({
                        "timeUnixNano": now, "severityNumber": 13, "eventName": "step.done",
                        "body": {"stringValue": words(id)}, "attributes": [text("id", id)],
                    })
                };
                let records: Vec<_> = ids.iter().map(record).collect();
                json!({"resourceLogs": [{
                    "resource": resource, "scopeLogs": [{"logRecords": records}],
                }]})
            }
        };
        whole.to_string()
    }
}

/// A gauge's value, from its id: quarters are printed as they are.
fn gauge(id: &str) -> f64 {
    f64::from(u16::from_str_radix(&id[..4], 16).unwrap()) + 0.25
}

/// Hands items over until told to stop, or until nobody answers any more.
fn run(of: Of, port: u16, seed: u64, pause: Duration, stop: &AtomicBool, told: &Told) {
    let mut random = fastrand::Rng::with_seed(seed);
    let project = format!("project-{}", seed % 3);
    let Ok(connection) = TcpStream::connect(("127.0.0.1", port)) else { return };
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut connection = BufReader::new(connection);
    while !stop.load(Ordering::Relaxed) {
        let items = 1 + random.u64(..ITEMS_OF_EXPORT);
        let ids: Vec<_> = (0..items).map(|_| format!("{:032x}", random.u128(1..))).collect();
        let body = of.export(&ids, &project);
        let Some((status, answer)) = hand_over_to(&mut connection, of.path(), &body) else {
            return;
        };
        match status.as_str() {
            "200" if !answer.contains("rejected") => {
                let items = ids.into_iter().map(|id| (id, project.clone()));
                told.items.lock().unwrap().extend(items);
            }
            "503" => {
                told.refused.fetch_add(1, Ordering::Relaxed);
            }
            _ => told.other.lock().unwrap().push(format!("{status} {answer}")),
        }
        std::thread::sleep(pause);
    }
}
