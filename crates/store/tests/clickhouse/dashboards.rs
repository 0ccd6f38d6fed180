//! Every panel of `conf/grafana` on the engine, over spans that have something to show in each.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;
use tollgate_store::sql::{Cell, Scope, SqlQuery};
use tollgate_store::{EventRow, SpanRow, SpanStore, StatusCode};

use crate::rows::{row, start_ns};
use crate::shim::{Shim, root};

/// What the macros of Grafana's ClickHouse plugin stand for, as its documentation says.
fn expanded(sql: &str) -> String {
    let (from, to) = (start_ns() / 1_000_000_000 - 60, start_ns() / 1_000_000_000 + 3_600);
    let sql = sql
        .replace(
            "$__timeFilter(Timestamp)",
            &format!("(Timestamp >= toDateTime({from}) AND Timestamp <= toDateTime({to}))"),
        )
        .replace(
            "$__timeInterval(Timestamp)",
            "toStartOfInterval(toDateTime(Timestamp), INTERVAL 20 second)",
        );
    assert!(!sql.contains('$'), "a macro or variable that is not known here: {sql}");
    sql
}

/// Dashboard, panel, and the panel's SQL.
fn panels() -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root().join("conf/grafana")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let board: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        for panel in board["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().unwrap() {
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                found.push((name.clone(), text(&panel["title"]), text(&target["rawSql"])));
            }
        }
    }
    found
}

/// A call with every attribute that a panel may read; `way` makes them differ.
fn call(trace: u64, way: u64) -> SpanRow {
    let failed = way == 1;
    let mut call = row(start_ns(), trace, 1);
    call.attributes.extend(
        [
            ("gateway.outcome", if failed { "upstream_failed" } else { "complete" }),
            ("gen_ai.request.stream", "true"),
            ("gen_ai.server.output_tokens_per_second", "41.5"),
            ("gateway.stream.gap.max_seconds", "2.25"),
            ("gateway.stream.stalls", "1"),
            ("gateway.usage.cost", "0.0125"),
            ("gateway.routing.target", "primary"),
            ("gateway.routing.strategy", "fallback"),
            ("gateway.routing.attempt", "2"),
            ("gateway.routing.upstream_model", "gpt-4o"),
            ("gateway.function.name", "summarize"),
            ("gateway.variant.name", "fast"),
        ]
        .map(|(key, value)| (key.into(), value.to_owned())),
    );
    call.events.push(EventRow {
        timestamp_ns: call.timestamp_ns + 1,
        name: "gateway.attempt".to_owned(),
        attributes: [
            ("gateway.attempt.target", "primary"),
            ("gateway.attempt.provider", "openai"),
            ("gateway.attempt.message", "no answer"),
            ("error.type", "timeout"),
        ]
        .map(|(key, value)| (key.into(), value.to_owned()))
        .to_vec(),
    });
    if failed {
        call.status = StatusCode::Error;
        call.status_message = "the upstream answered 503".to_owned();
        for (key, value) in [("error.type", "request_error"), ("gateway.error.class", "503")] {
            call.attributes.push((key.into(), value.to_owned()));
        }
    }
    call
}

fn is_empty(cell: &Cell) -> bool {
    matches!(cell, Cell::Null) || matches!(cell, Cell::Text(text) if text.is_empty())
}

#[tokio::test]
async fn real_engine_fake_server_every_panel_has_an_answer_in_every_column() {
    let Some(shim) = Shim::start() else { return };
    let store = shim.store();
    let calls = (0..60).map(|trace| call(trace, trace % 3));
    store.insert(calls.collect()).await.unwrap();
    let panels = panels();
    let boards: BTreeSet<_> = panels.iter().map(|(board, ..)| board.as_str()).collect();
    let expected = ["errors.json", "genai-overview.json", "routing.json", "streaming.json"];
    assert_eq!(boards, expected.into());
    for (board, panel, sql) in &panels {
        let text = expanded(sql);
        let time_max = Duration::from_secs(20);
        let query = SqlQuery { text, scope: Scope::All, rows_max: 1_000, time_max };
        let table = store.query(&query).await.unwrap_or_else(|error| {
            panic!("{board}, {panel}: {error}\n{sql}");
        });
        assert!(!table.rows.is_empty(), "{board}, {panel} shows nothing: {sql}");
        for (at, column) in table.columns.iter().enumerate() {
            let shown = table.rows.iter().any(|row| !is_empty(&row[at]));
            assert!(shown, "{board}, {panel}: {column} is always empty");
        }
    }
}

#[test]
fn every_attribute_of_a_panel_is_documented() {
    let documented = std::fs::read_to_string(root().join("docs/telemetry.md")).unwrap();
    let mut seen = 0;
    for (board, panel, sql) in panels() {
        for piece in sql.split("['").skip(1) {
            let (attribute, _) = piece.split_once("']").unwrap();
            assert!(
                documented.contains(&format!("`{attribute}`")),
                "{board}, {panel}: nobody writes {attribute}"
            );
            seen += 1;
        }
    }
    assert!(seen > 50, "{seen} attributes only: the panels are read in another way");
}
