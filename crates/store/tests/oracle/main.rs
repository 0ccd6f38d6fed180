//! The embedded store's answers beside the real engine's, value by value, over the same spans.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says when it is left out"
)]

#[path = "../../src/sqlite/tests/scope/queries.rs"]
mod generated;
mod queries;
mod spans;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tollgate_store::sql::{Cell, Scope, SqlQuery, Table, scoped};
use tollgate_store::{Pairs, SpanRow, SpanStore, Sqlite, SqliteSettings, StoreError, now_ns};

use queries::{DOCUMENTED, FURTHER};

/// How many spans there are.
const SPANS: usize = 200_000;
/// How long an answer may take, in a build that is not optimised, beside the other engine.
const ANSWER_MAX: Duration = Duration::from_secs(20);
/// How many queries are generated, and over how many spans: they join without end.
const GENERATED: u64 = 300;
const GENERATED_SPANS: usize = 24;
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
    let map = |pairs: &Pairs| {
        Value::Object(pairs.iter().map(|(k, v)| (k.to_string(), v.clone().into())).collect())
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

/// What the real engine answers to `queries` over `rows`.
fn theirs(folder: &Path, rows: &[SpanRow], queries: &[String]) -> Vec<Value> {
    let (rows_file, queries_file) = (folder.join("rows.jsonl"), folder.join("queries.json"));
    let mut out = BufWriter::new(File::create(&rows_file).unwrap());
    for row in rows {
        writeln!(out, "{}", row_as_json(row)).unwrap();
    }
    out.into_inner().unwrap();
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

/// What ours answers, one after the other.
fn ours(folder: &Path, rows: &[SpanRow], questions: &[Question]) -> Vec<Result<Table, StoreError>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    let store = Sqlite::open(&folder.join("spans.db"), SqliteSettings::default()).unwrap();
    runtime.block_on(async {
        for batch in rows.chunks(8_192) {
            store.insert(batch.to_vec()).await.unwrap();
        }
        let mut answers = Vec::new();
        let mut slowest = (Duration::ZERO, "");
        for question in questions {
            let query = SqlQuery {
                text: question.text.clone(),
                scope: question.scope.clone(),
                rows_max: 100_000,
                time_max: ANSWER_MAX,
            };
            let asked = Instant::now();
            answers.push(store.query(&query).await);
            slowest = slowest.max((asked.elapsed(), question.text.as_str()));
        }
        eprintln!("the slowest of {} took {:?}: {}", questions.len(), slowest.0, slowest.1);
        answers
    })
}

/// A query, and whose rows it may see.
struct Question {
    text: String,
    scope: Scope,
    /// Without ORDER BY any order is right.
    any_order: bool,
}

/// Both answers to every question; the two engines work at the same time.
fn both(rows: &[SpanRow], questions: &[Question]) -> Vec<(Result<Table, StoreError>, Value)> {
    let folder = tempfile::tempdir().unwrap();
    let there: Vec<_> = questions
        .iter()
        .map(|it| scoped(&it.text, &it.scope, now_ns()).unwrap_or_else(|error| error.to_string()))
        .collect();
    std::thread::scope(|threads| {
        let theirs = threads.spawn(|| theirs(folder.path(), rows, &there));
        let ours = ours(folder.path(), rows, questions);
        let theirs = theirs.join().unwrap();
        assert_eq!(ours.len(), theirs.len());
        ours.into_iter().zip(theirs).collect()
    })
}

/// Whether a value of ours is theirs.
fn same(ours: &Cell, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Cell::Null, theirs) => theirs.is_null(),
        (Cell::Int(ours), theirs) => theirs.as_i64() == Some(*ours),
        (Cell::UInt(ours), theirs) => theirs.as_u64() == Some(*ours),
        (Cell::Float(ours), theirs) => theirs.as_f64().is_some_and(|theirs| near(*ours, theirs)),
        (Cell::Text(ours), Value::String(theirs)) => ours == theirs,
        // Maps and lists.
        (Cell::Text(ours), theirs) => {
            serde_json::from_str(ours).is_ok_and(|ours: Value| same_list(&ours, theirs))
        }
    }
}

/// The engine reads numbers out of text without care for the last digit.
fn near(one: f64, other: f64) -> bool {
    (one - other).abs() <= RELATIVE_ERROR_MAX * one.abs().max(other.abs())
}

