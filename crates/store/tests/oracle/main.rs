//! The embedded store's answers beside the real engine's, value by value, over the same spans.

mod queries;
mod spans;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tollgate_store::sql::{Cell, Scope, SqlQuery};
use tollgate_store::{SpanRow, SpanStore, Sqlite, SqliteSettings};

use queries::{DOCUMENTED, FURTHER};

/// How many spans there are.
const SPANS: usize = 200_000;
/// Two ways to add numbers up differ by this much at most.
const RELATIVE_ERROR_MAX: f64 = 1e-9;

fn sdk_folder() -> PathBuf {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/sdk");
    std::env::var_os("TOLLGATE_SDK_DIR").map_or(default, PathBuf::from)
}

/// `true` if the engine is there. In CI a missing one is a failure; elsewhere the test says so.
fn engine_is_installed() -> bool {
    let mark = sdk_folder().join("python-is-installed");
    if mark.exists() {
        return true;
    }
    let what = format!("{} is missing: run .ci/setup-sdks to install it", mark.display());
    assert!(std::env::var_os("CI").is_none(), "{what}");
    eprintln!("skipped: {what}");
    false
}

fn row_as_json(row: &SpanRow) -> Value {
    let map = |pairs: &[(String, String)]| {
        Value::Object(pairs.iter().map(|(k, v)| (k.clone(), v.clone().into())).collect())
    };
    json!({
        "Timestamp": time(row.timestamp_ns), "TraceId": row.trace_id, "SpanId": row.span_id,
        "ParentSpanId": row.parent_span_id, "TraceState": row.trace_state, "SpanName": row.name,
        "SpanKind": row.kind.as_str(), "ServiceName": row.service_name,
        "ResourceAttributes": map(&row.resource_attributes), "ScopeName": row.scope_name,
        "ScopeVersion": row.scope_version, "SpanAttributes": map(&row.attributes),
        "Duration": row.duration_ns, "StatusCode": row.status.as_str(),
        "StatusMessage": row.status_message,
        "Events.Timestamp": row.events.iter().map(|it| time(it.timestamp_ns)).collect::<Vec<_>>(),
        "Events.Name": row.events.iter().map(|it| &it.name).collect::<Vec<_>>(),
        "Events.Attributes": row.events.iter().map(|it| map(&it.attributes)).collect::<Vec<_>>(),
        "Links.TraceId": row.links.iter().map(|it| &it.trace_id).collect::<Vec<_>>(),
        "Links.SpanId": row.links.iter().map(|it| &it.span_id).collect::<Vec<_>>(),
        "Links.TraceState": row.links.iter().map(|it| &it.trace_state).collect::<Vec<_>>(),
        "Links.Attributes": row.links.iter().map(|it| map(&it.attributes)).collect::<Vec<_>>(),
    })
}

/// As ClickHouse reads a `DateTime64(9)`: seconds with nine digits behind the point.
fn time(ns: i64) -> String {
    format!("{}.{:09}", ns / 1_000_000_000, ns % 1_000_000_000)
}

fn theirs(folder: &Path, rows: &[SpanRow], queries: &[String]) -> Vec<Value> {
    let (rows_file, queries_file) = (folder.join("rows.jsonl"), folder.join("queries.json"));
    let lines: Vec<_> = rows.iter().map(|row| row_as_json(row).to_string()).collect();
    std::fs::write(&rows_file, lines.join("\n")).unwrap();
    std::fs::write(&queries_file, json!(queries).to_string()).unwrap();
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(sdk_folder().join("venv/bin/python"))
        .arg(here.join("../../tests/sdk/clickhouse_oracle.py"))
        .arg(here.join("tests/oracle/schema.sql"))
        .args([&rows_file, &queries_file])
        .env("TZ", "UTC")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Whether a value of ours is theirs.
fn same(ours: &Cell, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Cell::Null, theirs) => theirs.is_null(),
        (Cell::Int(ours), theirs) => theirs.as_i64() == Some(*ours),
        (Cell::UInt(ours), theirs) => theirs.as_u64() == Some(*ours),
        (Cell::Float(ours), theirs) => theirs.as_f64().is_some_and(|theirs| {
            (ours - theirs).abs() <= RELATIVE_ERROR_MAX * ours.abs().max(theirs.abs())
        }),
        (Cell::Text(ours), Value::String(theirs)) => ours == theirs,
        // Maps and lists.
        (Cell::Text(ours), theirs) => {
            serde_json::from_str::<Value>(ours).is_ok_and(|ours| ours == *theirs)
        }
    }
}

#[test]
fn every_query_has_the_real_engines_answer() {
    if !engine_is_installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let rows = spans::spans(SPANS, i64::try_from(now.as_nanos()).unwrap());
    let trace_id = rows[rows.len() / 2].trace_id.clone();
    let queries: Vec<_> = DOCUMENTED
        .iter()
        .chain(FURTHER)
        .map(|text| text.replace("{trace_id}", &trace_id).trim_end_matches(';').to_owned())
        .collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    let store = Sqlite::open(&folder.path().join("spans.db"), SqliteSettings::default()).unwrap();
    runtime.block_on(async {
        for batch in rows.chunks(8_192) {
            store.insert(batch.to_vec()).await.unwrap();
        }
    });
    let theirs = theirs(folder.path(), &rows, &queries);
    let mut wrong = Vec::new();
    for (at, (text, theirs)) in queries.iter().zip(&theirs).enumerate() {
        let query = SqlQuery {
            text: text.clone(),
            scope: Scope::All,
            rows_max: 100_000,
            time_max: Duration::from_secs(60),
        };
        let ours = match runtime.block_on(store.query(&query)) {
            Ok(ours) => ours,
            Err(error) => {
                wrong.push(format!("{text}\n  is refused: {error}"));
                continue;
            }
        };
        let Some(data) = theirs["data"].as_array() else {
            wrong.push(format!("{text}\n  the engine says {theirs}"));
            continue;
        };
        let mut data: Vec<_> = data.iter().map(|row| row.as_array().unwrap().clone()).collect();
        let mut rows = ours.rows.clone();
        if at == 3 || text.contains("UNION ALL SELECT 'all'") {
            // Without ORDER BY any order is right.
            data.sort_by_key(|row| row[0].to_string());
            rows.sort_by_key(|row| format!("{:?}", row[0]));
        }
        let equal = rows.len() == data.len()
            && rows.iter().zip(&data).all(|(ours, theirs)| {
                ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(a, b)| same(a, b))
            });
        if !equal {
            let first =
                rows.iter().zip(&data).find(|(a, b)| !a.iter().zip(*b).all(|(a, b)| same(a, b)));
            wrong.push(format!(
                "{text}\n  {} rows, not {}; first difference: {first:?}",
                rows.len(),
                data.len()
            ));
        }
        if at < DOCUMENTED.len() {
            assert!(!rows.is_empty(), "{text} found nothing, which proves nothing");
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} queries:\n{}",
        wrong.len(),
        queries.len(),
        wrong.join("\n")
    );
}