fn same_list(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len()
                && ours.iter().zip(theirs).all(|(ours, theirs)| same_list(ours, theirs))
        }
        (Value::Number(one), Value::Number(other)) => {
            let both = one.as_f64().zip(other.as_f64());
            one == other || both.is_some_and(|(one, other)| near(one, other))
        }
        _ => ours == theirs,
    }
}

/// What differs, if anything does.
fn difference(
    question: &Question,
    ours: &Result<Table, StoreError>,
    theirs: &Value,
) -> Option<String> {
    let text = format!("{:?}: {}", question.scope, question.text);
    let Ok(ours) = ours else { return Some(format!("{text}\n  is refused: {ours:?}")) };
    let Some(data) = theirs["data"].as_array() else {
        return Some(format!("{text}\n  the engine says {theirs}"));
    };
    let mut data: Vec<_> = data.iter().map(|row| row.as_array().unwrap().clone()).collect();
    let mut rows = ours.rows.clone();
    if question.any_order {
        data.sort_by_key(|row| format!("{row:?}"));
        rows.sort_by_key(|row| format!("{:?}", row.iter().map(as_json).collect::<Vec<_>>()));
    }
    let alike = |ours: &[Cell], theirs: &[Value]| {
        ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(a, b)| same(a, b))
    };
    if rows.len() == data.len() && rows.iter().zip(&data).all(|(a, b)| alike(a, b)) {
        return None;
    }
    let first = rows.iter().zip(&data).find(|(a, b)| !alike(a, b));
    let (ours, theirs) = (rows.len(), data.len());
    Some(format!("{text}\n  {ours} rows, not {theirs}; first difference: {first:?}"))
}

fn as_json(cell: &Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Int(number) => json!(number),
        Cell::UInt(number) => json!(number),
        Cell::Float(number) => json!(number),
        Cell::Text(text) => json!(text),
    }
}

#[test]
fn every_query_has_the_real_engines_answer() {
    if !engine_is_installed() {
        return;
    }
    let rows = spans::spans(SPANS, now_ns());
    let trace_id = rows[rows.len() / 2].trace_id.clone();
    let acme = Scope::Project("acme".to_owned());
    let mut questions = Vec::new();
    for (at, text) in DOCUMENTED.iter().chain(FURTHER).enumerate() {
        let text = text.replace("{trace_id}", &trace_id).trim_end_matches(';').to_owned();
        let any_order = at == 3 || text.contains("UNION ALL SELECT 'all'");
        let mut ask = |scope: &Scope| {
            questions.push(Question { text: text.clone(), scope: scope.clone(), any_order });
        };
        ask(&Scope::All);
        if at < DOCUMENTED.len() || at % 3 == 0 {
            ask(&acme);
        }
    }
    let answers = both(&rows, &questions);
    let found = questions.iter().zip(&answers);
    let wrong: Vec<_> =
        found.filter_map(|(question, (ours, theirs))| difference(question, ours, theirs)).collect();
    let count = questions.len();
    assert!(wrong.is_empty(), "{} of {count} queries:\n{}", wrong.len(), wrong.join("\n"));
    for (question, (ours, _)) in questions.iter().zip(&answers).take(2 * DOCUMENTED.len()) {
        let rows = &ours.as_ref().unwrap().rows;
        // One trace may have no span of this project.
        let may_be_empty = question.text.contains(&trace_id) && question.scope != Scope::All;
        assert!(may_be_empty || !rows.is_empty(), "{} found nothing", question.text);
    }
}

#[test]
fn generated_queries_have_the_real_engines_answer() {
    if !engine_is_installed() {
        return;
    }
    let rows = spans::spans(GENERATED_SPANS, now_ns());
    let mut questions = Vec::new();
    for choices in 0..GENERATED {
        let text = generated::generated(choices);
        let scope = match choices % 2 {
            0 => Scope::All,
            _ => Scope::Project("acme".to_owned()),
        };
        questions.push(Question { text, scope, any_order: true });
    }
    let answers = both(&rows, &questions);
    let (mut wrong, mut compared) = (Vec::new(), 0);
    for (question, (ours, theirs)) in questions.iter().zip(&answers) {
        // The engine has joins that it cannot do.
        if theirs["error"].as_str().is_some_and(|error| error.contains("JOIN")) {
            continue;
        }
        compared += 1;
        wrong.extend(difference(question, ours, theirs));
    }
    assert!(wrong.is_empty(), "{} of {compared} queries:\n{}", wrong.len(), wrong.join("\n"));
    assert!(compared * 10 > GENERATED * 9, "only {compared} of {GENERATED} were compared");
}
